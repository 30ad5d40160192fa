"""Route: the event goes to the one agent it names."""

from __future__ import annotations

from collections.abc import Awaitable

from agentflow.event import Event
from agentflow.orchestration.outcome import Outcome, Run
from agentflow.state import State


def route(run: Run, event: Event, state: State, agent: str) -> Awaitable[Outcome]:
    """Run ``agent``; what comes of it is the outcome."""
    return run(agent, event, state)

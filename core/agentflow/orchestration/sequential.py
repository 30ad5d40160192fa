"""Sequential: a pipeline, each agent working on what the last one left."""

from __future__ import annotations

from collections.abc import Sequence

from agentflow.event import Event
from agentflow.orchestration.outcome import Outcome, Run
from agentflow.state import State


async def sequential(
    run: Run, event: Event, state: State, agents: Sequence[str], done: int = 0
) -> Outcome:
    """Run ``agents`` in order until one fails, beginning after the first ``done`` of them.

    On a failure the outcome is the state from before the agent that failed, with its
    name under ``failed_stage``.
    """
    last = ""
    for agent in agents[done:]:
        outcome = await run(agent, event, state)
        state = outcome.state
        if outcome.error is not None:
            state["failed_stage"] = state.meta["failed_stage"] = agent
            return outcome
        last = agent
    return Outcome(state, None, last)

"""What a mode is given and what it gives back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import msgspec

from agentflow.event import Event
from agentflow.state import State


class Outcome(msgspec.Struct, eq=False):
    """How one run, or a whole orchestration, ended.

    ``error`` is None when it succeeded; ``agent`` is the one that ran last, or failed.
    """

    state: State
    error: BaseException | None = None
    agent: str = ""


Run: TypeAlias = Callable[[str, Event, State], Awaitable[Outcome]]
"""Runs one agent, with its retries and limits.

Never raises for what the agent does: a failure is in the outcome, with the state from
before the run.
"""

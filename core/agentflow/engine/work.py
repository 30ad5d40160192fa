"""Work: what an execution needs only while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from agentflow.state import State

if TYPE_CHECKING:
    from agentflow.engine.dispatcher import Dispatcher
    from agentflow.engine.guards import Guard
    from agentflow.engine.plan import Choice
    from agentflow.errors import DroppedAtBreakpoint

Attempt: TypeAlias = tuple[State, Any, BaseException | None]
"""The state a handler was given, and what it returned or raised."""


class Resumed(NamedTuple):
    """Where the express lane left off: steps done, the state then, and a try at the next one."""

    choice: Choice
    done: int
    state: State
    tried: Attempt | None


class Work:
    """What an execution needs while it runs, and lets go of at its end.

    ``active`` are the agent runs going on in a parallel phase; ``parked_held`` and
    ``parked_retry`` those of them that wait; ``released`` says that all of them do and
    the slot was given up. ``fresh`` is the state made from the event's data until
    something has touched it, ``tried`` an attempt that was made before ``run``,
    ``begun`` whether one lies behind it that is not among the runs. ``stood`` is for how many
    seconds time stood still, ``stopped`` whether it ever did for this event,
    ``dropped`` the error of an event that an operator has dropped.
    """

    __slots__ = (
        "active", "begun", "choice", "dispatcher", "dropped", "fresh", "guard", "parked_held",
        "parked_retry", "released", "stood", "stopped", "tried",
    )  # fmt: skip

    def __init__(self, dispatcher: Dispatcher, choice: Choice, guard: Guard) -> None:
        self.dispatcher = dispatcher
        self.choice = choice
        self.guard = guard
        self.active = self.parked_held = self.parked_retry = 0
        self.released = self.begun = self.stopped = False
        self.dropped: DroppedAtBreakpoint | None = None
        self.stood = 0.0
        self.fresh: State | None = None
        self.tried: Attempt | None = None

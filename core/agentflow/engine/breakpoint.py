"""Breakpoint: one place where events are stopped, and the lanes that stay open for others."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from agentflow.engine.hooks import HookPoint
from agentflow.filters import Predicate

if TYPE_CHECKING:
    from agentflow.engine.plan import Lane
    from agentflow.event import Event

Key: TypeAlias = tuple[str, str, str, str, int, bool]

POINTS = tuple(point for point in HookPoint if point is not HookPoint.ALL)
"""The hook points where an event can be stopped."""

EVENT_POINTS = (HookPoint.BEFORE_EVENT_HANDLING, HookPoint.AFTER_EVENT_HANDLING)


class Breakpoint:
    """Where events stop: at ``hook`` (None: any), of ``agent`` (a glob; "": any), under ``mode``
    ("": any), when the predicate ``when`` fits, at the ``stop_at``-th hit and all after it.

    At the hook points of the event itself ``agent`` is the one that the event is for.
    ``origin`` is who has set it: "operator" or "file".
    """

    __slots__ = (
        "_fits", "agent", "applied", "enabled", "hits", "hook", "mode", "number", "origin",
        "stop_at", "when",
    )  # fmt: skip

    def __init__(
        self,
        number: int,
        hook: HookPoint | None = None,
        agent: str = "",
        mode: str = "",
        when: str = "",
        stop_at: int = 1,
        enabled: bool = True,
        origin: str = "operator",
    ) -> None:
        self.number = number
        self.hook = hook
        self.agent = agent
        self.mode = mode
        self.when = Predicate(when)
        self.stop_at = stop_at
        self.enabled = enabled
        self.origin = origin
        self.hits = 0
        self.applied = True
        """Whether it applied when that was last looked at."""
        self._fits = re.compile(fnmatch.translate(agent.casefold())).match

    @property
    def key(self) -> Key:
        """What was asked for: two breakpoints with the same key are alike."""
        return (str(self.hook or "any"), self.agent, self.mode, self.when.text, self.stop_at,
                self.enabled)  # fmt: skip

    def is_at(self, hook: HookPoint) -> bool:
        """Whether it is meant for this hook point."""
        return self.hook is None or self.hook is hook

    def is_for(self, agent: str) -> bool:
        """Whether it is meant for this agent."""
        return not self.agent or self._fits(agent.casefold()) is not None

    def may_stop(self, lane: Lane, target: str, mode: str) -> bool:
        """Whether an event for ``target`` could be stopped on its way through ``lane``."""
        if self.mode and self.mode != mode:
            return False
        for_event = self.hook is None or self.hook in EVENT_POINTS
        for_agents = self.hook is None or self.hook not in EVENT_POINTS
        return (for_event and self.is_for(target)) or (
            for_agents and any(self.is_for(agent.name) for agent in lane.steps)
        )

    @property
    def where(self) -> str:
        """Where it stops, in a few words."""
        hook = "any hook" if self.hook is None else str(self.hook)
        return f"{hook} of {self.agent}" if self.agent else hook


LaneFor: TypeAlias = "Callable[[Event], Lane | None]"
"""An express lane for those events of which no breakpoint can be meant for them."""


def lane_for(lane: Lane, against: Sequence[Breakpoint]) -> LaneFor:
    """``lane``, unless a test of the event alone says that a breakpoint may fit."""
    tests = [
        point.when.of_event[0] if len(point.when.of_event) == 1 else point.when.may_fit
        for point in against
    ]
    only = tests[0] if len(tests) == 1 else lambda event: any(test(event) for test in tests)

    def pick(event: Event) -> Lane | None:
        try:
            return None if only(event) else lane
        except Exception:  # a value that refuses to be looked at
            return None

    return pick

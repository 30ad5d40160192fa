"""Hooks: callbacks at fixed points of an event's way through the engine.

Callbacks are compiled into one tuple for each point when they are registered, so that a
point without callbacks costs one truth test. A tuple is never changed, only replaced:
what is registered from inside a callback counts from the next firing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import TypeAlias

import msgspec

from agentflow.agent import AgentResult
from agentflow.event import Event
from agentflow.resilience.dead_letters import describe
from agentflow.state import State
from agentflow.telemetry.metrics import Meter


class HookPoint(StrEnum):
    """Where a callback can be hung in. ALL hangs it in everywhere."""

    BEFORE_EVENT_HANDLING = "BeforeEventHandling"
    AFTER_EVENT_HANDLING = "AfterEventHandling"
    BEFORE_AGENT_RUN = "BeforeAgentRun"
    AFTER_AGENT_RUN = "AfterAgentRun"
    AGENT_ERROR = "AgentError"
    ALL = "AllHooks"


class CallbackArgs(msgspec.Struct, eq=False):
    """What a callback is told. ``result`` and ``error`` are None where there is none yet."""

    hook: HookPoint
    event: Event
    state: State
    agent_id: str = ""
    result: AgentResult | None = None
    error: BaseException | None = None


CallbackResult: TypeAlias = "State | Awaitable[State | None] | None"
CallbackFunc: TypeAlias = Callable[[CallbackArgs], CallbackResult]


class Callback:
    """One registered callback and what it has done so far."""

    __slots__ = (
        "_titles", "call", "fired", "hook", "latency", "meter", "name", "returns", "vetoed",
    )  # fmt: skip

    def __init__(self, hook: HookPoint, name: str, call: CallbackFunc) -> None:
        self.hook = hook
        self.name = name
        self._titles = {point: f"{point} {name}" for point in HookPoint}
        self.call = call
        self.fired = 0
        self.vetoed = 0
        self.returns = False
        """Whether it has ever returned a State: then what it changes is looked for."""
        self.meter = Meter()
        self.latency = self.meter.latency.pending

    def title(self, hook: HookPoint) -> str:
        """What to call its firing at ``hook`` in a trace."""
        return self._titles[hook]

    def failed(self, error: BaseException, now: float) -> None:
        """Record an error against this callback; ``now`` is seconds since the epoch."""
        self.meter.errors += 1
        self.meter.last_error = describe(error)
        self.meter.last_time = now


STOPS = Callback(HookPoint.ALL, "breakpoints", lambda args: None)
"""Stands first among the callbacks of a point where an event may be stopped."""


def without_stops(callbacks: tuple[Callback, ...]) -> tuple[Callback, ...]:
    """Only the callbacks: nothing is stopped here (any more)."""
    return callbacks[1:] if callbacks and callbacks[0] is STOPS else callbacks


class Hooks:
    """The callbacks of one runner, compiled for each point.

    Points where breakpoints are set begin with STOPS, so that they cost nothing elsewhere; at
    those of an agent's run this is so for the agents that one is meant for (Vitals.watched).
    ``in_the_way`` is whether a callback is registered at a point that every event passes.
    """

    def __init__(self) -> None:
        self._stops: frozenset[HookPoint] = frozenset()
        self.in_the_way = False
        self._registered: dict[HookPoint, dict[str, Callback]] = {point: {} for point in HookPoint}
        self.before_event: tuple[Callback, ...] = ()
        self.after_event: tuple[Callback, ...] = ()
        self.before_agent: tuple[Callback, ...] = ()
        self.after_agent: tuple[Callback, ...] = ()
        self.agent_error: tuple[Callback, ...] = ()
        self.before_watched: tuple[Callback, ...] = (STOPS,)
        """The same as ``before_agent``, for agents that a breakpoint is meant for."""
        self.after_watched: tuple[Callback, ...] = (STOPS,)

    def register(self, hook: HookPoint | str, name: str, callback: CallbackFunc) -> None:
        """Hang in ``callback``. Raises ValueError for an empty or taken name, or no such hook."""
        point = HookPoint(hook)
        if not name or not name.strip():
            raise ValueError("a callback needs a name")
        if not callable(callback):
            raise TypeError(f"callback {name!r} cannot be called")
        if name in self._registered[point]:
            raise ValueError(f"{point.value} has a callback named {name!r} already")
        self._registered[point][name] = Callback(point, name, callback)
        self._compile()

    def unregister(self, hook: HookPoint | str, name: str) -> bool:
        """Take a callback out; False if there was none of that name."""
        found = self._registered[HookPoint(hook)].pop(name, None) is not None
        self._compile()
        return found

    def stop_at(self, points: frozenset[HookPoint]) -> None:
        """Look for breakpoints at these points, and only there."""
        if points != self._stops:
            self._stops = points
            self._compile()

    def _compile(self) -> None:
        everywhere = tuple(self._registered[HookPoint.ALL].values())
        self.in_the_way = bool(everywhere) or any(
            named for point, named in self._registered.items() if point != HookPoint.AGENT_ERROR
        )

        def at(point: HookPoint) -> tuple[Callback, ...]:
            return tuple(self._registered[point].values()) + everywhere

        def watched(point: HookPoint) -> tuple[Callback, ...]:
            return (STOPS, *at(point)) if point in self._stops else at(point)

        self.before_event = watched(HookPoint.BEFORE_EVENT_HANDLING)
        self.after_event = watched(HookPoint.AFTER_EVENT_HANDLING)
        self.before_agent = at(HookPoint.BEFORE_AGENT_RUN)
        self.after_agent = at(HookPoint.AFTER_AGENT_RUN)
        self.before_watched = (STOPS, *self.before_agent)
        self.after_watched = (STOPS, *self.after_agent)
        self.agent_error = watched(HookPoint.AGENT_ERROR)

    def callbacks(self) -> list[Callback]:
        """Every registered callback."""
        return [found for named in self._registered.values() for found in named.values()]

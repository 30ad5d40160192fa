"""Breakpoints: where events are to be stopped, and which of them are stopped now.

A breakpoint is looked for only at the hook points where one is set, and only for the
agents that it can be meant for: all other events go as if there were none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from agentflow.engine.breakpoint import EVENT_POINTS, POINTS, Breakpoint, Key, LaneFor, lane_for
from agentflow.engine.hooks import STOPS, HookPoint
from agentflow.engine.stops import StandStill, Stop
from agentflow.filters import Moment
from agentflow.resilience.dead_letters import describe

if TYPE_CHECKING:
    from agentflow.config.breakpoints import BreakpointConfig
    from agentflow.engine.dispatcher import Dispatcher
    from agentflow.engine.execution import Execution
    from agentflow.engine.plan import Lane, Plan
    from agentflow.state import State

MAX_BREAKPOINTS = 1_000
_MAX_NAMES = 1_000  # names of agents whose breakpoints are remembered, for each point


def _written(one: BreakpointConfig) -> Key:
    return (one.hook, one.agent, one.mode or "", one.when, one.hits, one.enabled)


Lanes: TypeAlias = tuple[dict[str, "Lane"], dict[str, LaneFor]]
"""The express lanes that are open, and those that are open to some events, by target."""


class Breakpoints:
    """The breakpoints of one runner, and what is stopped at them."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._all: dict[int, Breakpoint] = {}
        self._found: dict[HookPoint, dict[str, tuple[Breakpoint, ...]]] = {}
        self._last = 0
        self._last_stop = 0
        self.stops: dict[int, Stop] = {}
        """What is stopped now, by number."""
        self.stepping: dict[Execution, tuple[str, int]] = {}
        """Who stops at its next hook point: "step" or "over", and the breakpoint it came from."""
        self.clock = StandStill(dispatcher)
        self.open = False
        """Whether nothing is stopped (any more): the runner ends."""
        self._marked = False
        self.changes = 0
        self.on_quit = ""
        """What an operator wants to become of stopped events at the end; "" for as configured."""

    def __iter__(self) -> Iterator[Breakpoint]:
        return iter(list(self._all.values()))

    def __len__(self) -> int:
        return len(self._all)

    @property
    def revision(self) -> int:
        """Another number whenever a breakpoint, or what is known of one, is another."""
        return self.changes + sum(point.hits for point in self._all.values())

    # -- setting --------------------------------------------------------------------------

    def find(self, number: int) -> Breakpoint | None:
        """The breakpoint of this number."""
        return self._all.get(number)

    def set(
        self,
        hook: HookPoint | str | None = None,
        agent: str = "",
        mode: str = "",
        when: str = "",
        stop_at: int = 1,
        *,
        enabled: bool = True,
        origin: str = "operator",
        number: int | None = None,
    ) -> Breakpoint:
        """Set a breakpoint, or put this one in the place of breakpoint ``number``.

        Raises ValueError for a hook point that doesn't exist, a predicate that can't be read
        and a count below 1.
        """
        point = HookPoint(hook) if hook else None
        if point is HookPoint.ALL:
            point = None
        if stop_at < 1:
            raise ValueError("a breakpoint stops at its first hit or a later one")
        if number is None and len(self._all) >= MAX_BREAKPOINTS:
            raise ValueError(f"there are {MAX_BREAKPOINTS:,} breakpoints already")
        if number is None:
            number = self._last + 1
        breakpoint_ = Breakpoint(number, point, agent.strip(), mode, when, stop_at, enabled, origin)
        if breakpoint_.when.error:
            raise ValueError(f"the condition cannot be read: {breakpoint_.when.error}")
        self._last = max(self._last, number)
        self._all[number] = breakpoint_
        self.compile()
        return breakpoint_

    def remove(self, number: int) -> bool:
        """Take a breakpoint out; False if there is none. What it has stopped stays stopped."""
        found = self._all.pop(number, None) is not None
        self.compile()
        return found

    def enable(self, number: int, enabled: bool) -> bool:
        """Let a breakpoint stop events, or not; False if there is none."""
        found = self._all.get(number)
        if found is not None:
            found.enabled = enabled
            self.compile()
        return found is not None

    def compile(self) -> None:
        """Have breakpoints looked for where they are, and nowhere else."""
        self.changes += 1
        self._found = {point: {} for point in POINTS}
        for ended in [one for one in self.stepping if one.work is None]:
            del self.stepping[ended]
        points: set[HookPoint] = set()
        if not self.open:
            for point in self._armed():
                points.update(POINTS if point.hook is None else (point.hook,))
            if self.stepping:
                points.update(POINTS)
        dispatcher = self._dispatcher
        dispatcher.hooks.stop_at(frozenset(points))
        if hasattr(dispatcher, "plan"):
            dispatcher.look_express()

    def _armed(self) -> list[Breakpoint]:
        return [] if self.open else [point for point in self._all.values() if point.enabled]

    def lanes(self, plan: Plan) -> Lanes:
        """The express lanes of a plan that are open, and those that are open to some events.

        An event that fails leaves its lane anyway, so that a breakpoint on AgentError
        closes none.
        """
        armed = [point for point in self._armed() if point.hook is not HookPoint.AGENT_ERROR]
        if not armed:
            return plan.lanes, {}
        free: dict[str, Lane] = {}
        watched: dict[str, LaneFor] = {}
        for target, lane in plan.lanes.items():
            against = [point for point in armed if point.may_stop(lane, target, plan.mode)]
            if not against:
                free[target] = lane
            elif all(point.when.of_event for point in against):
                watched[target] = lane_for(lane, against)
        return free, watched

    def take(self, written: Sequence[BreakpointConfig]) -> None:
        """Set what the configuration says; what it has said before and doesn't now goes."""
        wanted = {_written(one): one for one in written}
        for point in self:
            if point.origin == "file" and wanted.pop(point.key, None) is None:
                self.remove(point.number)
        for one in wanted.values():
            hook = None if one.hook == "any" else one.hook
            self.set(hook, one.agent, one.mode or "", one.when, one.hits, enabled=one.enabled,
                     origin="file")  # fmt: skip

    def pack(self) -> dict[str, Any]:
        """What an operator has set, as plain data, for the next engine or the next start."""
        return {
            "on_quit": self.on_quit,
            "last": self._last,
            "revision": self.revision,
            "set": [[point.number, *point.key, point.hits] for point in self
                    if point.origin == "operator"],
        }  # fmt: skip

    def unpack(self, packed: Mapping[str, Any]) -> int:
        """Set again what ``pack`` has kept; how many there are."""
        self.on_quit = packed["on_quit"]
        for number, hook, agent, mode, when, stop_at, enabled, hits in packed["set"]:
            hook = None if hook == "any" else hook
            free = number if number not in self._all else None
            self.set(hook, agent, mode, when, stop_at, enabled=enabled, number=free).hits = hits
        self._last = max(self._last, packed["last"])
        self.changes = max(self.changes, packed["revision"]) + 1
        return len(packed["set"])

    def applies(self, point: Breakpoint) -> bool:
        """Whether there is an agent that it can be meant for, as far as that can be known."""
        canary = self._dispatcher.canary
        agents = [*self._dispatcher.plan.agents, *(canary.plan.agents if canary else ())]
        return not point.agent or any(map(point.is_for, agents)) or not agents

    def left_behind(self) -> list[Breakpoint]:
        """Breakpoints that no longer apply, each of them said once."""
        found = []
        for point in self:
            applies = self.applies(point)
            if point.applied and not applies:
                found.append(point)
            point.applied = applies
        return found

    def mark(self, plans: Sequence[Plan]) -> None:
        """Note with each agent whether its runs may be stopped."""
        armed = [
            point
            for point in self._armed()
            if point.hook in (None, HookPoint.BEFORE_AGENT_RUN, HookPoint.AFTER_AGENT_RUN)
        ]
        stepping = bool(self.stepping)
        if not (armed or stepping or self._marked):
            return
        self._marked = bool(armed) or stepping
        for plan in plans:
            for agent in plan.agents.values():
                agent.vitals.watched = stepping or any(p.is_for(agent.name) for p in armed)

    # -- stopping -------------------------------------------------------------------------

    def look(
        self,
        execution: Execution,
        hook: HookPoint,
        state: State,
        agent: str,
        error: BaseException | None = None,
    ) -> Stop | None:
        """Whether ``execution``, which has come to ``hook``, is stopped there."""
        work = execution.work
        if work.dropped is not None or self._dispatcher.closing:
            return None
        name = agent
        if hook in EVENT_POINTS:
            name = execution.event.route or work.choice.plan.target_of(execution.event)
        found = self._found[hook].get(name)
        if found is None:
            found = tuple(p for p in self._armed() if p.is_at(hook) and p.is_for(name))
            if len(self._found[hook]) < _MAX_NAMES:
                self._found[hook][name] = found
        hit: Breakpoint | None = None
        for point in found:
            if self._fits(point, execution, hook, state, name, error):
                point.hits += 1
                if hit is None and point.hits >= point.stop_at:
                    hit = point
        if self.stepping:
            number = self._step_to(execution, hook, agent)
            if number is not None:
                return self._stop(hit.number if hit else number, hit is None, execution, hook,
                                  name, state, error)  # fmt: skip
        if hit is None:
            return None
        return self._stop(hit.number, False, execution, hook, name, state, error)

    def look_at_failure(
        self, execution: Execution, agent: str, state: State, error: BaseException
    ) -> Stop | None:
        """Whether ``execution`` is stopped because its agent has failed for good."""
        callbacks = self._dispatcher.hooks.agent_error
        if not callbacks or callbacks[0] is not STOPS:
            return None
        return self.look(execution, HookPoint.AGENT_ERROR, state, agent, error)

    def _fits(
        self,
        point: Breakpoint,
        execution: Execution,
        hook: HookPoint,
        state: State,
        agent: str,
        error: BaseException | None,
    ) -> bool:
        if point.mode and point.mode != execution.mode:
            return False
        when = point.when
        if not when.text:
            return True
        try:
            if not when.may_fit(execution.event):
                return False
            if not when.of_moment:
                return True
            age = self._dispatcher.now() - execution.accepted
            text = "" if error is None else describe(error)
            return when.fits(
                Moment(execution.event, state, str(hook), agent, execution.mode,
                       execution.attempt, text, execution.seq, execution.version, age)
            )  # fmt: skip
        except Exception:  # a value that refuses to be looked at
            return False

    def _step_to(self, execution: Execution, hook: HookPoint, agent: str) -> int | None:
        """The breakpoint from which a step has come here; None if none has."""
        how, number = self.stepping.get(execution, ("", 0))
        if not how or (how == f"over {agent}" and hook is HookPoint.AFTER_AGENT_RUN):
            return None
        self.forget(execution)
        return number

    def _stop(
        self,
        number: int,
        stepped: bool,
        execution: Execution,
        hook: HookPoint,
        agent: str,
        state: State,
        error: BaseException | None,
    ) -> Stop:
        self._last_stop += 1
        return Stop(self._dispatcher, self._last_stop, number, stepped, execution, hook, agent,
                    state, error)  # fmt: skip

    def step(self, execution: Execution, how: str, number: int) -> None:
        """Stop ``execution`` at its next hook point, whatever it is."""
        self.stepping[execution] = (how, number)
        self.compile()

    def forget(self, execution: Execution) -> None:
        """Nothing is stopped for this execution at its next hook point."""
        if self.stepping.pop(execution, None) is not None and not self.stepping:
            self.compile()

    def stopped(self, execution: Execution) -> Stop | None:
        """Where this execution is stopped; None if it isn't."""
        for stop in self.stops.values():
            if stop.execution is execution:
                return stop
        return None

    def quit(self, *, release: bool) -> None:
        """The runner is to end: let everything go on, and stop nothing more, if ``release``."""
        if not release:
            return
        self.open = True
        self.stepping.clear()
        self.compile()
        for stop in list(self.stops.values()):
            if stop.execution.work is not None:
                stop.go("continue")

    def begin(self) -> None:
        """The runner starts (again)."""
        self.open = False
        self.compile()

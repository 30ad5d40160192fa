"""Stops: an event at a breakpoint, what an operator does with it, and its time standing still.

A stopped event is held, without a slot, like one whose agent is paused. Until it goes on
no time limit of it runs, nor of anything around it or inside it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from agentflow.engine.edits import ABSENT, differences, same
from agentflow.engine.hooks import Callback, HookPoint, without_stops
from agentflow.engine.parking import look_parked, park, say, wake_up
from agentflow.errors import DroppedAtBreakpoint
from agentflow.frozen import thaw

if TYPE_CHECKING:
    from agentflow.engine.dispatcher import Dispatcher
    from agentflow.engine.execution import Execution
    from agentflow.engine.work import Work
    from agentflow.event import Event
    from agentflow.state import State

VERDICTS = ("continue", "step", "step_over", "drop")
"""What may be done with a stopped event."""


class StandStill:
    """Whose time stands still: that of whole families, an event and all that is nested in it."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._roots: dict[Execution, list[float]] = {}
        """How many stops there are in a family, and until when its limits are moved already."""

    def root_of(self, execution: Execution) -> Execution:
        """The outermost execution that this one is nested in, or itself."""
        nested = self._dispatcher.nested
        while execution in nested:
            execution = nested[execution]
        return execution

    def halt(self, execution: Execution) -> Execution:
        """Let no limit run out from now on; the root for ``go_on``."""
        root = self.root_of(execution)
        self._roots.setdefault(root, [0, 0.0])[0] += 1
        self._dispatcher.guards.halted = self._halted
        return root

    def _halted(self, execution: Execution) -> bool:
        return self.root_of(execution) in self._roots

    def go_on(self, root: Execution, began: float) -> None:
        """A stop that ``began`` then (monotonic seconds) is over: move all limits by that time."""
        dispatcher = self._dispatcher
        now = dispatcher.now()
        entry = self._roots[root]
        entry[0] -= 1
        began = max(began, entry[1])
        entry[1] = now
        if not entry[0]:
            del self._roots[root]
            if not self._roots:
                dispatcher.guards.halted = None

        def seconds(execution: Execution, since: float) -> float:
            if self.root_of(execution) is not root:
                return 0.0
            return max(0.0, now - max(began, since))

        for execution in (root, *dispatcher.nested):
            more = seconds(execution, execution.started)
            execution.deadline += more
            if execution.work is not None:
                execution.work.stood += more
        dispatcher.guards.postpone(seconds)


class Stop:
    """One event, stopped at ``hook`` of ``agent`` by breakpoint ``breakpoint``.

    ``stepped`` is whether it came there by a step from that breakpoint. ``state`` is what
    goes on from here, ``edited`` whether that, or the event's data, has been changed here,
    ``skip`` whether the callbacks of this point will not be called, ``since`` when it was
    stopped (monotonic seconds).
    """

    __slots__ = (
        "_dispatcher", "_task", "_waiting", "agent", "breakpoint", "callbacks", "edited", "error",
        "execution", "hook", "number", "restart", "since", "skip", "state", "stepped", "verdict",
    )  # fmt: skip

    def __init__(
        self,
        dispatcher: Dispatcher,
        number: int,
        breakpoint: int,
        stepped: bool,
        execution: Execution,
        hook: HookPoint,
        agent: str,
        state: State,
        error: BaseException | None,
    ) -> None:
        self._dispatcher = dispatcher
        self._waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.current_task()
        self.number = number
        self.breakpoint = breakpoint
        self.stepped = stepped
        self.execution = execution
        self.hook = hook
        self.agent = agent
        self.state = state
        self.error = error
        self.callbacks: tuple[str, ...] = ()
        self.edited = self.skip = False
        self.restart = 0.0
        self.since = dispatcher.now()
        self.verdict = ""

    @property
    def where(self) -> str:
        """Where it is stopped, in a few words."""
        return f"{self.hook} of {self.agent}" if self.agent else str(self.hook)

    # -- what an operator does ------------------------------------------------------------

    def go(self, verdict: str) -> None:
        """Let it go on: "continue", "step", "step_over" or "drop". Raises ValueError."""
        if verdict not in VERDICTS:
            raise ValueError(f"{verdict!r} is not one of {', '.join(VERDICTS)}")
        self._still()
        self.verdict = verdict
        dispatcher, execution = self._dispatcher, self.execution
        breakpoints = dispatcher.breakpoints
        if self.hook is HookPoint.AFTER_EVENT_HANDLING and verdict != "drop":
            pass  # nothing follows that it could step to
        elif verdict == "step":
            breakpoints.step(execution, "step", self.breakpoint)
        elif verdict == "step_over":
            breakpoints.step(execution, f"over {self.agent}", self.breakpoint)
        elif verdict == "drop":
            work = execution.work
            work.dropped = DroppedAtBreakpoint(self.breakpoint, str(self.hook), self.agent)
            self._cut()
        breakpoints.stops.pop(self.number, None)
        here: Execution | None = execution
        while here is not None:
            if here.waits:
                here.waits = "queued"
            here = dispatcher.nested.get(here)
        wake_up(self._waiting)

    def _still(self) -> None:
        """Raises ValueError if it is not stopped any more, or its event has been given up."""
        if self.verdict or self.execution.work is None:
            raise ValueError(f"stop {self.number} is over: its event goes on already")

    def _cut(self) -> None:
        """Nothing else of the event goes on: neither other lanes nor what is stopped there."""
        dispatcher = self._dispatcher
        stopped_in = {self._task}
        for stop in list(dispatcher.breakpoints.stops.values()):
            if stop is not self and stop.execution is self.execution:
                stop.verdict = "drop"
                dispatcher.breakpoints.stops.pop(stop.number)
                stopped_in.add(stop._task)
                wake_up(stop._waiting)
        for guard in dispatcher.guards:
            at_work = any(frame[2] is self.execution for frame in guard.frames())
            if at_work and guard.task not in stopped_in:
                guard.task.cancel()

    def edit(
        self,
        data: Mapping[str, Any] | None = None,
        state: Mapping[str, Any] | None = None,
        meta: Mapping[str, str] | None = None,
    ) -> list[str]:
        """Change the event's data, the state's values or its meta; what is different then.

        Values of the data that were in the state as they were change there too. Raises
        InvalidEvent for data that no event may have, ValueError for meta that is not text,
        or when it goes on already.
        """
        self._still()
        if meta is not None and not all(
            isinstance(key, str) and isinstance(text, str) for key, text in meta.items()
        ):
            raise ValueError("the meta of a state is text by text")
        found: list[str] = []
        execution = self.execution
        if data is not None:
            old = execution.event
            new = old.replace(data=data)
            if self._dispatcher.intake is not None:
                self._dispatcher.intake.edited(execution, new)
            found += differences("data", old.data, new.data)
            execution.event = new
            for stop in self._dispatcher.breakpoints.stops.values():
                if stop.execution is execution:  # the data is that of all its lanes
                    stop._follow(old.data, new.data)
        if state is not None:
            found += differences("state", self.state, state)
            self.state._values = {key: thaw(value) for key, value in state.items()}
        if meta is not None:
            found += differences("meta", self.state.meta, meta)
            self.state.meta = dict(meta)
        if found:
            self.edited = True
            now = self._dispatcher.now()
            execution.note("edited", "; ".join(found), now, now, "ok")
            self._dispatcher.breakpoints.changes += 1
        return found

    def _follow(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        """What the state has from the data, and nobody has changed there, is edited too."""
        state = self.state
        self.edited = self.edited or not same(old, new)
        for key in {**old, **new}:
            before, after = old.get(key, ABSENT), new.get(key, ABSENT)
            if same(before, after) or not same(state.get(key, ABSENT), before):
                continue
            if after is ABSENT:
                del state[key]
            else:
                state[key] = thaw(after)

    # -- waiting --------------------------------------------------------------------------

    async def wait_for_edit(self, attempt: int, started: float, event: Event) -> bool:
        """Wait where ``attempt`` has failed; whether the agent is to run again, with an edit.

        ``event`` is the one that it ran with: another lane may have had it edited since. The
        time that the run has taken since it ``started`` is given back to it then.
        """
        if self.execution.event is not event:
            self._follow(event.data, self.execution.event.data)
        self.restart = started
        self.execution.attempt = attempt
        self.execution.work.begun = True
        await self.wait(without_stops(self._dispatcher.hooks.agent_error))
        return self.edited

    async def wait(self, callbacks: Sequence[Callback]) -> None:
        """Wait until an operator lets it go on; ``callbacks`` would be called next.

        Raises CancelledError when the event is dropped (see Work.dropped), or cut short.
        """
        dispatcher, execution = self._dispatcher, self.execution
        work, stops = execution.work, dispatcher.breakpoints.stops
        work.fresh, work.stopped = None, True
        self.callbacks = tuple(callback.name for callback in callbacks)
        stops[self.number] = self
        execution.at = self.agent or execution.at
        execution.note("held", f"breakpoint {self.breakpoint}", self.since, 0.0, "held", self.where)
        notes = execution.notes or []
        place = len(notes) - 1
        root = dispatcher.breakpoints.clock.halt(execution)
        try:
            await self._hold()
        finally:
            stops.pop(self.number, None)
            ended = dispatcher.now()
            began = self.restart if self.edited and self.restart else self.since
            dispatcher.breakpoints.clock.go_on(root, began)
            kind, name, start, _, _, where = notes[place]
            notes[place] = (kind, name, start, ended, "ok", where)
        if execution.work is not work or work.dropped is not None:
            raise asyncio.CancelledError
        execution.last = max(execution.last, ended)

    async def _hold(self) -> None:
        """Wait without a slot: neither this event nor those that it is nested in have one."""
        dispatcher, execution = self._dispatcher, self.execution
        around: list[tuple[Execution, Work]] = []
        outer = dispatcher.nested.get(execution)
        while outer is not None:
            if outer.work is not None:
                around.append((outer, outer.work))
            outer = dispatcher.nested.get(outer)
        for outer, work in around:
            work.begun = True
            work.parked_held += 1
            if work.released:
                say(outer)
            else:
                look_parked(outer)
        counted = True
        try:
            await park(execution, "held", self._waiting)
            counted = False
            for _, work in around:
                work.parked_held -= 1
            for outer, work in reversed(around):
                if outer.work is work:
                    if work.released:
                        await dispatcher.take_slot(outer)
                    say(outer)
        except BaseException:
            for outer, work in around:
                work.parked_held -= counted
                if outer.work is work:
                    # Its handler goes on at once: it has heard of the cancellation.
                    dispatcher.take_slot_at_once(outer)
                    say(outer)
            raise

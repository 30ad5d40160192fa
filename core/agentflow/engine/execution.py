"""Execution: one event on its way through the engine, and the one way to run one agent."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import msgspec

from agentflow.agent import AgentResult
from agentflow.engine.context import RunContext
from agentflow.engine.firing import HookRefused, fire
from agentflow.engine.guards import NOTHING_ASKED
from agentflow.engine.hooks import STOPS, HookPoint, without_stops
from agentflow.errors import AgentRunVetoed, AgentTimeout, CircuitOpen, DroppedAtBreakpoint
from agentflow.event import Event
from agentflow.orchestration import Outcome
from agentflow.resilience.dead_letters import describe
from agentflow.state import State
from agentflow.telemetry.trace import Note, RunRecord, bounded

if TYPE_CHECKING:
    from agentflow.engine.dispatcher import Dispatcher
    from agentflow.engine.guards import Guard, Guards
    from agentflow.engine.plan import Choice, PlannedAgent
    from agentflow.engine.stops import Stop
    from agentflow.recording.encoding import KeptOutput


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


class Execution(msgspec.Struct, eq=False, gc=False):
    """One accepted event: where it is, what ran for it, how it ended.

    Times are monotonic seconds. ``runs`` are the agent runs that ended, ``notes`` what
    else happened (hooks, holds, retries); together they are its trace. ``at`` is the
    agent it reached last, ``last`` when the latest thing happened (it saves reading the
    clock twice for one moment).

    Thousands of ended executions are kept, so the garbage collector is spared them: when
    one has ended it lets go of everything that could lead back to it.
    """

    event: Event
    seq: int
    rank: int
    accepted: float
    waiter: asyncio.Future[AgentResult] | None = None
    started: float = 0.0
    last: float = 0.0
    ended: float = 0.0
    label: tuple[str, int] = ("", 0)
    """Mode and configuration version, once it has started."""
    runs: tuple[RunRecord, ...] = ()
    view: Mapping[str, Any] | None = None
    """The state it ended with, bounded."""
    at: str = ""
    waits: str = ""
    """held, retrying or queued while it waits without a slot."""
    error: str = ""
    attempt: int = 1
    notes: list[Note] | None = None
    children: list[str] | None = None
    nested: bool = False
    """Whether it runs inside another one, in its slot and its time."""
    deadline: float = inf
    work: Work = None  # type: ignore[assignment]  # there while it runs off the express lane
    key: str = ""
    """What its idempotency keys begin with, if not with the event's id."""
    tries: int = 0
    """Attempts that lie behind it from before the engine's last start."""
    deaths: int = 0
    """How many of them ended with the process."""
    due: float = 0.0
    """When its retry is due, if it waited for one then (monotonic seconds)."""
    lease: int = -1
    """Its cell among the leases, while it runs."""
    outbox: list[Any] | None = None
    """Events that it caused, which go to the disk together with its end."""
    outputs: list[KeptOutput | None] | None = None
    """What the runs ended with, while a recording is made; None where that can be seen from
    what the next one was given."""
    emitted: list[tuple[str, str, float]] | None = None
    """Which of the children a handler emitted: id, agent, when its run began."""

    @property
    def status(self) -> str:
        """queued, running, held, retrying, succeeded or dead."""
        if self.ended:
            return "dead" if self.error else "succeeded"
        if self.waits:
            return self.waits
        return "running" if self.started else "queued"

    @property
    def mode(self) -> str:
        """The orchestration mode it runs or ran under; '' before it has started."""
        return self.label[0]

    @property
    def version(self) -> int:
        """The configuration version it runs or ran under; 0 before it has started."""
        return self.label[1]

    def key_of(self, agent: str) -> str:
        """The idempotency key of the agent's next run (or the one going on) for this event.

        The same again when the event is run again, another one for each round of a loop.
        """
        times = sum(run[0] == agent for run in self.runs)
        place = f"#{times + 1}" if times else ""
        return f"{self.key or self.event.id}/{agent}{place}"

    def keep_output(self, output: KeptOutput) -> None:
        """Remember what the latest of the runs has ended with."""
        outputs = self.outputs = self.outputs or []
        outputs += [None] * (len(self.runs) - 1 - len(outputs))
        outputs.append(output)

    # -- one agent ----------------------------------------------------------------------

    async def run(self, name: str, event: Event, state: State) -> Outcome:
        """Run one agent for this event: hooks, gate, breaker, time limit, retries.

        Never raises for what the agent does; on a failure the result carries the state
        from before the run.
        """
        work = self.work
        if work is None or (work.dispatcher.closing and work.tried is None):
            # Given up, or cut short by a stop, and a part of it that ignored that has come to
            # its end: go no further.
            raise asyncio.CancelledError
        dispatcher = work.dispatcher
        choice = work.choice
        agent = choice.agents.get(name)
        if agent is None:
            return await self.not_run(name, state, choice.plan.missing(name))
        event = self.event  # an operator may have edited it since
        now = dispatcher.now
        hooks = dispatcher.hooks
        vitals = agent.vitals
        error: BaseException | None = None
        stop: Stop | None = None
        attempt = self.tries + 1
        if choice.parallel:
            guard = dispatcher.guards.here()
            started = now()
            work.active += 1
        else:
            guard = work.guard
            started = self.last
        outer = guard.put_below() if guard.agent else None
        guard.agent = self.at = name
        guard.since = started
        guard.execution = self
        try:
            if work.released:
                await dispatcher.take_slot(self)
            callbacks = hooks.before_watched if vitals.watched else hooks.before_agent
            if callbacks:
                if hooks.before_agent:
                    work.fresh = None
                while True:
                    try:
                        answer = fire(self, callbacks, HookPoint.BEFORE_AGENT_RUN, state, name)
                        state = answer if isinstance(answer, State) else await answer
                    except HookRefused as refused:
                        error = AgentRunVetoed(name, refused.callback, refused.reason)
                        error.__cause__ = refused.cause
                        if hooks.agent_error:
                            stop = dispatcher.breakpoints.look_at_failure(self, name, state, error)
                            if stop is not None and await stop.wait_for_edit(
                                attempt, started, event
                            ):
                                error, event = None, self.event
                                continue  # asked again, about what it is now
                    break
                if callbacks[0] is STOPS and work.stopped:
                    event = self.event  # as it has been edited there
                    guard.since = started = now()
            before: Mapping[str, Any]
            if state is work.fresh:
                # Nobody has touched it yet: the event's own data is what it was before.
                work.fresh = None
                before, before_meta, small = event.data, None, event.small
            else:
                before, before_meta, small = state.snapshot()
            vetoed = error is not None
            while error is None:
                if not vitals.clear and work.tried is None:
                    error = await self._pass(agent)
                if error is None and started >= self.deadline and work.tried is None:
                    # The time of the whole orchestration was up before this agent's turn.
                    vitals.breaker.abandoned()
                    error = AgentTimeout(name, started - self.started)
                elif error is None:
                    limit = self.deadline
                    if agent.timeout < inf:
                        limit = min(limit, now() + agent.timeout)
                    guard.deadline = limit
                    guard.asked = NOTHING_ASKED
                    if limit < dispatcher.guards.next:
                        dispatcher.guards.schedule(limit)
                    try:
                        if work.tried is not None:
                            (state, output, raised), work.tried = work.tried, None
                            if raised is not None:
                                raise raised
                        elif agent.wants_context:
                            context = RunContext(self, name, attempt, limit)
                            output = await agent.call(event, state, context)
                        else:
                            output = await agent.call(event, state)
                        if output is not None and output is not state:
                            state, error = understood(name, output, state)
                    except BaseException as raised:
                        if self._meant_for_the_engine(work, guard, raised):
                            if self.work is work:
                                vitals.breaker.abandoned()
                            raise
                        error = raised
                    if self.work is not work:
                        raise asyncio.CancelledError  # given up: see Dispatcher.abandon
                    if guard.fired:
                        guard.clear()
                        error = AgentTimeout(name, limit - started)
                    if error is None:
                        if vitals.shaky or vitals.breaker.in_trial:
                            vitals.shaky = False
                            vitals.breaker.succeeded()
                            vitals.clear = dispatcher.is_clear(vitals)
                        break
                    vitals.shaky = True
                    vitals.breaker.failed()
                    vitals.clear = dispatcher.is_clear(vitals)
                # Between attempts only who has asked for this one can run out of time.
                dispatcher.guards.arm(guard, inf if outer is None else outer.deadline)
                delay = dispatcher.retry_delay(self, agent, error, attempt)
                if delay is None:
                    if not hooks.agent_error:
                        break
                    state = State(before, before_meta)
                    stop = dispatcher.breakpoints.look_at_failure(self, name, state, error)
                    if stop is None or not await stop.wait_for_edit(attempt, started, event):
                        break
                    # What an operator has edited may fare better.
                    event = self.event
                    before, before_meta, small = state.snapshot()
                    guard.since = started = now()
                else:
                    if dispatcher.closing:
                        raise asyncio.CancelledError  # which the agent has ignored
                    await self._wait_for_retry(name, attempt, delay, error)
                vitals.meter.retries += 1
                attempt += 1
                self.attempt = attempt
                state = State(before, before_meta)
                error = None
            self.last = ended = now()
            meter = vitals.meter
            if vetoed:
                attempt = 0
            else:
                meter.latency.add(ended - started)
                vitals.ended = ended
            failure = ""
            if error is not None:
                failure = meter.last_error = describe(error)
                meter.errors += 1
                state = State(before, before_meta)
            record = (
                name, started, ended, attempt, failure, before if small else bounded(before),
                before_meta,
            )  # fmt: skip
            self.runs = (*self.runs, record) if self.runs else (record,)
            if dispatcher.recorder is not None:
                self.keep_output(dispatcher.recorder.output(state, error))
            callbacks = hooks.after_watched if vitals.watched else hooks.after_agent
            if callbacks or (error is not None and hooks.agent_error):
                offset = dispatcher.wall_offset
                result = AgentResult.timed(state, error, started + offset, ended + offset)
                if callbacks:
                    answer = fire(
                        self,
                        callbacks,
                        HookPoint.AFTER_AGENT_RUN,
                        state,
                        name,
                        result,
                        error,
                    )
                    state = answer if isinstance(answer, State) else await answer
                failing = () if error is None else without_stops(hooks.agent_error)
                if failing and not (stop is not None and stop.skip):
                    result.state = state
                    answer = fire(self, failing, HookPoint.AGENT_ERROR, state, name, result, error)
                    state = answer if isinstance(answer, State) else await answer
            return Outcome(state, error, name)
        finally:
            if choice.parallel:
                work.active -= 1
                if self.work is work and work.active and not work.released:
                    self.look_parked()
            if outer is None:
                guard.agent = ""
                guard.deadline = inf
                if guard is not work.guard:
                    dispatcher.guards.drop(guard)
            else:
                dispatcher.guards.arm(guard, guard.take_up(outer))

    def _meant_for_the_engine(self, work: Work, guard: Guard, raised: BaseException) -> bool:
        """Whether ``raised`` came not from the handler but from whoever ends the task."""
        if isinstance(raised, asyncio.CancelledError):
            if guard.fired:
                return False
            if self.work is not work or work.dispatcher.closing or work.dropped:
                return True
            # The handler cancelled its own task, or the loop is being closed under us: the
            # run has failed, and the task must not be used again.
            while guard.task.cancelling():
                guard.task.uncancel()
                guard.retired = True
        elif isinstance(raised, GeneratorExit):
            try:
                asyncio.get_running_loop()
            except RuntimeError:
                return True  # the loop is gone and this coroutine is being closed
        return False

    async def not_run(self, name: str, state: State, error: BaseException) -> Outcome:
        """The outcome of a run that could not even begin: one AgentError, nothing else."""
        dispatcher = self.work.dispatcher
        now = dispatcher.now()
        self.at = name
        self.runs = (*self.runs, (name, now, now, 0, describe(error), {}, None))
        if dispatcher.recorder is not None:
            self.keep_output(dispatcher.recorder.output(state, error))
        callbacks = dispatcher.hooks.agent_error
        if callbacks:
            wall = now + dispatcher.wall_offset
            result = AgentResult.timed(state, error, wall, wall)
            answer = fire(self, callbacks, HookPoint.AGENT_ERROR, state, name, result, error)
            state = answer if isinstance(answer, State) else await answer
        return Outcome(state, error, name)

    async def _pass(self, agent: PlannedAgent) -> BaseException | None:
        """Wait while the agent is paused, then ask its breaker; the error if it says no."""
        vitals, dispatcher = agent.vitals, self.work.dispatcher
        while vitals.paused or not agent.code.started:
            if not vitals.paused:
                try:
                    async with asyncio.timeout(self.work.choice.plan.timeout):
                        await agent.code.start()
                except Exception as error:
                    dispatcher.supervisor.not_ready(vitals)
                    return error
                vitals.ready = True
                dispatcher.supervisor.ready(vitals)
                continue
            waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            vitals.gate.append((self, waiting))
            began = dispatcher.now()
            await self.park("held", waiting)
            ended = dispatcher.now()
            self.note("held", agent.name, began, ended, "ok")
            # Time spent held is not the agent's: no timeout counts it.
            self.deadline += ended - began
        allowed = vitals.breaker.allow()
        vitals.clear = dispatcher.is_clear(vitals)
        if not allowed:
            return CircuitOpen(agent.name, vitals.breaker.retry_after())
        return None

    async def _wait_for_retry(
        self, name: str, attempt: int, delay: float, error: BaseException
    ) -> None:
        dispatcher = self.work.dispatcher
        began = dispatcher.now()
        if dispatcher.intake is not None:
            dispatcher.intake.keep_retry(self, attempt, began + delay)
        await self._sleep(delay)
        self.note(
            "retrying", f"{name} after attempt {attempt}", began, dispatcher.now(), "ok",
            describe(error),
        )  # fmt: skip

    async def wait_until_due(self) -> None:
        """Wait for the retry that it waited for when the engine ended."""
        began = self.work.dispatcher.now()
        if self.due > began:
            await self._sleep(self.due - began)
        self.note(
            "retrying", f"attempt {self.tries}, before the last start", began,
            self.work.dispatcher.now(), "ok",
        )  # fmt: skip
        self.due = 0.0

    async def _sleep(self, delay: float) -> None:
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[None] = loop.create_future()
        timer = loop.call_later(delay, _wake, waiting)
        try:
            await self.park("retrying", waiting)
        finally:
            timer.cancel()

    async def park(self, why: str, waiting: asyncio.Future[None]) -> None:
        """Wait for ``waiting``; if all that runs for this event waits, give up its slot."""
        work = self.work
        held = why == "held"
        if held:
            work.parked_held += 1
        else:
            work.parked_retry += 1
        if not work.released:
            self.look_parked()
        else:
            self.say()
        try:
            await waiting
        finally:
            if held:
                work.parked_held -= 1
            else:
                work.parked_retry -= 1
        if work.released:
            await work.dispatcher.take_slot(self)
        self.say()

    def look_parked(self) -> None:
        """Give up the slot if everything that runs for this event waits."""
        work = self.work
        active = work.active if work.choice.parallel else 1
        if work.parked_held + work.parked_retry >= active:
            work.dispatcher.give_slot(self)
        self.say()

    def say(self) -> None:
        """Let ``waits`` tell how it stands, and those know who wait for that."""
        work = self.work
        if not work.released:
            self.waits = ""
        else:
            self.waits = "held" if work.parked_held else "retrying"
            work.dispatcher.look_idle()

    def note(
        self, kind: str, name: str, start: float, end: float, status: str, error: str = ""
    ) -> None:
        """Add something out of the ordinary to the trace."""
        if self.notes is None:
            self.notes = []
        self.notes.append((kind, name, start, end, status, error))

    def running_agents(self, guards: Guards) -> list[tuple[str, float]]:
        """The agents at work for this event now, and since when (monotonic seconds)."""
        return [
            (agent, since)
            for guard in guards
            for agent, since, execution in guard.frames()
            if execution is self
        ]


def _wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)


def understood(name: str, output: Any, state: State) -> tuple[State, BaseException | None]:
    """The state and error that a handler's return value means."""
    if isinstance(output, State):
        return output, None
    if isinstance(output, AgentResult):
        return output.state, output.error
    if isinstance(output, Mapping):
        state.update(output)
        return state, None
    return state, TypeError(
        f"agent {name!r} returned {type(output).__name__}; "
        "an agent returns an AgentResult, a State, a mapping or None"
    )

"""Dispatcher: the way of one accepted event through its plan to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from agentflow.agent import GRACE, AgentResult
from agentflow.clock import Clock
from agentflow.durations import parse_duration, parse_time
from agentflow.engine.admission import check
from agentflow.engine.breakpoint import LaneFor
from agentflow.engine.breakpoints import Breakpoints, Lanes
from agentflow.engine.canary import Canary
from agentflow.engine.execution import Execution, Resumed, Work
from agentflow.engine.express import new_state, ride
from agentflow.engine.firing import HookRefused, fire
from agentflow.engine.guards import Guard, current_guard
from agentflow.engine.hooks import HookPoint, Hooks, without_stops
from agentflow.engine.ledger import wake_up
from agentflow.engine.plan import Choice, Lane, Plan, PlannedAgent, Vitals
from agentflow.engine.slots import Slots
from agentflow.engine.supervision import Supervisor
from agentflow.errors import (
    AgentTimeout,
    CircuitOpen,
    DeadlineExceeded,
    EventLoopDetected,
    EventVetoed,
    InvalidEvent,
    ProcessDied,
    ProviderRateLimited,
    QueueFull,
    RunnerNotRunning,
)
from agentflow.event import PRIORITIES, Event
from agentflow.frozen import is_small, thaw
from agentflow.orchestration import Outcome, route
from agentflow.resilience import DeadLetter, DeadLetters, ErrorClass, ErrorClassifier
from agentflow.resilience.dead_letters import describe
from agentflow.resilience.error_routing import ErrorRouter
from agentflow.state import State
from agentflow.telemetry.metrics import FOLD_AT, Meter
from agentflow.telemetry.telemetry import Telemetry
from agentflow.telemetry.trace import bounded

if TYPE_CHECKING:
    from agentflow.recording import Recorder

PATIENCE = 1.0
"""Seconds that an event waits for room in the queue before it is refused."""

MAX_CHILDREN = 1_000
"""How many of the events that an event caused are remembered with it."""

NORMAL = PRIORITIES["normal"]


class Dispatcher(Slots):
    """Runs accepted events under the current ``plan``, which may be swapped at any time."""

    plan: Plan

    def __init__(
        self,
        clock: Clock,
        telemetry: Telemetry,
        *,
        ordered: bool,
        queue_size: int,
        max_running: int,
    ) -> None:
        super().__init__(
            clock, self.abandon, ordered=ordered, queue_size=queue_size, max_running=max_running
        )
        self.telemetry = telemetry
        self.settled = telemetry.settled
        self.hooks = Hooks()
        self.classifier = ErrorClassifier()
        self.dead_letters = DeadLetters()
        self.errors = ErrorRouter(lambda level, text: telemetry.log(level, "engine", text))
        self.supervisor = Supervisor(self)
        self.publish: Callable[[Event], None] | None = None
        """Told of every event that was caused by another one."""
        self.recorder: Recorder | None = None
        """Takes down what ends, while a recording is made."""
        self.any_paused = False
        self.max_deaths = 3
        """How often the process may die while an event runs until that is a dead letter."""
        self.express: dict[str, Lane] = {}
        """The plan's express lanes, by target, while they are open and the only ones."""
        self.watched: dict[str, LaneFor] = {}
        """Lanes open to events that no breakpoint can be meant for, by target."""
        self.beside: dict[bool, Lanes] = {}
        """While a plan is tried out: its lanes (True), and those of ``plan``."""
        self.changes = 0
        """How often the lanes have changed: who is on one then leaves it."""
        self.canary: Canary | None = None
        """The plan that is tried out beside ``plan``, if one is."""
        self.breakpoints = Breakpoints(self)

    def look_express(self) -> None:
        """Open or close the express lanes: callbacks, pauses and breakpoints close them."""
        self.changes += 1
        self.express, self.watched, self.beside = {}, {}, {}
        plans = [self.plan] if self.canary is None else [self.plan, self.canary.plan]
        self.breakpoints.mark(plans)
        if self.hooks.in_the_way or self.any_paused:
            return
        lanes = self.breakpoints.lanes(self.plan)
        if self.canary is None:
            self.express, self.watched = lanes
        else:
            self.beside = {False: lanes, True: self.breakpoints.lanes(self.canary.plan)}

    # -- in -----------------------------------------------------------------------------

    def accept(
        self, event: Event, waiter: asyncio.Future[AgentResult] | None = None, seq: int = 0
    ) -> Execution:
        """Take responsibility for ``event``. Raises InvalidEvent.

        ``seq`` is its number in the journal, if it has one.
        """
        rank = check(event) if event.steered else NORMAL
        self.accepted += 1
        execution = Execution(event, seq or self.accepted, rank, self.now(), waiter)
        backlog = self.backlog
        if backlog.ordered:
            session = event.session_id
            sessions = backlog.sessions
            if session in sessions:
                backlog.wait(session, execution)
                return execution
            sessions[session] = None
        backlog.ready[rank].append(execution)
        if not self.paused and (
            self._idle or len(self._workers) - len(self.apart) < self.max_running
        ):
            self.wake()
        return execution

    def accept_late(
        self, event: Event, waiter: asyncio.Future[AgentResult] | None, seq: int
    ) -> None:
        """As ``accept``, while what the journal has kept from before is still being read."""
        rank = event.priority_rank
        self.accepted += 1
        execution = Execution(event, seq, rank, self.now(), waiter)
        backlog = self.backlog
        session = event.session_id
        if backlog.overtakes(rank, session == event.id):
            backlog.place(execution, session)
            self.wake_all()
        else:
            backlog.late.append(execution)

    def handle(self, execution: Execution, guard: Guard) -> Awaitable[None]:
        """Run one execution to its end, on the express lane if there is one for it."""
        event = execution.event
        steered = event.steered or execution.tries
        lane = None if steered else self.express.get(event.target)
        if lane is None:
            if self.canary is not None:
                return self._handle_beside(execution, guard)
            if self.watched and not steered and (lane_for := self.watched.get(event.target)):
                lane = lane_for(event)
            if lane is None:
                return self.orchestrate(execution, guard)
        return ride(self, execution, lane, guard)

    def _handle_beside(self, execution: Execution, guard: Guard) -> Awaitable[None]:
        """The same while another plan is tried out."""
        event = execution.event
        plan = self.plan_for(event.session_id)
        lane = None
        if not (event.steered or execution.tries) and self.beside:
            free, watched = self.beside[plan is not self.plan]
            lane = free.get(event.target)
            if lane is None and (lane_for := watched.get(event.target)):
                lane = lane_for(event)
        if lane is None:
            return self.orchestrate(execution, guard, plan=plan)
        return ride(self, execution, lane, guard)

    # -- one event ----------------------------------------------------------------------

    async def orchestrate(
        self,
        execution: Execution,
        guard: Guard,
        resumed: Resumed | None = None,
        plan: Plan | None = None,
    ) -> None:
        """Run one execution to its end, or set it aside for a paused agent.

        ``resumed`` is how far the express lane has come, if it has begun with it; ``plan``
        is the one to run under, if not the one that runs everything.
        """
        event = execution.event
        if execution.deaths >= self.max_deaths:
            self.fail(execution, ProcessDied(execution.deaths))
            return
        steered = event.steered
        if resumed is not None:
            choice = resumed.choice
        elif plan is not None:
            choice = plan.pick(event)
        elif steered or self.plan.has_rules:
            choice = self.plan.pick(event)
        else:
            choice = self.plan.default
        plan = choice.plan
        if (
            self.any_paused
            and resumed is None
            and choice.mode == "route"
            and not execution.nested
            and self._set_aside(execution, plan)
        ):
            return
        execution.label = choice.label
        execution.work = work = Work(self, choice, guard)
        if execution.due:
            await execution.wait_until_due()
        if resumed is None:
            execution.started = execution.last = self.now()
        else:
            work.tried = resumed.tried
        started = execution.started
        # What runs inside another execution has no more time than that one.
        limit = started + plan.timeout
        execution.deadline = min(execution.deadline, limit) if execution.nested else limit
        done = 0
        if resumed is None:
            work.fresh = state = new_state(State)
            state._values = event.data.copy() if event.flat else thaw(event.data)  # type: ignore[attr-defined]
            state.meta = {}
        else:
            state, done = resumed.state, resumed.done
        hooks = self.hooks
        outcome: Outcome | None = None
        try:
            if hooks.before_event:
                if without_stops(hooks.before_event):
                    work.fresh = None
                try:
                    answer = fire(
                        execution, hooks.before_event, HookPoint.BEFORE_EVENT_HANDLING, state
                    )
                    state = answer if isinstance(answer, State) else await answer
                except HookRefused as refused:
                    veto = EventVetoed(refused.callback, refused.reason)
                    veto.__cause__ = refused.cause
                    outcome = Outcome(state, veto)
                execution.last = self.now()
                event = execution.event
            if outcome is None and (steered or (choice.mode != "route" and event.target)):
                outcome = await self._not_orchestrated(execution, choice, state)
            if outcome is None:
                outcome = await choice.orchestrate(execution.run, event, state, done)
        except asyncio.CancelledError:
            dropped = self._dropped(work, state)
            if dropped is None:
                raise
            outcome = dropped
        except Exception as error:
            # Nothing an agent does ends up here; if the engine itself fails, the event
            # must still be accounted for.
            outcome = Outcome(state, error, execution.at)
        if execution.ended:
            return  # it was given up in the meantime: see abandon
        try:
            if outcome.error is None and "route" in outcome.state.meta:
                self.follow_up(execution, choice, outcome)
            if hooks.after_event:
                offset = self.wall_offset
                result = AgentResult.timed(
                    outcome.state, outcome.error, started + offset, execution.last + offset
                )
                answer = fire(
                    execution, hooks.after_event, HookPoint.AFTER_EVENT_HANDLING, outcome.state,
                    outcome.agent, result, outcome.error,
                )  # fmt: skip
                outcome.state = answer if isinstance(answer, State) else await answer
                execution.last = self.now()
        except asyncio.CancelledError:
            dropped = self._dropped(work, outcome.state)
            if dropped is None:
                raise
            outcome = dropped
        except Exception as error:
            outcome = Outcome(state, error, execution.at)
        if execution.ended:
            return  # it was given up in the meantime: see abandon
        if work.released:
            # Its handler has not waited for what is stopped inside it.
            self.take_slot_at_once(execution)
        # Nothing may lead back here once it is kept for its trace: see Execution.
        execution.work = None  # type: ignore[assignment]
        self.settle(execution, choice.meter, outcome.state, outcome.error, outcome.agent)

    def _dropped(self, work: Work, state: State) -> Outcome | None:
        """The outcome of a cancelled event that an operator has dropped; None if none has."""
        dropped, task = work.dropped, work.guard.task
        if dropped is None or self.closing or work.guard.abandoned:
            return None
        work.guard.fired = False
        while task.cancelling():
            task.uncancel()
        return Outcome(state, dropped, dropped.agent)

    def plan_for(self, session: str) -> Plan:
        """The plan that the next event of a session starts under."""
        canary = self.canary
        return canary.plan if canary is not None and canary.picks(session) else self.plan

    def _plan_of(self, execution: Execution) -> Plan:
        """The plan that an execution runs or ran under, if that is still in use."""
        if execution.work is not None:
            return execution.work.choice.plan
        canary = self.canary
        if canary is not None and canary.plan.version == execution.version:
            return canary.plan
        return self.plan

    def _set_aside(self, execution: Execution, plan: Plan) -> bool:
        """Hold an execution whose agent is paused, without a slot; False if it isn't."""
        agent = plan.agents.get(plan.target_of(execution.event))
        if agent is None or not agent.vitals.paused:
            return False
        self.running -= 1
        if self.intake is not None:
            self.intake.unlease(execution)
        execution.waits = "held"
        execution.at = agent.name
        execution.note("held", agent.name, self.now(), 0.0, "held")
        agent.vitals.held.append(execution)
        self.holding.add(agent.vitals)
        self._slot_is_free()
        self.look_idle()
        return True

    def let_go(self, vitals: Vitals) -> None:
        """Let everything go on that waits for the agent, in the order in which it came."""
        now = self.now()
        for execution in reversed(vitals.held):
            execution.waits = ""
            notes = execution.notes
            if notes:
                kind, name, start, _, _, error = notes[-1]
                notes[-1] = (kind, name, start, now, "ok", error)
            self.backlog.put_back(execution)
        vitals.held.clear()
        self.holding.discard(vitals)
        while vitals.gate:
            execution, waiting = vitals.gate.popleft()
            if execution.waits:
                execution.waits = "queued"
            wake_up(waiting)
        self.wake_all()

    async def _not_orchestrated(
        self, execution: Execution, choice: Choice, state: State
    ) -> Outcome | None:
        """The outcome of an event that must not be orchestrated, else None.

        Also narrows the execution's time limit to what its metadata says.
        """
        event = execution.event
        metadata = event.metadata
        plan = choice.plan
        if event.steered:
            if metadata.get("system") == "true":
                return await route(execution.run, event, state, event.route)
            if "hop_count" in metadata and event.hop_count > plan.max_hops:
                return Outcome(state, EventLoopDetected(event.hop_count, plan.max_hops))
            if metadata.get("broadcast") == "true":
                return self._broadcast(execution, choice, state)
            late = self._limit(execution)
            if late is not None:
                return Outcome(state, late, event.route)
        target = event.route
        if target and execution.mode != "route" and target not in plan.agents:
            return await execution.not_run(target, state, plan.missing(target))
        return None

    def _limit(self, execution: Execution) -> DeadlineExceeded | None:
        """Take in timeout, agent_timeout and deadline; the error if it is too late."""
        metadata, stood = execution.event.metadata, execution.work.stood
        for key in ("timeout", "agent_timeout"):
            if key in metadata:
                limit = execution.started + stood + parse_duration(metadata[key])
                execution.deadline = min(execution.deadline, limit)
        if "deadline" in metadata:
            left = parse_time(metadata["deadline"]).timestamp() + stood - self.clock.time()
            if left > 0:
                execution.deadline = min(execution.deadline, execution.started + stood + left)
            else:
                error = DeadlineExceeded(execution.event.route, -left)
                if execution.event.priority_rank == 0:
                    return error
                # Late, but not critical: said aloud, and run all the same.
                execution.note(
                    "late", execution.event.route, execution.started, 0.0, "warning", str(error)
                )
                self.telemetry.log("warning", "engine", f"event {execution.event.id}: {error}")
        return None

    def _broadcast(self, execution: Execution, choice: Choice, state: State) -> Outcome:
        targets = [
            name.strip()
            for name in execution.event.metadata.get("broadcast_targets", "").split(",")
            if name.strip()
        ]
        if not targets:
            return Outcome(state, InvalidEvent("metadata.broadcast_targets", "names no agent"))
        for target in targets:
            metadata = {"broadcast_id": execution.event.id}
            self._emit_child(execution, choice, target, None, metadata)
        return Outcome(state)

    def follow_up(self, execution: Execution, choice: Choice, outcome: Outcome) -> None:
        """Accept the event that a ``route`` in the outcome asks for, and take it out.

        A route that can't be followed is a failure of the event.
        """
        target = outcome.state.meta.pop("route")
        if not target:
            return
        try:
            self._emit_child(execution, choice, target, outcome.state.to_dict(), {})
        except (InvalidEvent, RecursionError) as error:
            outcome.error = InvalidEvent("meta.route", f"cannot be followed: {error}")

    def _emit_child(
        self,
        execution: Execution,
        choice: Choice,
        target: str,
        data: dict[str, Any] | None,
        metadata: dict[str, str],
    ) -> None:
        if choice.mode != "route" or choice.plan.mode != "route" or choice.plan.has_rules:
            # It goes to that agent, not through the whole orchestration once more.
            metadata["orchestration_override"] = "route"
        child = execution.event.child(target, data, metadata)
        if execution.at:
            child = child.replace(source=execution.at)
        self.add_child(execution, child)

    def add_child(self, execution: Execution, event: Event) -> None:
        """Accept an event that ``execution`` caused."""
        if self.intake is not None:
            self.intake.caused(execution, event)
        else:
            self.accept(event)
            if self.publish is not None:
                self.publish(event)
        self._note_child(execution, event)

    def _note_child(self, execution: Execution, event: Event) -> None:
        children = execution.children
        if children is None:
            execution.children = [event.id]
        elif len(children) < MAX_CHILDREN:
            children.append(event.id)

    def _note_emitter(self, execution: Execution, event: Event) -> None:
        """Remember which run of ``execution`` it is whose handler has caused ``event``."""
        if self.recorder is None:
            return
        guard = current_guard.get()
        agent, since = execution.at, 0.0
        for name, began, whose in guard.frames() if guard is not None else ():
            if whose is execution:
                agent, since = name, began
        if execution.emitted is None:
            execution.emitted = []
        if len(execution.emitted) < MAX_CHILDREN:
            execution.emitted.append((event.id, agent, since))

    def interrupted(self, execution: Execution) -> None:
        """A stop without drain cut an execution short: it has not run."""
        if execution.nested:
            return
        if execution.work is not None and execution.work.active:
            # An agent of it, in a task of its own, has ignored its cancellation until now.
            for guard in self.guards:
                if any(frame[2] is execution for frame in guard.frames()):
                    self.abandon(guard)
            if execution.ended:
                return
        if execution.work is not None and execution.work.released:
            self.apart.discard(execution)
        else:
            self.running -= 1
        if self.intake is not None:
            self.intake.interrupted(execution)
        execution.work = None  # type: ignore[assignment]
        execution.waits = ""
        execution.started = 0.0
        execution.runs = ()
        execution.outputs = None
        self.backlog.put_back(execution)
        if self._resumable:
            self._slot_is_free()

    def settle(
        self,
        execution: Execution,
        meter: Meter,
        state: State,
        error: BaseException | None,
        agent: str,
    ) -> None:
        """An execution has ended: account for it, and let go what waited for that."""
        execution.ended = ended = execution.last
        values = state._values
        event = execution.event
        try:
            unchanged = event.small and values == event.data
        except Exception:  # a value that refuses to be compared
            unchanged = False
        if unchanged:
            execution.view = event.data
        else:
            execution.view = values if is_small(values) else bounded(values)
        pending = meter.latency.pending
        pending.append(ended - execution.started)
        if len(pending) >= FOLD_AT:
            meter.latency.fold()
        self.settled.items.append(execution)
        self.settled.total = self.done = self.done + 1
        letter: DeadLetter | None = None
        if error is not None:
            letter = self._bury(execution, error, agent)
            meter.errors += 1
        if self.canary is not None:
            self.canary.count(execution)
        if self.intake is not None:
            self.intake.settle(execution, state, letter)
        if self.recorder is not None:
            self.recorder.ended(execution, state)
        if not execution.nested:
            self.running -= 1
            if self.backlog.ordered:
                session = event.session_id
                behind = self.backlog.sessions.pop(session, None)
                if behind is not None:
                    self.backlog.follow(session, behind)
            if self._resumable:
                self._slot_is_free()
        else:
            self.nested.pop(execution, None)
        if execution.waiter is not None:
            self._answer(execution, state, error)
        if self._room:
            self.look_room()
        if self._joining:
            self.look_idle()
        if self._watching:
            self.look_watching()

    def _answer(self, execution: Execution, state: State, error: BaseException | None) -> None:
        """Hand the outcome to who asked for it; the trace keeps a copy of its own."""
        waiter, execution.waiter = execution.waiter, None
        if waiter is not None and not waiter.done():
            execution.view = dict(execution.view or {})
            offset = self.wall_offset
            waiter.set_result(
                AgentResult.timed(
                    state, error, execution.started + offset, execution.ended + offset
                )
            )

    def _bury(self, execution: Execution, error: BaseException, agent: str) -> DeadLetter:
        """Put an execution that failed among the dead letters, and tell an error handler."""
        execution.error = describe(error)
        self.dead += 1
        attempts = max((run[3] for run in execution.runs if run[0] == agent), default=0)
        if isinstance(error, BaseExceptionGroup):
            attempts = max((run[3] for run in execution.runs), default=0)
        if execution.notes and execution.notes[-1][0] == "abandoned":
            attempts = max(attempts, execution.attempt)
        event = execution.event
        version = execution.version
        letter = DeadLetter(event, error, agent, attempts, version, time=self.clock.time())
        self.dead_letters.add(letter)
        if event.metadata.get("system") == "true" or isinstance(error, EventLoopDetected):
            # An error handler that fails is on record; it never makes another error event.
            return letter
        try:
            plan = self._plan_of(execution)
            told = self.errors.route(letter, plan.config.error_routing, plan.agents)
            if told is not None:
                self.add_child(execution, told)
        except InvalidEvent as refused:
            self.telemetry.log("warning", "engine", f"no error event for {event.id}: {refused}")
        return letter

    def fail(self, execution: Execution, error: BaseException) -> None:
        """Settle an execution that the engine itself could not bring to its end."""
        execution.last = self.now()
        execution.started = execution.started or execution.last
        execution.work = None  # type: ignore[assignment]
        meter = self.telemetry.mode(execution.mode or self.plan.mode)
        state = State.wrap({}, {})
        self.settle(execution, meter, state, error, execution.at or execution.event.route)

    def abandon(self, guard: Guard) -> None:
        """Give up what has ignored its cancellation: its event ends as dead.

        Its task can't be ended by force; it is left behind, and its worker replaced. What
        asked for it from inside the same task can't end either, and is given up with it.
        """
        frames = guard.frames()
        if not frames:
            self._abandon_callback(guard)
            return
        if frames[-1][2] is None or frames[-1][2].ended:
            return
        guard.abandoned = True
        worker = guard
        cut = {guard.task: False}
        now = self.now()
        for agent, since, execution in reversed(frames):
            if execution is None or execution.ended:
                continue
            if execution.work is not None:
                worker = execution.work.guard
                if execution.work.active:
                    # Nothing else of it goes on, in whatever task.
                    for other in self.guards:
                        if any(frame[2] is execution for frame in other.frames()):
                            cut.setdefault(other.task, not other.abandoned)
            self.give_up(execution, agent, since, AgentTimeout(agent, now - since))
        cut.setdefault(worker.task, True)
        for task, alive in cut.items():
            if alive:
                task.cancel()
        agents = [agent for agent, _, _ in reversed(frames)]
        self.supervisor.deaf(guard.task, agents, frames[-1][1])
        self._leave_behind(worker)

    def _abandon_callback(self, guard: Guard) -> None:
        """Give up an event because of a callback that no agent runs around."""
        execution = guard.execution
        if execution is None or execution.ended or execution.work is None:
            return
        if execution.work.guard is guard:
            guard.abandoned = True
            error = TimeoutError("a callback ignores its cancellation")
            self.give_up(execution, execution.at, execution.last, error)
            self.telemetry.log("error", "engine", f"{error} and was left behind")
            self._leave_behind(guard)

    def _leave_behind(self, worker: Guard) -> None:
        if worker.execution is None or worker.execution.ended:
            worker.abandoned = True
            self._workers.pop(worker.task, None)
            self.wake_all()

    def give_up(self, execution: Execution, agent: str, since: float, error: BaseException) -> None:
        """End an execution that its own task will not end."""
        execution.at = agent
        execution.note("abandoned", agent, since, self.now(), "failed", describe(error))
        if execution.work is not None and execution.work.released:
            self.apart.discard(execution)
            self.running += 1
        self.fail(execution, error)

    # -- retries --------------------------------------------------------------------------

    def retry_delay(
        self, execution: Execution, agent: PlannedAgent, error: BaseException, attempt: int
    ) -> float | None:
        """Seconds until the next attempt, or None if there is to be none."""
        if attempt > agent.retry.max_retries:
            return None
        if self.classifier.classify(error) is ErrorClass.FATAL:
            return None
        if execution.event.metadata.get("system") == "true":
            return None
        delay = agent.retry.delay(attempt, self.clock.random)
        if isinstance(error, (CircuitOpen, ProviderRateLimited)) and error.retry_after:
            delay = max(delay, error.retry_after)
        # A retry that its time limit would cut off before it begins helps nobody.
        return delay if self.now() + delay < execution.deadline else None

    def begin_again(self, open_now: int) -> None:
        """Empty the queue: so many events come from the journal.

        What an earlier stop of this very runner has left is among them.
        """
        self.backlog.clear()
        for vitals in self.holding:
            vitals.held.clear()
        self.holding.clear()
        self.accepted = self.done + open_now

    async def close(self) -> None:
        """Cancel what still runs; it is queued again, as if it had not begun.

        Nothing is begun from then on, until ``reopen``.
        """
        self.closing = True
        workers = [worker for worker in self._workers if worker is not asyncio.current_task()]
        for worker in workers:
            worker.cancel()
        if workers:
            # What ignores its cancellation is left behind: nothing may hang a stop.
            await asyncio.wait(workers, timeout=GRACE)
        at_work = sorted(self.guards, key=lambda guard: not guard.agent)
        for guard in at_work:
            self.abandon(guard)
            guard.abandoned = True  # what comes to an end after all takes nothing else
        self.guards.close()
        # Whoever starts again begins with all slots free.
        self._workers.clear()
        self._idle.clear()
        self._resumable.clear()
        error = RunnerNotRunning("the runner was stopped before this event was done")
        for execution in (*self.begun(), *self.backlog.awaited()):
            waiter, execution.waiter = execution.waiter, None
            if waiter is not None and not waiter.done():
                waiter.set_result(AgentResult(State(execution.event.data), error))
        for waiting in self._room:
            wake_up(waiting)
        self._room.clear()
        self.closed = True

    def reopen(self) -> None:
        """Let events be run (again)."""
        self.closing = self.closed = False

    # -- from inside a handler ----------------------------------------------------------

    def execution_here(self) -> Execution | None:
        """The execution whose handler is the caller, or None."""
        guard = current_guard.get()
        if guard is None or not guard.agent or guard.owner is not self.guards:
            return None
        return guard.execution

    async def emit_from(self, parent: Execution, event: Event) -> str:
        """Accept an event that a handler emits.

        Raises QueueFull, InvalidEvent, and RunnerNotRunning for a handler that a stop has
        left behind: nobody would keep the event.
        """
        if self.closed:
            raise RunnerNotRunning("the runner has been stopped")
        if not self.has_room() and not await self.wait_for_room(PATIENCE):
            self.refused += 1
            raise QueueFull(self.queue_size)
        if self.intake is None:
            self.add_child(parent, event)
            self._note_emitter(parent, event)
            return event.id
        run = self.guards.here().key_of_request(parent)
        event_id = await self.intake.emit(event, key=self.intake.key_of(run, event))
        if event_id == event.id:
            self._note_child(parent, event)
            self._note_emitter(parent, event)
        return event_id

    async def run_nested(self, parent: Execution, event: Event) -> AgentResult:
        """Run ``event`` now, in the slot of ``parent``. Raises InvalidEvent, RunnerNotRunning.

        Queueing it would wait for the very handler that waits for it.
        """
        if self.closed:
            raise RunnerNotRunning("the runner has been stopped")
        rank = check(event) if event.steered else NORMAL
        # No more time than the handler has that asks for it.
        limit = min(parent.deadline, self.guards.here().deadline)
        self.accepted += 1
        seq = self.accepted if self.intake is None else self.intake.number()
        waiter: asyncio.Future[AgentResult] = asyncio.get_running_loop().create_future()
        execution = Execution(event, seq, rank, self.now(), waiter, nested=True, deadline=limit)
        execution.key = self.guards.here().key_of_request(parent)
        self._note_child(parent, event)
        self._note_emitter(parent, event)
        if self.publish is not None:
            self.publish(event)
        self.nested[execution] = parent
        try:
            await self.orchestrate(execution, self.guards.here(), plan=self._plan_of(parent))
        except BaseException as error:
            if not execution.ended:
                self.fail(execution, error)
                raise
            here = self.guards.here()
            if here.abandoned or not isinstance(error, asyncio.CancelledError):
                raise
            # A part of it in another task was given up, and so it ended: who asked goes on.
            here.task.uncancel()
            if here.fired or parent.ended or self.closing:
                raise
        finally:
            here = self.guards.here()
            if not here.agent and here.task not in self._workers:
                self.guards.drop(here)  # a task of the handler's own
        return waiter.result()

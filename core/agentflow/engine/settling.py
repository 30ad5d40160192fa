"""Settling: an execution has ended. It is accounted for, and what waited for that goes on."""

from __future__ import annotations

from agentflow.agent import AgentResult
from agentflow.engine.canary import Canary
from agentflow.engine.causing import Causing
from agentflow.engine.execution import Execution
from agentflow.engine.plan import Plan
from agentflow.errors import EventLoopDetected, InvalidEvent
from agentflow.frozen import is_small
from agentflow.resilience import DeadLetter, DeadLetters
from agentflow.resilience.dead_letters import describe
from agentflow.resilience.error_routing import ErrorRouter
from agentflow.state import State
from agentflow.telemetry.metrics import FOLD_AT, Meter
from agentflow.telemetry.rings import Ring
from agentflow.telemetry.telemetry import Telemetry
from agentflow.telemetry.trace import bounded


class Settling(Causing):
    """The part of a dispatcher that brings what ends into the accounts."""

    plan: Plan
    canary: Canary | None
    """The plan that is tried out beside ``plan``, if one is."""
    telemetry: Telemetry
    settled: Ring[Execution]
    dead_letters: DeadLetters
    errors: ErrorRouter
    """Tells an error handler of dead letters."""

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
            plan = self.plan_of(execution)
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

    def plan_for(self, session: str) -> Plan:
        """The plan that the next event of a session starts under."""
        canary = self.canary
        return canary.plan if canary is not None and canary.picks(session) else self.plan

    def plan_of(self, execution: Execution) -> Plan:
        """The plan that an execution runs or ran under, if that is still in use."""
        if execution.work is not None:
            return execution.work.choice.plan
        canary = self.canary
        if canary is not None and canary.plan.version == execution.version:
            return canary.plan
        return self.plan

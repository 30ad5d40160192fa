"""Dispatcher: the way of one accepted event through its plan to its end.

What it does at the stations of that way stands in modules of their own, each of them a part
of the class: ``ledger`` (the accounts), ``slots`` (who may run), ``holding`` (paused agents),
``accepting``, ``causing`` (children), ``settling``, ``abandoning`` (given up, or stopped) and
``inside`` (what handlers ask for). Here is what brings an event through: lanes, and
orchestration.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from agentflow.agent import AgentResult
from agentflow.clock import Clock
from agentflow.engine.breakpoint import LaneFor
from agentflow.engine.breakpoints import Breakpoints, Lanes
from agentflow.engine.execution import Execution
from agentflow.engine.express import new_state, ride
from agentflow.engine.firing import HookRefused, fire
from agentflow.engine.guards import Guard
from agentflow.engine.hooks import HookPoint, Hooks, without_stops
from agentflow.engine.inside import Inside
from agentflow.engine.parking import wait_until_due
from agentflow.engine.plan import Lane, Plan, PlannedAgent
from agentflow.engine.steering import not_orchestrated
from agentflow.engine.supervision import Supervisor
from agentflow.engine.work import Resumed, Work
from agentflow.errors import CircuitOpen, EventVetoed, ProcessDied, ProviderRateLimited
from agentflow.frozen import thaw
from agentflow.orchestration import Outcome
from agentflow.resilience import DeadLetters, ErrorClass, ErrorClassifier
from agentflow.resilience.error_routing import ErrorRouter
from agentflow.state import State
from agentflow.telemetry.telemetry import Telemetry


class Dispatcher(Inside):
    """Runs accepted events under the current ``plan``, which may be swapped at any time."""

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
        self.publish = None
        self.recorder = None
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
        self.canary = None
        self.breakpoints = Breakpoints(self)

    # -- lanes --------------------------------------------------------------------------

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
            and self.set_aside(execution, plan)
        ):
            return
        execution.label = choice.label
        execution.work = work = Work(self, choice, guard)
        if execution.due:
            await wait_until_due(execution)
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
                outcome = await not_orchestrated(self, execution, choice, state)
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

"""Execution: one event on its way through the engine, and the one way to run one agent."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from math import inf
from typing import TYPE_CHECKING, Any

from agentflow.agent import AgentResult
from agentflow.engine.context import RunContext
from agentflow.engine.firing import HookRefused, fire
from agentflow.engine.guards import NOTHING_ASKED
from agentflow.engine.hooks import STOPS, HookPoint, without_stops
from agentflow.engine.parking import look_parked, pass_gate, wait_for_retry
from agentflow.engine.trail import Trail
from agentflow.errors import AgentRunVetoed, AgentTimeout
from agentflow.event import Event
from agentflow.orchestration import Outcome
from agentflow.resilience.dead_letters import describe
from agentflow.state import State
from agentflow.telemetry.trace import bounded

if TYPE_CHECKING:
    from agentflow.engine.guards import Guard
    from agentflow.engine.stops import Stop
    from agentflow.engine.work import Work


class Execution(Trail, eq=False, gc=False):
    """One accepted event while the engine brings it to its end."""

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
                    error = await pass_gate(self, agent)
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
                    await wait_for_retry(self, name, attempt, delay, error)
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
                    look_parked(self)
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

"""The express lane: plain agents one after the other, with nothing in between.

What the dispatcher and ``Execution.run`` do for any event, this does for the common one
(no callback, no pause, no breaker open, no steering metadata) without asking their
questions. Whatever turns out to be out of the ordinary is handed back to them, with how
far it has come: the two must always come to the same end, and a test holds them to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import TYPE_CHECKING, Any

from agentflow.engine.plan import MAX_STEPS
from agentflow.engine.work import Attempt, Resumed
from agentflow.frozen import is_small, thaw
from agentflow.orchestration import Outcome
from agentflow.orchestration.loop import at_limit, is_complete
from agentflow.state import State
from agentflow.telemetry.metrics import FOLD_AT
from agentflow.telemetry.trace import RunRecord, bounded

if TYPE_CHECKING:
    from agentflow.engine.dispatcher import Dispatcher
    from agentflow.engine.execution import Execution
    from agentflow.engine.guards import Guard
    from agentflow.engine.plan import Lane

new_state = object.__new__

ROUNDS = [{"loop_iteration": str(round + 1)} for round in range(MAX_STEPS)]
"""The meta of a loop that has none of its own, shared by all the traces that keep it."""


async def ride(dispatcher: Dispatcher, execution: Execution, lane: Lane, guard: Guard) -> None:
    """Bring ``execution`` to its end through the agents of ``lane``."""
    event = execution.event
    now = dispatcher.now
    guards = dispatcher.guards
    choice = lane.choice
    changes = dispatcher.changes
    execution.label = choice.label
    execution.started = ended = now()
    deadline = ended + choice.plan.timeout
    if deadline < guards.next:
        guards.schedule(deadline)
    state = new_state(State)
    state._values = event.data.copy() if event.flat else thaw(event.data)  # type: ignore[attr-defined]
    state.meta = {}
    before: Mapping[str, Any] = event.data if event.small else bounded(event.data)
    before_meta: dict[str, str] | None = None
    looping = lane.looping
    complete = False
    runs: tuple[RunRecord, ...] = ()
    tried: Attempt | None = None
    done = 0
    for agent in lane.steps:
        vitals = agent.vitals
        if not vitals.clear:
            break
        if looping:
            state.meta["loop_iteration"] = ROUNDS[done]["loop_iteration"]
        guard.deadline = deadline
        if done:
            if dispatcher.changes != changes:
                break  # a callback was registered, an agent paused, a breakpoint set since
            try:
                changed = state._values != before
            except Exception:  # a value that refuses to be compared
                changed = True
            if changed:
                # What has not changed is not copied: thousands of these are kept.
                if not is_small(state._values):
                    break
                before = state._values.copy()
            if looping and len(state.meta) == 1:
                before_meta = ROUNDS[done]
            elif state.meta != before_meta:
                before_meta = state.meta.copy() or None
        guard.agent = agent.name
        guard.since = started = ended
        if agent.timeout < inf:
            guards.arm(guard, min(deadline, started + agent.timeout))
        try:
            output = await agent.call(event, state)
        except BaseException as raised:
            tried = (state, None, raised)
            break
        if output is not None:
            if type(output) is not State:
                tried = (state, output, None)
                break
            state = output
        if guard.fired:
            tried = (state, output, None)
            break
        ended = now()
        pending = agent.pending
        pending.append(ended - started)
        if len(pending) >= FOLD_AT:
            agent.latency.fold()
        vitals.ended = ended
        if vitals.shaky:
            vitals.shaky = False
            vitals.breaker.succeeded()
        runs += ((agent.name, started, ended, 1, "", before, before_meta),)
        done += 1
        if looping:
            values = state._values
            if ("loop_complete" in values or "loop_completed" in values) and is_complete(state):
                complete = True
                break
    guard.deadline = inf
    guard.agent = ""
    if execution.ended:
        return  # it was given up in the meantime: see Dispatcher.abandon
    execution.last = ended
    execution.runs = runs
    if execution.ended:
        return  # it was given up in the meantime: see Dispatcher.abandon
    if not complete and done < len(lane.steps):
        if tried is not None:
            state = State(before if done else event.data, before_meta)
        if done and dispatcher.recorder is not None:
            execution.keep_output(dispatcher.recorder.output(state, None))
        await dispatcher.orchestrate(execution, guard, Resumed(choice, done, state, tried))
        return
    error: BaseException | None = None
    if state.meta and dispatcher.recorder is not None:
        # What follows changes it.
        execution.keep_output(dispatcher.recorder.last_output(state))
    if looping and not complete:
        error = at_limit(state, agent.name, done, choice.plan.fail_at_limit).error
    if "route" in state.meta and error is None:
        outcome = Outcome(state, None, agent.name)
        dispatcher.follow_up(execution, choice, outcome)
        error = outcome.error
    dispatcher.settle(execution, choice.meter, state, error, agent.name)

"""Firing: calling the callbacks of one hook point, and recording what they do.

A plain function, not a coroutine: most callbacks need no await, and those that do say so
by what they return.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from agentflow.agent import AgentResult
from agentflow.engine.changes import NO_META, Given, changed
from agentflow.engine.hooks import (
    STOPS,
    Callback,
    CallbackArgs,
    HookPoint,
)
from agentflow.resilience.dead_letters import describe
from agentflow.state import State
from agentflow.telemetry.metrics import FOLD_AT

if TYPE_CHECKING:
    from agentflow.engine.execution import Execution
    from agentflow.engine.stops import Stop

BEFORE = (HookPoint.BEFORE_EVENT_HANDLING, HookPoint.BEFORE_AGENT_RUN)
"""The hook points where a callback that raises says no."""


class HookRefused(Exception):
    """A callback before an event or a run raised: the event or the run must not go on."""

    def __init__(self, callback: str, cause: BaseException) -> None:
        self.callback = callback
        self.cause = cause
        super().__init__(callback)

    @property
    def reason(self) -> str:
        """Why, in the callback's own words."""
        try:
            return str(self.cause) or type(self.cause).__name__
        except Exception:  # a cause that cannot even say what it is
            return type(self.cause).__name__


class WrongReturn(TypeError):
    """A callback returned something that is no State."""

    def __init__(self, value: object) -> None:
        super().__init__(f"a callback returns a State or None, not {type(value).__name__}")


def fire(
    execution: Execution,
    callbacks: Sequence[Callback],
    hook: HookPoint,
    state: State,
    agent: str = "",
    result: AgentResult | None = None,
    error: BaseException | None = None,
) -> State | Awaitable[State]:
    """Call ``callbacks`` in order, each with the state the last one returned.

    Returns the state from here on, or an awaitable of it when one of the callbacks has to
    be awaited. Raises HookRefused when one raises at a Before hook; elsewhere what is
    raised is recorded against the callback.
    """
    if callbacks[0] is STOPS:
        callbacks = callbacks[1:]
        stop = execution.work.dispatcher.breakpoints.look(execution, hook, state, agent, error)
        if stop is not None:
            return _fire_after(stop, execution, callbacks, hook, state, agent, result, error)
        if not callbacks:
            return state
    now = execution.work.dispatcher.now
    event = execution.event
    notes = execution.notes
    if notes is None:
        notes = execution.notes = []
    began = now()
    for place, callback in enumerate(callbacks):
        callback.fired += 1
        before = None
        if callback.returns:
            before = state._values.copy(), state.meta.copy() if state.meta else NO_META
        try:
            returned = callback.call(CallbackArgs(hook, event, state, agent, result, error))
        except GeneratorExit:
            raise
        except BaseException as raised:
            began = _failed(execution, callback, hook, began, raised)
            continue
        if returned is not None:
            if isinstance(returned, State):
                keys = changed(before, state, returned)
                callback.returns = True
                state = returned
                if keys:
                    began = _changed(execution, callback, hook, began, keys)
                    continue
            elif isawaitable(returned):
                rest = callbacks[place + 1 :]
                return _go_on(
                    execution, callback, returned, rest, hook, began, state, agent, result, error,
                    before,
                )  # fmt: skip
            else:
                began = _failed(execution, callback, hook, began, WrongReturn(returned))
                continue
        ended = now()
        callback.latency.append(ended - began)
        if len(callback.latency) >= FOLD_AT:
            callback.meter.latency.fold()
        notes.append(("hook", callback.title(hook), began, ended, "ok", ""))
        began = ended
    return state


async def _fire_after(
    stop: Stop,
    execution: Execution,
    callbacks: Sequence[Callback],
    hook: HookPoint,
    state: State,
    agent: str,
    result: AgentResult | None,
    error: BaseException | None,
) -> State:
    """Call ``callbacks`` when the operator lets the event go on, unless they are skipped."""
    await stop.wait(callbacks)
    if stop.skip or not callbacks:
        return state
    answer = fire(execution, callbacks, hook, state, agent, result, error)
    return answer if isinstance(answer, State) else await answer


async def _go_on(
    execution: Execution,
    callback: Callback,
    awaitable: Awaitable[Any],
    rest: Sequence[Callback],
    hook: HookPoint,
    began: float,
    state: State,
    agent: str,
    result: AgentResult | None,
    error: BaseException | None,
    before: Given | None,
) -> State:
    """Await the answer of ``callback``, then go on with the others."""
    work = execution.work
    failure: BaseException | None = None
    keys = ""
    try:
        answer = await _limited(execution, awaitable, callback.name)
        if isinstance(answer, State):
            keys = changed(before, state, answer)
            callback.returns = True
            state = answer
        elif answer is not None:
            failure = WrongReturn(answer)
    except GeneratorExit:
        raise
    except asyncio.CancelledError as cancelled:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        failure = cancelled
    except BaseException as raised:
        failure = raised
    if execution.work is not work:
        raise asyncio.CancelledError  # given up: see Dispatcher.abandon
    if failure is not None:
        _failed(execution, callback, hook, began, failure)
    elif keys:
        _changed(execution, callback, hook, began, keys)
    else:
        ended = execution.work.dispatcher.now()
        callback.meter.latency.add(ended - began)
        execution.note("hook", callback.title(hook), began, ended, "ok")
    if not rest:
        return state
    answer = fire(execution, rest, hook, state, agent, result, error)
    return answer if isinstance(answer, State) else await answer


def _changed(
    execution: Execution, callback: Callback, hook: HookPoint, began: float, keys: str
) -> float:
    """Record which keys of the state a callback has changed; the time now."""
    ended = execution.work.dispatcher.now()
    callback.meter.latency.add(ended - began)
    execution.note("hook", callback.title(hook), began, ended, "changed", keys)
    return ended


def _failed(
    execution: Execution,
    callback: Callback,
    hook: HookPoint,
    began: float,
    failure: BaseException,
) -> float:
    """Record a failure against its callback; the time now. Raises HookRefused if it is a no."""
    ended = execution.work.dispatcher.now()
    callback.meter.latency.add(ended - began)
    callback.failed(failure, ended)
    refused = hook in BEFORE and not isinstance(failure, WrongReturn)
    status = "vetoed" if refused else "failed"
    execution.note("hook", callback.title(hook), began, ended, status, describe(failure))
    if refused:
        callback.vetoed += 1
        raise HookRefused(callback.name, failure)
    return ended


async def _limited(execution: Execution, awaitable: Awaitable[Any], name: str) -> Any:
    """Await a callback's answer, at most as long as an orchestration may take."""
    work = execution.work
    dispatcher = work.dispatcher
    guard = dispatcher.guards.here()
    outer = guard.deadline
    limit = work.choice.plan.timeout
    dispatcher.guards.arm(guard, dispatcher.now() + limit)
    answer: Any = None
    try:
        answer = await awaitable
    except asyncio.CancelledError:
        if not guard.fired:
            raise
    finally:
        late = guard.fired
        if late:
            guard.clear()
        dispatcher.guards.arm(guard, outer)
    if late:
        raise TimeoutError(f"callback {name!r} took longer than {limit:g} s")
    return answer

"""Parking: an execution waits, for a paused agent or a retry, and gives its slot up meanwhile.

It has one slot, however many of its agents run at once: that is free when all of them wait.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from agentflow.errors import CircuitOpen
from agentflow.resilience.dead_letters import describe

if TYPE_CHECKING:
    from agentflow.engine.execution import Execution
    from agentflow.engine.plan import PlannedAgent


async def pass_gate(execution: Execution, agent: PlannedAgent) -> BaseException | None:
    """Wait while the agent is paused, then ask its breaker; the error if it says no."""
    vitals, dispatcher = agent.vitals, execution.work.dispatcher
    while vitals.paused or not agent.code.started:
        if not vitals.paused:
            try:
                async with asyncio.timeout(execution.work.choice.plan.timeout):
                    await agent.code.start()
            except Exception as error:
                dispatcher.supervisor.not_ready(vitals)
                return error
            vitals.ready = True
            dispatcher.supervisor.ready(vitals)
            continue
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        vitals.gate.append((execution, waiting))
        began = dispatcher.now()
        await park(execution, "held", waiting)
        ended = dispatcher.now()
        execution.note("held", agent.name, began, ended, "ok")
        # Time spent held is not the agent's: no timeout counts it.
        execution.deadline += ended - began
    allowed = vitals.breaker.allow()
    vitals.clear = dispatcher.is_clear(vitals)
    if not allowed:
        return CircuitOpen(agent.name, vitals.breaker.retry_after())
    return None


async def wait_for_retry(
    execution: Execution, name: str, attempt: int, delay: float, error: BaseException
) -> None:
    """Wait ``delay`` seconds for the next attempt; ``error`` is what ``attempt`` came to."""
    dispatcher = execution.work.dispatcher
    began = dispatcher.now()
    if dispatcher.intake is not None:
        dispatcher.intake.keep_retry(execution, attempt, began + delay)
    await _sleep(execution, delay)
    execution.note(
        "retrying", f"{name} after attempt {attempt}", began, dispatcher.now(), "ok",
        describe(error),
    )  # fmt: skip


async def wait_until_due(execution: Execution) -> None:
    """Wait for the retry that it waited for when the engine ended."""
    began = execution.work.dispatcher.now()
    if execution.due > began:
        await _sleep(execution, execution.due - began)
    execution.note(
        "retrying", f"attempt {execution.tries}, before the last start", began,
        execution.work.dispatcher.now(), "ok",
    )  # fmt: skip
    execution.due = 0.0


async def _sleep(execution: Execution, delay: float) -> None:
    loop = asyncio.get_running_loop()
    waiting: asyncio.Future[None] = loop.create_future()
    timer = loop.call_later(delay, wake_up, waiting)
    try:
        await park(execution, "retrying", waiting)
    finally:
        timer.cancel()


async def park(execution: Execution, why: str, waiting: asyncio.Future[None]) -> None:
    """Wait for ``waiting``; if all that runs for this event waits, give up its slot."""
    work = execution.work
    held = why == "held"
    if held:
        work.parked_held += 1
    else:
        work.parked_retry += 1
    if not work.released:
        look_parked(execution)
    else:
        say(execution)
    try:
        await waiting
    finally:
        if held:
            work.parked_held -= 1
        else:
            work.parked_retry -= 1
    if work.released:
        await work.dispatcher.take_slot(execution)
    say(execution)


def look_parked(execution: Execution) -> None:
    """Give up the slot if everything that runs for this event waits."""
    work = execution.work
    active = work.active if work.choice.parallel else 1
    if work.parked_held + work.parked_retry >= active:
        work.dispatcher.give_slot(execution)
    say(execution)


def say(execution: Execution) -> None:
    """Let ``waits`` tell how it stands, and those know who wait for that."""
    work = execution.work
    if not work.released:
        execution.waits = ""
    else:
        execution.waits = "held" if work.parked_held else "retrying"
        work.dispatcher.look_idle()


def wake_up(waiting: asyncio.Future[None]) -> None:
    """Let go who waits for this future, unless it is done already."""
    if not waiting.done():
        waiting.set_result(None)

"""Code that ignores its cancellation: it costs its own event, and nobody else anything."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from agentflow import AgentTimeout, CallbackArgs, Context, Event, HookPoint, State
from agentflow.agent import GRACE

from .support import NO_RETRY, add_up, loop, make, settle, virtual

ONE_SLOT = """
    [runtime]
    max_concurrent_events = 1
    [orchestration]
    retry_attempts = 0
    timeout_seconds = 5
    collaborative_agents = ["a", "b", "c"]
"""
TOGETHER = {"orchestration_override": "collaborative"}


def deaf(seconds: float, output: Any = None) -> Callable[[Event, State], Awaitable[Any]]:
    """An agent that takes so many seconds, whoever cancels it."""

    async def handle(event: Event, state: State) -> Any:
        end = loop().time() + seconds
        while (left := end - loop().time()) > 0:
            try:
                await asyncio.sleep(left)
            except asyncio.CancelledError:
                pass
        return output

    return handle


async def hangs(event: Event, state: State) -> None:
    """An agent that never ends by itself."""
    await asyncio.get_running_loop().create_future()


async def quick(event: Event, state: State) -> dict[str, bool]:
    """An agent that lets the loop go round once."""
    await asyncio.sleep(0)
    return {"ok": True}


@virtual
async def test_a_stop_leaves_no_lane_waiting_for_a_paused_agent() -> None:
    """A lane whose agent has ignored the stop goes on to no other agent, held or not."""
    text = ONE_SLOT + "    max_concurrency = 2"
    runner = make(text, a=hangs, b=deaf(1), c=quick)
    await runner.start()
    runner.pause("c")
    await runner.emit(Event("", {}, TOGETHER))
    await settle()
    began = loop().time()
    await runner.stop(drain=False)
    assert loop().time() - began < 2
    assert runner.counts().queued == 1
    assert len(asyncio.all_tasks()) == 1


@virtual
async def test_a_stop_ends_retries_of_agents_that_have_ignored_it() -> None:
    """An attempt that fails while the runner is being closed is the last one, and none of it."""
    calls = 0

    async def fails(event: Event, state: State) -> None:
        nonlocal calls
        calls += 1
        await deaf(1)(event, state)
        if calls == 1:
            raise ConnectionError("again")

    runner = make("[error_routing.retry]\ninitial_delay = 0.5\njitter = false", a=fails)
    await runner.start()
    await runner.emit(Event("a"))
    await settle()
    began = loop().time()
    await runner.stop(drain=False)
    assert loop().time() - began < 1.1
    assert (calls, runner.counts().queued) == (1, 1)
    async with runner:
        await runner.join()
    assert (calls, runner.counts().succeeded) == (2, 1)


@pytest.mark.parametrize(("target", "steering"), [("b", {}), ("", TOGETHER)])
@virtual
async def test_a_worker_that_comes_to_its_end_after_a_stop_takes_nothing(
    target: str, steering: dict[str, str]
) -> None:
    """What is queued stays so until the next start, and then runs once."""
    ran: list[float] = []

    async def notes(event: Event, state: State) -> None:
        ran.append(loop().time())

    runner = make(ONE_SLOT, a=hangs, b=deaf(30), c=hangs, d=notes)
    await runner.start()
    await runner.emit(Event(target, {}, steering))
    await settle()
    await runner.emit(Event("d"))
    await runner.stop(drain=False)
    assert (runner.counts().queued, runner.counts().dead) == (1, 1)
    await asyncio.sleep(100)
    assert ran == []
    async with runner:
        await runner.join()
    assert len(ran) == 1


@virtual
async def test_an_agent_that_ends_when_its_stop_gives_it_up_ends_its_worker_too() -> None:
    """At that very moment the runner may be started again, and that worker is not its own."""
    over = asyncio.Event()

    async def ends_after_five_seconds(event: Event, state: State) -> None:
        loop().call_later(GRACE - 5e-10, over.set)  # in the same turn as the stop, before it
        while not over.is_set():
            try:
                await over.wait()
            except asyncio.CancelledError:
                pass

    runner = make(NO_RETRY, a=ends_after_five_seconds, b=quick)
    await runner.start()
    await runner.emit(Event("a"))
    await asyncio.sleep(0)
    await runner.stop(drain=False)
    assert runner.counts().succeeded == 1
    async with runner:
        assert (await runner.request(Event("b"))).error is None


@virtual
async def test_every_agent_of_a_lane_has_its_limit() -> None:
    """The second agent that one task runs is cancelled in time like the first."""
    text = ONE_SLOT + "    max_concurrency = 2"
    async with make(text, a=hangs, b=quick, c=hangs) as runner:
        began = loop().time()
        result = await runner.request(Event("", {}, TOGETHER))
        assert loop().time() - began < 5.1
        assert isinstance(result.error, ExceptionGroup)
        assert all(isinstance(error, AgentTimeout) for error in result.error.exceptions)


@pytest.mark.parametrize("others", [0.0, 2.0, 30.0], ids=["done", "at-work", "deaf"])
@virtual
async def test_a_lane_that_never_ends_takes_no_slot_with_it(others: float) -> None:
    """Its event is given up after the grace, and the only slot is free for the next one."""
    agents = {"a": deaf(others), "b": deaf(3_000), "c": deaf(others), "d": quick}
    async with make(ONE_SLOT, **agents) as runner:
        result = await runner.request(Event("", {}, TOGETHER))
        assert isinstance(result.error, AgentTimeout)
        began = loop().time()
        for _ in range(3):
            result = await runner.request(Event("d"))
            assert (result.error, loop().time() - began) == (None, 0)
        await asyncio.sleep(100)
        assert (await runner.request(Event("d"))).error is None
        assert len(asyncio.all_tasks()) <= 4  # this one, the worker, the runner's, the deaf one


@pytest.mark.parametrize("lane", ["waits", "retries", "works"])
@virtual
async def test_nothing_goes_on_for_an_event_that_was_given_up(lane: str) -> None:
    """Lanes beside the deaf one are cancelled with it, whatever they were doing."""
    ended: list[float] = []

    async def other(event: Event, state: State) -> None:
        if lane == "retries":
            raise ConnectionError("again")
        try:
            await asyncio.sleep(500)
        finally:
            ended.append(loop().time())

    text = (
        ONE_SLOT.replace("retry_attempts = 0", "retry_attempts = 20")
        + """
        [error_routing.retry]
        initial_delay = 20
        max_delay = 20
        [agents.a]
        timeout = 3
        [agents.b]
        [agents.c]
    """
    )
    text = text.replace("timeout_seconds = 5", "timeout_seconds = 100")
    runner = make(text, a=deaf(3_000), b=other, c=quick)
    async with runner:
        if lane == "waits":
            runner.pause("b")
        began = loop().time()
        result = await runner.request(Event("", {}, TOGETHER))
        assert isinstance(result.error, AgentTimeout)
        assert loop().time() - began == pytest.approx(8, abs=0.01)
        runner.resume("b")
        await asyncio.sleep(50)
        assert ended == ([pytest.approx(began + 8, abs=0.01)] if lane == "works" else [])
        assert len(asyncio.all_tasks()) == 2, "this one and the deaf one"


@virtual
async def test_who_asked_for_a_lane_that_never_ends_is_answered() -> None:
    """A nested event is given up without its parent, which runs in another task."""
    answers: list[BaseException | None] = []

    async def asks(event: Event, state: State, context: Context) -> None:
        nested = Event("", {}, {**TOGETHER, "timeout": "2s"})
        answers.append((await context.request(nested)).error)

    text = ONE_SLOT.replace("timeout_seconds = 5", "timeout_seconds = 60").replace('"a", ', "")
    async with make(text, a=asks, b=deaf(1.5), c=deaf(3_000)) as runner:
        result = await runner.request(Event("a"))
        assert result.error is None
        assert [type(answer) for answer in answers] == [AgentTimeout]
        assert (runner.counts().succeeded, runner.counts().dead) == (1, 1)


@virtual
async def test_an_agent_given_up_is_a_failure_for_its_breaker() -> None:
    """Trials that never end don't use up the half-open breaker for ever."""
    calls = 0

    async def sick(event: Event, state: State) -> dict[str, bool]:
        nonlocal calls
        calls += 1
        if calls <= 2:
            raise ConnectionError
        if calls <= 4:
            await deaf(2_000)(event, state)
        return {"well": True}

    text = (
        NO_RETRY
        + """
        timeout_seconds = 1
        [error_routing.circuit_breaker]
        failure_threshold = 2
        timeout = 3
        half_open_calls = 2
        success_threshold = 1
    """
    )
    async with make(text, sick=sick) as runner:
        for _ in range(2):
            await runner.request(Event("sick"))
        for state in ("open", "open", "closed"):
            await asyncio.sleep(10)
            result = await runner.request(Event("sick"))
            assert runner.plan.agents["sick"].vitals.breaker.state == state
        assert result.state == {"well": True}


@pytest.mark.parametrize("point", ["BeforeEventHandling", "AfterEventHandling"])
@virtual
async def test_a_callback_that_never_ends_takes_no_slot_with_it(point: str) -> None:
    """Its event is a dead letter, and the next one runs."""

    async def callback(args: CallbackArgs) -> None:
        if args.event.data:
            await deaf(2_000)(args.event, args.state)

    runner = make(ONE_SLOT, a=quick)
    runner.register_callback(point, "deaf", callback)
    async with runner:
        result = await runner.request(Event("a", {"deaf": True}))
        assert isinstance(result.error, TimeoutError)
        assert (await runner.request(Event("a"))).error is None
        assert (runner.counts().succeeded, runner.counts().dead) == (1, 1)


@virtual
async def test_a_callback_that_is_late_is_not_the_agents_fault() -> None:
    """That it has ignored its cancellation is held against the callback alone."""

    async def callback(args: CallbackArgs) -> None:
        await deaf(7)(args.event, args.state)

    runner = make(NO_RETRY + "timeout_seconds = 5", a=quick)
    runner.register_callback(HookPoint.AFTER_EVENT_HANDLING, "late", callback)
    async with runner:
        assert (await runner.request(Event("a"))).error is None
        runner.unregister_callback(HookPoint.AFTER_EVENT_HANDLING, "late")
        assert (await runner.request(Event("a"))).error is None


@virtual
async def test_requests_side_by_side_leave_nothing_behind() -> None:
    """Tasks that a handler makes for its requests are forgotten when these have ended."""

    async def asks(event: Event, state: State, context: Context) -> None:
        for _ in range(3):
            await asyncio.gather(*(context.request(Event("b")) for _ in range(3)))

    async with make(NO_RETRY, a=asks, b=quick) as runner:
        for _ in range(10):
            await runner.request(Event("a"))
        assert len(list(runner.dispatcher.guards)) == 1


@virtual
async def test_workers_that_somebody_cancels_are_replaced() -> None:
    """Cancelling every task of the loop fails what runs; what waits runs again, in as many slots.

    A run can't tell that from its handler cancelling itself.
    """

    async def fails_once(event: Event, state: State) -> None:
        if not seen:
            seen.append(event.id)
            raise ConnectionError("again")

    seen: list[str] = []
    async with make(
        "[runtime]\nmax_concurrent_events = 3", a=hangs, b=fails_once, c=quick
    ) as runner:
        await runner.emit(Event("a"))
        await runner.emit(Event("b"))
        await asyncio.sleep(0.1)
        loop().each_turn(lambda: add_up(runner))  # for a moment nobody comes for what is ready
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await runner.join()
        assert (runner.counts().succeeded, runner.counts().dead) == (1, 1)
        assert isinstance(runner.dead_letters[0].error, asyncio.CancelledError)
        began = loop().time()
        sleeps = [runner.request(Event("c")) for _ in range(10)]
        await asyncio.gather(*sleeps)
        assert loop().time() == began

"""The virtual clock and the recorder, which users' tests stand on as ours do."""

from __future__ import annotations

import asyncio
import socket
import threading
import time

import pytest

from agentflow import Clock, Event, HookPoint, Runner, State
from agentflow.testing import Stuck, VirtualClock, VirtualLoop, recorder, run_virtual


def test_waiting_takes_no_time() -> None:
    """A day of sleep is over at once, and was a day on both clocks."""

    async def main() -> tuple[float, float]:
        clock = VirtualClock()
        before = clock.monotonic(), clock.time()
        await asyncio.sleep(86_000)
        return clock.monotonic() - before[0], clock.time() - before[1]

    began = time.perf_counter()
    assert run_virtual(main) == (pytest.approx(86_000), pytest.approx(86_000))
    assert time.perf_counter() - began < 5


def test_time_stands_still_while_there_is_work() -> None:
    """However long code takes, no virtual time goes by."""

    async def main() -> float:
        clock = VirtualClock()
        before = clock.monotonic()
        for _ in range(1_000):
            await asyncio.sleep(0)
        return clock.monotonic() - before

    assert run_virtual(main) == 0


def test_timers_go_off_in_their_order() -> None:
    """Whatever the order in which they were set."""

    async def main() -> list[int]:
        order: list[int] = []

        async def nap(seconds: int) -> None:
            await asyncio.sleep(seconds)
            order.append(seconds)

        await asyncio.gather(*(nap(seconds) for seconds in (50, 3, 700, 1, 20)))
        return order

    assert run_virtual(main) == [1, 3, 20, 50, 700]


def test_advance_is_time_that_nobody_saw_pass() -> None:
    """Timers that are due by then go off together at the next turn."""

    async def main() -> None:
        clock = VirtualClock()
        start = clock.monotonic()
        nap = asyncio.create_task(asyncio.sleep(5))
        await asyncio.sleep(0)
        clock.advance(60)
        await nap
        assert clock.monotonic() - start == pytest.approx(60)
        with pytest.raises(ValueError, match="back"):
            clock.advance(-1)

    run_virtual(main)


def test_the_wall_clock_can_be_set_without_time_passing() -> None:
    """jump_wall moves time() and leaves monotonic() alone."""

    async def main() -> None:
        clock = VirtualClock()
        wall, steady = clock.time(), clock.monotonic()
        clock.jump_wall(3_600)
        assert (clock.time() - wall, clock.monotonic() - steady) == (3_600, 0)
        clock.jump_wall(-7_200)
        assert clock.time() - wall == -3_600

    run_virtual(main)


def test_what_never_comes_is_an_error_and_no_hang() -> None:
    """A wait that nothing can end is Stuck, with timers that go on for ever as without any."""

    async def for_ever() -> None:
        await asyncio.Event().wait()

    async def with_a_ticker() -> None:
        async def ticks() -> None:
            for _ in range(1_000_000):
                await asyncio.sleep(1)

        ticker = asyncio.create_task(ticks())
        await asyncio.Event().wait()
        ticker.cancel()

    with pytest.raises(Stuck):
        run_virtual(for_ever)
    with pytest.raises(Stuck):
        run_virtual(with_a_ticker, patience=100)


def test_a_thread_at_work_is_waited_for() -> None:
    """No timer overtakes a plain handler, a thread of to_thread, or an executor's job."""

    async def main() -> None:
        release = threading.Event()
        threading.Timer(0.05, release.set).start()

        def blocks(event: Event, state: State) -> dict[str, bool]:
            return {"released": release.wait(10)}

        runner = Runner(clock=VirtualClock())
        runner.register_agent("a", blocks)
        async with runner:
            result = await runner.request(Event("a", {}, {"timeout": "1ms"}))
            assert result.state == {"released": True}
            assert await asyncio.wait_for(asyncio.to_thread(release.wait, 10), 1)

    run_virtual(main)


def test_sockets_are_waited_for() -> None:
    """What comes over the network comes in real time."""

    async def main() -> bytes:
        left, right = socket.socketpair()
        with left, right:
            left.setblocking(False)
            threading.Timer(0.02, right.send, (b"x",)).start()
            return await asyncio.get_running_loop().sock_recv(left, 1)

    assert run_virtual(main) == b"x"


def test_a_virtual_clock_needs_a_virtual_loop() -> None:
    """On any other loop it says so; it is a Clock like the real one."""

    async def real() -> None:
        with pytest.raises(RuntimeError, match="run_virtual"):
            VirtualClock()

    async def virtual() -> None:
        assert isinstance(VirtualClock(), Clock)

    asyncio.run(real())
    run_virtual(virtual)


def test_a_check_is_made_in_every_turn_of_the_loop() -> None:
    """What it raises ends the run."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        turns = 0

        def check() -> None:
            nonlocal turns
            turns += 1
            assert turns < 10

        loop.each_turn(check)
        await asyncio.sleep(100)
        for _ in range(20):
            await asyncio.sleep(0)

    with pytest.raises(AssertionError):
        run_virtual(main)


def test_errors_come_out_as_they_were_raised() -> None:
    """run_virtual returns what the function returns and raises what it raises."""

    async def fails() -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        run_virtual(fails)


def test_a_recorder_answers_in_turn_and_notes_what_it_was_asked() -> None:
    """The last answer again and again; errors are raised, functions called."""

    async def later(event: Event, state: State) -> dict[str, int]:
        await asyncio.sleep(1)
        return {"later": 1}

    async def main() -> None:
        worker, seen = recorder({"n": 1}, KeyError("x"), later, None), recorder()
        runner = Runner(clock=VirtualClock())
        runner.register_agent("a", worker.agent)
        runner.register_callback(HookPoint.AFTER_AGENT_RUN, "seen", seen.callback)
        async with runner:
            results = [await runner.request(Event("a", {"x": x})) for x in range(5)]
        assert results[0].state == {"x": 0, "n": 1}
        assert isinstance(results[1].error, KeyError)
        assert results[2].state == {"x": 2, "later": 1}
        assert results[3].state == {"x": 3}
        assert results[4].state == {"x": 4}
        assert [call.data for call in worker.calls] == [{"x": x} for x in range(5)]
        assert [event.target for event in worker.events] == ["a"] * 5
        assert seen.hooks == ["AfterAgentRun"] * 5
        assert [call.agent for call in seen.calls] == ["a"] * 5
        assert isinstance(seen.calls[1].error, KeyError)

    run_virtual(main)

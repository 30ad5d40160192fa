"""Fault 17: the wall clock jumps an hour, forth or back. Durations don't notice."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest

from agentflow import (
    AgentTimeout,
    CircuitOpen,
    Config,
    Context,
    DeadlineExceeded,
    Event,
    Runner,
    State,
)
from agentflow.journal import Journal
from agentflow.testing import VirtualClock, recorder, run_virtual

HOUR = 3_600.0
JUMPS = [HOUR, -HOUR, 10 * 24 * HOUR]

CONFIG = """
[orchestration]
timeout_seconds = 30
[error_routing.retry]
max_retries = 3
base_delay_ms = 10000
jitter = false
"""


def make(clock: VirtualClock, journal: Journal | bool = False) -> Runner:
    return Runner(Config.from_toml(CONFIG, environ={}), clock=clock, journal=journal or None)


async def story(clock: VirtualClock, jumps: list[float]) -> list[Any]:
    """What happens when, in seconds since the start, while the clock jumps every 7 s."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    told: list[Any] = []

    def now() -> float:
        return round(loop.time() - began, 3)

    async def hangs(event: Event, state: State) -> None:
        told.append((now(), "hangs"))
        await asyncio.Event().wait()

    async def recovers(event: Event, state: State, context: Context) -> None:
        told.append((now(), "recovers", context.attempt))
        if context.attempt < 3:
            raise ConnectionError("not yet")

    async def breaks(event: Event, state: State) -> None:
        told.append((now(), "breaks"))
        raise ConnectionError("never")

    runner = make(clock)
    for handler in (hangs, recovers, breaks):
        runner.register_agent(handler.__name__, handler)
    async with runner:
        for target in ("hangs", "recovers", "breaks", "breaks", "breaks"):
            await runner.emit(Event(target, session_id="one", metadata={"priority": "high"}))
            await runner.emit(Event(target))
        for jump in jumps:
            await asyncio.sleep(7)
            clock.jump_wall(jump)
        await runner.join()
        told.append((now(), sorted(type(letter.error).__name__ for letter in runner.dead_letters)))
        entries = runner.dump_trace("one")
        assert [entry.seq for entry in entries] == sorted(entry.seq for entry in entries)
        times = [entry.timestamp for entry in entries]
        assert times == sorted(times)
        assert all((entry.duration or 0) >= 0 for entry in entries)
        assert times[-1] - times[0] < HOUR / 2
    return told


@pytest.mark.parametrize("jump", JUMPS)
def test_timeouts_retries_and_breakers_do_not_notice(jump: float) -> None:
    """Everything happens at the same second as without a jump, and the trace is in order."""

    async def run(jumps: list[float]) -> list[Any]:
        return await story(VirtualClock(), jumps)

    still = run_virtual(lambda: run([0.0] * 8))
    assert {AgentTimeout.__name__, CircuitOpen.__name__} <= set(still[-1][1])
    assert run_virtual(lambda: run([jump] * 8)) == still
    assert run_virtual(lambda: run([jump, -jump] * 4)) == still


def test_a_deadline_is_a_time_of_day_and_does_notice() -> None:
    """A deadline that the clock jumps over has passed; one that it jumps back from has not."""

    async def run() -> None:
        clock = VirtualClock()
        runner = make(clock)
        worker = recorder()
        runner.register_agent("a", worker.agent)
        async with runner:
            runner.pause()
            metadata = {"deadline": str(_rfc3339(clock.time() + 600)), "priority": "critical"}
            await runner.emit(Event("a", {"n": 1}, metadata))
            clock.jump_wall(HOUR)
            runner.resume()
            await runner.join()
            (letter,) = runner.dead_letters
            assert isinstance(letter.error, DeadlineExceeded)
            clock.jump_wall(-HOUR)
            await runner.emit(Event("a", {"n": 2}, metadata))
            await runner.join()
        assert [event.data["n"] for event in worker.events] == [2]

    run_virtual(run)


@pytest.mark.parametrize("jump", JUMPS)
def test_a_retry_on_disk_comes_when_it_is_due_or_sooner(tmp_path: Path, jump: float) -> None:
    """A clock that was set while the process was away never makes a retry wait longer."""

    async def first() -> None:
        clock = VirtualClock()
        runner = make(clock, Journal(tmp_path / "journal.db", inline=True))
        runner.register_agent("a", recorder(ConnectionError("busy")).agent)
        await runner.start()
        await runner.emit(Event("a"))
        await asyncio.sleep(5)
        await runner.flush()
        shutil.copytree(tmp_path, tmp_path / "crashed", ignore=shutil.ignore_patterns("*.lock"))
        await runner.stop(drain=False)

    async def second() -> None:
        clock = VirtualClock()
        clock.advance(5)
        clock.jump_wall(jump)
        worker = recorder()
        runner = make(clock, Journal(tmp_path / "crashed" / "journal.db", inline=True))
        runner.register_agent("a", worker.agent)
        began = clock.monotonic()
        async with runner:
            await asyncio.wait_for(runner.join(), 30)
            assert clock.monotonic() - began <= 30
            assert len(worker.calls) == 1
            assert runner.counts().succeeded == 1

    run_virtual(first)
    run_virtual(second)


@pytest.mark.parametrize("jump", JUMPS)
def test_a_jump_past_the_retention_loses_nothing_that_is_open(tmp_path: Path, jump: float) -> None:
    """What is open stays, however old it seems; what was settled does not run again."""

    async def first() -> None:
        runner = make(VirtualClock(), Journal(tmp_path / "journal.db", inline=True, retention=60))
        runner.register_agent("a", recorder().agent)
        await runner.start()
        await runner.request(Event("a", {"n": 0}))
        runner.pause()
        for number in range(1, 4):
            await runner.emit(Event("a", {"n": number}))
        await runner.stop(drain=False)

    async def second() -> None:
        clock = VirtualClock()
        clock.jump_wall(jump)
        worker = recorder()
        runner = make(clock, Journal(tmp_path / "journal.db", inline=True, retention=60))
        runner.register_agent("a", worker.agent)
        async with runner:
            clock.jump_wall(-2 * jump)
            await runner.join()
            clock.jump_wall(4 * jump)
            await runner.request(Event("a", {"n": 4}))
        assert [event.data["n"] for event in worker.events] == [1, 2, 3, 4]

    run_virtual(first)
    run_virtual(second)


def _rfc3339(seconds: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).isoformat()

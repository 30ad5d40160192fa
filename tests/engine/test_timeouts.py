"""Time limits and deadlines: the smallest one holds, and time on the wall may jump."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from agentflow import AgentTimeout, Context, DeadlineExceeded, Event, State
from agentflow.testing import recorder

from .support import LANES, NO_RETRY, loop, make, settle, virtual


async def hangs(event: Event, state: State) -> None:
    await asyncio.Event().wait()


def at(runner: Any, seconds: float) -> str:
    """The moment so many seconds from now, on the runner's wall clock, as RFC 3339."""
    return datetime.fromtimestamp(runner.dispatcher.clock.time() + seconds, UTC).isoformat()


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize(
    ("metadata", "seconds"),
    [
        ({}, 30),
        ({"timeout": "3s"}, 3),
        ({"timeout": "250ms"}, 0.25),
        ({"timeout": "1m30s"}, 30),
        ({"timeout": "7"}, 7),
        ({"agent_timeout": "4"}, 4),
        ({"timeout": "9s", "agent_timeout": "4s"}, 4),
        ({"timeout": "4s", "agent_timeout": "9s"}, 4),
        ({"timeout": "9s", "deadline": 5}, 5),
        ({"timeout": "4s", "deadline": 5}, 4),
        ({"deadline": 50}, 30),
        ({"timeout": "0"}, 0),
    ],
)
@virtual
async def test_the_smallest_limit_holds(
    metadata: dict[str, Any], seconds: float, lane: str
) -> None:
    """Of timeout, agent_timeout, deadline - now and the orchestration's own."""
    async with make(NO_RETRY, lane, a=hangs) as runner:
        if "deadline" in metadata:
            metadata = {**metadata, "deadline": at(runner, metadata["deadline"])}
        start = loop().time()
        result = await runner.request(Event("a", {}, metadata))
        assert loop().time() - start == pytest.approx(seconds, abs=0.01)
    assert isinstance(result.error, AgentTimeout)
    assert result.error.agent == "a"
    assert runner.counts() == (1, 0, 0, 0, 0, 1)


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_a_timeout_cancels_the_handler_and_lets_it_clean_up(lane: str) -> None:
    """The handler sees CancelledError, and its finally may await."""
    log: list[str] = []

    async def cleans(event: Event, state: State) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            log.append("cancelled")
            raise
        finally:
            await asyncio.sleep(0.5)
            log.append("clean")

    async with make(NO_RETRY + "timeout_seconds = 2", lane, a=cleans) as runner:
        await runner.request(Event("a"))
    assert log == ["cancelled", "clean"]


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_a_timeout_that_is_swallowed_is_one_all_the_same(lane: str) -> None:
    """A handler that catches its cancellation and returns has still taken too long."""

    async def swallows(event: Event, state: State) -> dict[str, int]:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass
        return {"late": 1}

    good = recorder({"y": 1})
    async with make(NO_RETRY + "timeout_seconds = 2", lane, a=swallows, b=good.agent) as runner:
        result = await runner.request(Event("a"))
        assert isinstance(result.error, AgentTimeout)
        assert result.state == {}
        for _ in range(20):
            assert (await runner.request(Event("b"))).error is None


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_a_handler_that_ignores_every_cancellation_is_abandoned(lane: str) -> None:
    """After a grace its event is a dead letter; it holds up neither others nor stop."""
    released = False

    async def ignores(event: Event, state: State) -> None:
        while not released:
            try:
                await asyncio.sleep(600)
            except asyncio.CancelledError:
                continue

    text = NO_RETRY + "timeout_seconds = 2\n[runtime]\nmax_concurrent_events = 1"
    runner = make(text, lane, a=ignores, b=recorder().agent)
    await runner.start()
    result = await asyncio.wait_for(runner.request(Event("a")), 100)
    assert isinstance(result.error, TimeoutError)
    assert (await asyncio.wait_for(runner.request(Event("b")), 100)).error is None
    await asyncio.wait_for(runner.stop(), 100)
    assert runner.counts() == (2, 0, 0, 0, 1, 1)
    assert any("a" in row.text for row in runner.telemetry.lines.items)
    released = True
    await asyncio.sleep(1_000)


@virtual
async def test_each_attempt_has_the_agents_own_timeout_anew() -> None:
    """agents.X.timeout limits one attempt; the orchestration's limit all of them."""
    text = "[error_routing.retry]\njitter = false\n[agents.a]\nsystem_prompt='x'\ntimeout = 2"
    worker = recorder(hangs, hangs, {"y": 1})
    async with make(text, a=worker.agent) as runner:
        start = loop().time()
        result = await runner.request(Event("a"))
        assert loop().time() - start == pytest.approx(2 + 1 + 2 + 2, abs=0.01)
    assert result.error is None


@virtual
async def test_the_runtimes_timeout_is_that_of_agents_that_say_nothing() -> None:
    """[runtime] timeout_seconds limits every run that no agent's own timeout limits."""
    text = NO_RETRY + "[runtime]\ntimeout_seconds = 2\n[agents.b]\nsystem_prompt='x'\ntimeout = 4"
    async with make(text, a=hangs, b=hangs) as runner:
        for agent, seconds in (("a", 2), ("b", 4)):
            start = loop().time()
            result = await runner.request(Event(agent))
            assert loop().time() - start == pytest.approx(seconds, abs=0.01)
            assert isinstance(result.error, AgentTimeout)


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_a_deadline_that_has_passed_is_a_warning_for_normal_events(lane: str) -> None:
    """The event runs all the same, and the log says that it was late."""
    worker = recorder()
    async with make("", lane, a=worker.agent) as runner:
        result = await runner.request(Event("a", {}, {"deadline": at(runner, -60)}))
        lines = [row for row in runner.telemetry.lines.items if row.level == "warning"]
    assert result.error is None
    assert len(worker.calls) == 1
    assert any("deadline" in row.text for row in lines)


@pytest.mark.parametrize("mode", ["route", "collaborative", "sequential", "loop", "mixed"])
@virtual
async def test_a_deadline_that_has_passed_fails_critical_events(mode: str) -> None:
    """DeadlineExceeded, a dead letter, and no agent runs."""
    worker = recorder()
    text = f'[orchestration]\nmode = "{mode}"\nloop_agent = "a"\nsequential_agents = ["a"]'
    async with make(text, a=worker.agent) as runner:
        metadata = {"deadline": at(runner, -60), "priority": "critical"}
        result = await runner.request(Event("a", {}, metadata))
    assert isinstance(result.error, DeadlineExceeded)
    assert result.error.late == pytest.approx(60, abs=0.1)
    assert worker.calls == []
    assert runner.counts().dead == 1


@virtual
async def test_a_deadline_that_passes_in_the_queue_counts() -> None:
    """What matters is the moment at which the event would run."""
    worker = recorder()
    text = "[runtime]\nmax_concurrent_events = 1"

    async def slow(event: Event, state: State) -> None:
        await asyncio.sleep(10)

    async with make(text, slow=slow, a=worker.agent) as runner:
        await runner.emit(Event("slow", {}, {"priority": "critical"}))
        await settle()
        metadata = {"deadline": at(runner, 5), "priority": "critical"}
        result = await runner.request(Event("a", {}, metadata))
    assert isinstance(result.error, DeadlineExceeded)
    assert worker.calls == []


@virtual
async def test_a_child_inherits_the_deadline() -> None:
    """A chain has one deadline unless a link says otherwise."""
    event = Event("a", {}, {"deadline": "2026-01-01T00:00:00Z"})
    assert event.child("b", {}).metadata["deadline"] == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
@virtual
async def test_a_jump_of_the_wall_clock_moves_no_timeout(jump: float) -> None:
    """Timeouts, durations and retries go by monotonic time."""
    seen: list[float] = []

    async def slow(event: Event, state: State) -> None:
        runner.dispatcher.clock.jump_wall(jump)  # type: ignore[attr-defined]
        seen.append(loop().time())
        await asyncio.Event().wait()

    async with make("[orchestration]\nretry_attempts = 1\ntimeout_seconds = 100\n"
                    "[agents.a]\nsystem_prompt='x'\ntimeout = 5", a=slow) as runner:  # fmt: skip
        start = loop().time()
        result = await runner.request(Event("a", session_id="s"))
        assert 10.7 <= loop().time() - start <= 11.01
        trace = runner.dump_trace("s")
    assert isinstance(result.error, AgentTimeout)
    assert result.duration == pytest.approx(11, abs=0.5)
    assert len(seen) == 2
    times = [entry.timestamp for entry in trace]
    assert times == sorted(times)


@virtual
async def test_the_deadline_in_the_context_is_wall_time_even_after_a_jump() -> None:
    """deadline - now is what is left, however the wall clock was set in between."""
    left: list[float] = []

    async def look(event: Event, state: State, context: Context) -> None:
        assert context.deadline is not None
        left.append(context.deadline.timestamp() - runner.dispatcher.clock.time())

    async with make("", a=look) as runner:
        runner.dispatcher.clock.jump_wall(3600)  # type: ignore[attr-defined]
        await runner.request(Event("a"))
    assert left == [pytest.approx(30, abs=0.1)]


@virtual
async def test_a_late_timer_cuts_off_who_is_late_and_nobody_else() -> None:
    """After the loop was blocked for a minute, runs within their limits go on."""

    async def short(event: Event, state: State) -> None:
        await asyncio.sleep(0.5)

    async with make(NO_RETRY + "timeout_seconds = 300", a=hangs, b=short) as runner:
        late = asyncio.create_task(runner.request(Event("a", {}, {"timeout": "10s"})))
        fine = asyncio.create_task(runner.request(Event("b")))
        await settle()
        loop().advance(60)
        assert isinstance((await late).error, AgentTimeout)
        assert (await fine).error is None


@virtual
async def test_many_limits_at_once_each_hold() -> None:
    """A hundred runs with limits of their own end each at its own moment."""
    ended: dict[int, float] = {}
    text = NO_RETRY + "timeout_seconds = 1000\n[runtime]\nmax_concurrent_events = 100"
    async with make(text, a=hangs) as runner:
        start = loop().time()

        async def ask(n: int) -> None:
            await runner.request(Event("a", {}, {"timeout": str(n)}))
            ended[n] = loop().time() - start

        order = [n * 37 % 101 for n in range(1, 101)]
        await asyncio.gather(*map(ask, order))
    assert ended == {n: pytest.approx(n, abs=0.01) for n in order}

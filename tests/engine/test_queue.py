"""The queue: bounded, with patience, and never a silent refusal."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agentflow import (
    Event,
    InvalidEvent,
    QueueFull,
    Runner,
    RunnerAlreadyRunning,
    RunnerNotRunning,
    State,
)
from agentflow.testing import recorder

from .support import LANES, loop, make, settle, virtual

SMALL = "[runtime]\nqueue_size = 2\nmax_concurrent_events = 1"


async def takes(event: Event, state: State) -> None:
    await asyncio.sleep(event.data["t"])


async def fill(runner: Runner) -> None:
    """One event that runs for ten seconds, and as many behind it as there is room for."""
    await runner.emit(Event("a", {"t": 10}))
    await settle()
    for _ in range(runner.config.runtime.queue_size):
        await runner.emit(Event("a", {"t": 0.1}))


def test_the_queue_holds_a_thousand_events_unless_told_otherwise() -> None:
    """[runtime] queue_size defaults to 1000."""
    assert Runner().config.runtime.queue_size == 1000


@virtual
async def test_emit_returns_the_id_of_an_accepted_event() -> None:
    """From then on the event is accounted for."""
    async with make("", a=takes) as runner:
        event = Event("a", {"t": 5})
        assert await runner.emit(event) == event.id
        assert runner.counts().accepted == 1
        assert runner.try_emit(Event("a", {"t": 5})) != event.id
        assert runner.counts().accepted == 2


@virtual
async def test_emit_waits_a_second_for_room_and_then_raises() -> None:
    """A full queue costs the emitter one second, then QueueFull with the size."""
    async with make(SMALL, a=takes) as runner:
        await fill(runner)
        start = loop().time()
        with pytest.raises(QueueFull) as caught:
            await runner.emit(Event("a", {"t": 0}))
        assert loop().time() - start == pytest.approx(1.0, abs=0.01)
        assert caught.value.size == 2
        assert runner.counts().accepted == 3


@virtual
async def test_try_emit_raises_at_once() -> None:
    """try_emit neither waits nor lets the loop go round."""
    async with make(SMALL, a=takes) as runner:
        await fill(runner)
        start = loop().time()
        with pytest.raises(QueueFull):
            runner.try_emit(Event("a", {"t": 0}))
        assert loop().time() == start


@virtual
async def test_a_request_to_a_full_queue_is_refused_too() -> None:
    """request raises QueueFull: what was not accepted has no outcome."""
    async with make(SMALL, a=takes) as runner:
        await fill(runner)
        with pytest.raises(QueueFull):
            await runner.request(Event("a", {"t": 0}))


@virtual
async def test_emit_goes_on_as_soon_as_there_is_room() -> None:
    """Room within the second is used, when it comes."""
    async with make(SMALL, a=takes) as runner:
        await runner.emit(Event("a", {"t": 0.5}))
        await settle()
        for _ in range(2):
            await runner.emit(Event("a", {"t": 5}))
        start = loop().time()
        await runner.emit(Event("a", {"t": 0}))
        assert loop().time() - start == pytest.approx(0.5, abs=0.01)


@virtual
async def test_an_emitter_that_gave_up_takes_nobodys_turn() -> None:
    """Room goes to who still waits, not to who has been refused already."""
    text = "[runtime]\nqueue_size = 1\nmax_concurrent_events = 1"
    async with make(text, a=takes) as runner:
        start = loop().time()
        await runner.emit(Event("a", {"t": 1.5}))
        await settle()
        await runner.emit(Event("a", {"t": 0.1}))
        accepted: dict[str, float] = {}

        async def emits(name: str, at: float) -> None:
            await asyncio.sleep(at)
            await runner.emit(Event("a", {"t": 0}))
            accepted[name] = loop().time() - start

        early, late = (
            asyncio.create_task(emits("early", 0.2)),
            asyncio.create_task(emits("late", 1)),
        )
        with pytest.raises(QueueFull):
            await early
        await late
    assert accepted == {"late": pytest.approx(1.5, abs=0.01)}


@virtual
async def test_an_emitter_that_is_cancelled_takes_nobodys_turn() -> None:
    """Cancelling an emit that waits leaves the room to the next one."""
    text = "[runtime]\nqueue_size = 1\nmax_concurrent_events = 1"
    async with make(text, a=takes) as runner:
        start = loop().time()
        await runner.emit(Event("a", {"t": 0.5}))
        await settle()
        await runner.emit(Event("a", {"t": 5}))
        first = asyncio.create_task(runner.emit(Event("a", {"t": 0})))
        second = asyncio.create_task(runner.emit(Event("a", {"t": 0})))
        await settle()
        first.cancel()
        await second
        assert loop().time() - start == pytest.approx(0.5, abs=0.01)
        assert first.cancelled()


@virtual
async def test_ten_times_what_fits_is_bounded_and_every_refusal_is_seen() -> None:
    """Accepted plus refused is offered, and never more than fits is open."""
    most = 0

    async def watches(event: Event, state: State) -> None:
        nonlocal most
        counts = runner.counts()
        most = max(most, counts.queued)
        await asyncio.sleep(0.4)

    refused = 0
    async with make("[runtime]\nqueue_size = 5\nmax_concurrent_events = 2", a=watches) as runner:

        async def offers() -> None:
            nonlocal refused
            try:
                await runner.emit(Event("a"))
            except QueueFull:
                refused += 1

        await asyncio.gather(*(offers() for _ in range(70)))
        await runner.join()
    assert refused > 0
    assert runner.counts() == (70 - refused, 0, 0, 0, 70 - refused, 0)
    assert most <= 5


@virtual
async def test_held_events_are_bounded_too() -> None:
    """A paused agent does not make the memory grow without end."""
    async with make("[runtime]\nqueue_size = 3", a=takes, b=takes) as runner:
        runner.pause("a")
        for _ in range(3):
            await runner.emit(Event("a", {"t": 0}))
        await settle()
        with pytest.raises(QueueFull):
            await runner.emit(Event("a", {"t": 0}))
        assert runner.counts().held == 3
        runner.resume("a")


@virtual
async def test_follow_ups_are_never_refused() -> None:
    """What an accepted event causes by its route is taken, full queue or not."""
    last = recorder()

    async def routes(event: Event, state: State) -> State:
        state.meta["route"] = "last"
        await asyncio.sleep(1)
        return state

    async with make(SMALL, a=routes, last=last.agent) as runner:
        for _ in range(3):
            await runner.emit(Event("a"))
            await settle()
        await runner.join()
    assert len(last.calls) == 3


@pytest.mark.parametrize("status", ["new", "stopped"])
@virtual
async def test_nothing_is_accepted_before_start_and_after_stop(status: str) -> None:
    """emit, try_emit and request raise RunnerNotRunning, and nothing is counted."""
    runner = make("", a=takes)
    if status == "stopped":
        async with runner:
            pass
    assert runner.status == status
    with pytest.raises(RunnerNotRunning):
        await runner.emit(Event("a"))
    with pytest.raises(RunnerNotRunning):
        runner.try_emit(Event("a"))
    with pytest.raises(RunnerNotRunning):
        await runner.request(Event("a"))
    assert runner.counts() == (0, 0, 0, 0, 0, 0)


@virtual
async def test_a_second_start_is_refused() -> None:
    """start on a running runner is RunnerAlreadyRunning and changes nothing."""
    async with make("", a=takes) as runner:
        with pytest.raises(RunnerAlreadyRunning):
            await runner.start()
        assert (await runner.request(Event("a", {"t": 0}))).error is None


@pytest.mark.parametrize(
    "metadata",
    [
        {"priority": "urgent"}, {"timeout": "soon"}, {"agent_timeout": "-1s"},
        {"deadline": "tomorrow"}, {"deadline": "2026-01-01T00:00:00"},
        {"deadline": "0001-01-01T00:00:00+14:00"}, {"hop_count": "many"}, {"hop_count": "-1"},
        {"workflow_step": "x"}, {"orchestration_override": "chaos"},
    ],
)  # fmt: skip
@virtual
async def test_metadata_that_cannot_be_used_is_an_error_at_emit(metadata: dict[str, str]) -> None:
    """Priority, durations, deadline, counters and mode are checked before acceptance."""
    async with make("", a=takes) as runner:
        (key,) = metadata
        with pytest.raises(InvalidEvent) as caught:
            await runner.emit(Event("a", {"t": 0}, metadata))
        assert caught.value.field == f"metadata.{key}"
        assert runner.counts().accepted == 0


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_a_request_waits_for_its_own_event_and_never_raises_its_failure(lane: str) -> None:
    """Outcomes belong to their events; a failure is in result.error."""

    async def either(event: Event, state: State) -> dict[str, Any]:
        await asyncio.sleep(event.data["n"] % 3)
        if event.data["n"] % 2:
            raise ValueError(str(event.data["n"]))
        return {"out": event.data["n"]}

    async with make("", lane, a=either) as runner:
        results = await asyncio.gather(*(runner.request(Event("a", {"n": n})) for n in range(20)))
    for n, result in enumerate(results):
        if n % 2:
            assert str(result.error) == str(n)
        else:
            assert result.state["out"] == n


@virtual
async def test_a_request_that_is_cancelled_leaves_its_event_running() -> None:
    """Not waiting any more is no reason to drop an accepted event."""
    async with make("", a=takes) as runner:
        waiting = asyncio.create_task(runner.request(Event("a", {"t": 5})))
        await settle()
        waiting.cancel()
        await runner.join()
    assert runner.counts().succeeded == 1


@virtual
async def test_at_most_so_many_run_at_once() -> None:
    """max_concurrent_events is the most that run, and it is reached."""
    now = most = 0

    async def counts(event: Event, state: State) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(1)
        now -= 1

    async with make("[runtime]\nmax_concurrent_events = 4", a=counts) as runner:
        start = loop().time()
        for _ in range(12):
            await runner.emit(Event("a"))
        await runner.join()
        assert most == 4
        assert loop().time() - start == pytest.approx(3, abs=0.1)


@virtual
async def test_join_waits_until_it_is_idle() -> None:
    """join returns at once when idle, else when the last event, follow-ups too, has ended."""
    async with make("", a=takes) as runner:
        await runner.join()
        for t in (1, 4, 2):
            await runner.emit(Event("a", {"t": t}))
        start = loop().time()
        await runner.join()
        assert loop().time() - start == pytest.approx(4, abs=0.1)
        assert runner.counts().succeeded == 3


@virtual
async def test_join_waits_for_retries() -> None:
    """An event that waits for its next attempt is not done."""
    async with make("", a=recorder(ConnectionError("x"), None).agent) as runner:
        await runner.emit(Event("a"))
        await settle()
        assert runner.counts().queued == 1
        await runner.join()
        assert runner.counts().succeeded == 1


@virtual
async def test_subscribers_are_told_of_accepted_events_by_target() -> None:
    """A glob picks the targets; the subscription ends when it is called off."""
    told: list[str] = []

    async def later(event: Event) -> None:
        await asyncio.sleep(1)
        told.append(f"later {event.target}")

    async with make("", **{"one.a": takes, "one.b": takes, "two": takes}) as runner:
        cancel = runner.subscribe("one.*", lambda event: told.append(event.target))
        runner.subscribe("*", later)
        for target in ("one.a", "two", "one.b"):
            await runner.emit(Event(target, {"t": 0}))
        await asyncio.sleep(2)
        cancel()
        await runner.emit(Event("one.a", {"t": 0}))
        await asyncio.sleep(2)
    assert told[:2] == ["one.a", "one.b"]
    assert sorted(told[2:5]) == ["later one.a", "later one.b", "later two"]
    assert told[5:] == ["later one.a"]


@virtual
async def test_subscribers_are_told_of_follow_ups_too() -> None:
    """Every accepted event is told, whoever emitted it."""
    told: list[str] = []

    async def routes(event: Event, state: State) -> State:
        state.meta["route"] = "b"
        return state

    async with make("", a=routes, b=recorder().agent) as runner:
        runner.subscribe("*", lambda event: told.append(event.target))
        await runner.emit(Event("a"))
        await runner.join()
    assert told == ["a", "b"]


@virtual
async def test_a_failing_subscriber_is_logged_and_nothing_else() -> None:
    """What a subscriber raises neither fails the event nor the emitter."""

    def fails(event: Event) -> None:
        raise ValueError("mine")

    async def fails_later(event: Event) -> None:
        raise ValueError("mine too")

    async with make("", a=takes) as runner:
        runner.subscribe("*", fails)
        runner.subscribe("*", fails_later)
        result = await runner.request(Event("a", {"t": 0}))
        await settle()
        lines = [row.text for row in runner.telemetry.lines.items]
    assert result.error is None
    assert sum("mine" in line for line in lines) == 2


@virtual
async def test_an_event_that_can_not_be_used_is_refused_before_it_waits_for_room() -> None:
    """A wrong priority is told as such even when the queue is full."""
    async with make(SMALL, a=takes) as runner:
        await fill(runner)
        with pytest.raises(InvalidEvent, match="priority"):
            await runner.emit(Event("a", {"t": 1}, {"priority": "urgent"}))


@virtual
async def test_who_waits_for_room_when_the_runner_stops_is_told() -> None:
    """Nothing is accepted by a runner that has stopped in the meantime."""
    runner = make(SMALL, a=takes)
    await runner.start()
    await fill(runner)
    waiting = asyncio.create_task(runner.emit(Event("a", {"t": 1})))
    await settle()
    await runner.stop(drain=False)
    with pytest.raises((RunnerNotRunning, QueueFull)):
        await waiting
    assert runner.counts().accepted == 3

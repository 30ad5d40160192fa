"""The port of a feed: what it hands on is accepted in order, each once, and counted exactly."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agentflow import Config, Event, Runner
from agentflow.errors import InvalidEvent
from agentflow.journal import Journal
from agentflow.journal.codec import decode
from agentflow.journal.reading import open_for_reading
from agentflow_console.feeds import Port

LARGE = 8_192


async def echo(event, state):  # type: ignore[no-untyped-def]
    return None


def journal(path: Path) -> Journal:
    """A small one: it is full soon, and takes no event of more than LARGE bytes."""
    return Journal(path, durability="process", max_bytes=1_000_000, max_event_bytes=LARGE)


@pytest.fixture
async def runner(tmp_path: Path) -> AsyncIterator[Runner]:
    """A runner with a journal."""
    config = Config.from_toml("[runtime]\nqueue_size = 5000\n")
    runner = Runner(config, journal=journal(tmp_path / "it.db"))
    runner.register_agent("echo", echo)
    async with runner:
        yield runner


def event(number: int, size: int = 10) -> Event:
    return Event("echo", {"n": number, "text": "x" * size})


async def feed(port: Port, count: int, size: int = 10) -> None:
    for number in range(count):
        await port.emit_paced(event(number, size))
    await port.finish()


def kept(path: Path) -> list[int]:
    """The events of a journal, in the order in which they were accepted."""
    with open_for_reading(path) as reader:
        rows = reader._db.execute("SELECT body FROM events ORDER BY seq")
        return [decode(body).data["n"] for (body,) in rows]


async def test_all_are_accepted_in_order(runner: Runner, tmp_path: Path) -> None:
    """More than are on their way at a time, and the feed is noted as finished."""
    port = Port(runner, "it")
    await feed(port, 1000)
    await runner.flush()
    assert kept(tmp_path / "it.db") == list(range(1000))
    with open_for_reading(tmp_path / "it.db") as reader:
        assert reader.feeds() == {"it": (1000, True)}


async def test_a_full_journal_loses_nothing_and_doubles_nothing(
    runner: Runner, tmp_path: Path
) -> None:
    """The feed waits until there is room, and then goes on with the one that was refused."""
    runner.pause()
    seen: Counter[int] = Counter()
    runner.subscribe("echo", lambda event: seen.update([event.data["n"]]))
    port = Port(runner, "it")
    feeding = asyncio.create_task(feed(port, 400, 6_000))
    assert runner.journal is not None
    async with asyncio.timeout(60):
        while runner.journal.stats().state != "full":  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert not feeding.done()
    runner.resume()
    async with asyncio.timeout(60):
        await feeding
        await runner.join()
    assert seen == Counter(range(400))
    assert port.position == 400


async def test_the_position_counts_what_was_on_its_way_when_it_was_cut_short(
    runner: Runner, tmp_path: Path
) -> None:
    """However a feed is cancelled: its position is that of the journal."""
    port = Port(runner, "it")
    feeding = asyncio.create_task(feed(port, 4000))
    async with asyncio.timeout(60):
        while port.position < 700:  # noqa: ASYNC110
            await asyncio.sleep(0)
    feeding.cancel()
    await asyncio.wait([feeding])
    await runner.flush()
    assert 700 <= port.position < 4000
    assert kept(tmp_path / "it.db") == list(range(port.position))
    with open_for_reading(tmp_path / "it.db") as reader:
        assert reader.feeds() == {"it": (port.position, False)}


async def test_what_was_dealt_with_is_not_emitted_again(runner: Runner, tmp_path: Path) -> None:
    """The first ones are passed over; those that can never be accepted have a place as well."""
    first = Port(runner, "it")
    with pytest.raises(InvalidEvent):
        await first.emit_paced(event(0, LARGE))
    await first.emit_paced(event(1))
    await first.emit_paced(event(2))
    assert first.position == 3
    again = Port(runner, "it", skip=3)
    await feed(again, 5)
    await runner.flush()
    assert kept(tmp_path / "it.db") == [1, 2, 3, 4]
    assert again.position == 5


async def test_events_that_were_accepted_before_are_told(runner: Runner) -> None:
    """They have the key of an earlier one, so they are not accepted again, and counted."""
    port = Port(runner, "it")
    for number in range(4):
        await port.emit_paced(
            Event("echo", {"n": number}, {"idempotency_key": f"key {number % 2}"})
        )
    await port.finish()
    assert port.repeated == 2
    assert runner.counts().accepted == 2

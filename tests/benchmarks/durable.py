"""What the journal costs: throughput against memory alone, the wait for the disk, a start.

In wall-clock time: the journal's writer works in a thread of its own, on another core.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from measure import Row

from agentflow import Config, Event, Runner, State
from agentflow.control import Control
from agentflow.journal import Journal
from agentflow.recording import Recorder

IN_FLIGHT = 512


async def handler(event: Event, state: State) -> State:
    """Does nothing."""
    return state


def runner_for(
    path: Path | None, queue_size: int = 4 * IN_FLIGHT, *, recorded: bool = False
) -> Runner:
    """A runner with one agent, and a journal if there is a path; beside it a recording, if so."""
    config = Config.from_toml(f"[runtime]\nqueue_size = {queue_size}\n")
    recorder = Recorder(path.with_suffix(".rec")) if recorded and path is not None else False
    journal = False if path is None else Journal(path)
    runner = Runner(config, journal=journal, recorder=recorder)
    runner.register_agent("a", handler)
    Control(runner)
    return runner


async def throughput(runner: Runner, events: int) -> float:
    """Events a second, with so many always on their way."""
    left = iter(range(events))

    async def keep_one_going() -> None:
        for number in left:
            await runner.request(Event("a", {"number": number}))

    began = time.perf_counter()
    await asyncio.gather(*(keep_one_going() for _ in range(IN_FLIGHT)))
    return events / (time.perf_counter() - began)


async def measure_throughput(events: int, rounds: int) -> list[Row]:
    """With the journal against without, in turns; and how long ``emit`` waits for the disk."""
    with tempfile.TemporaryDirectory() as folder:
        async with runner_for(None) as bare, runner_for(Path(folder) / "journal.db") as kept:
            ratios, own = [], []
            await throughput(bare, events)
            await throughput(kept, events)
            for _ in range(rounds):
                alone = await throughput(bare, events)
                own.append(await throughput(kept, events))
                ratios.append(own[-1] / alone)
            assert kept.journal is not None
            stats = kept.journal.stats()
            waits = await single_waits(kept, events // 20)
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}; {statistics.median(own):,.0f} events/s"
    return [
        Row(f"journal on, {IN_FLIGHT} in flight", statistics.median(ratios), "x", 0.4, note=spread),
        Row("journal, wait for the disk p99", stats.ack_p99 * 1000, "ms", 20, most=True),
        Row("journal, one producer", 1 / statistics.mean(waits), "/s"),
    ]


async def measure_recording(events: int, rounds: int) -> list[Row]:
    """Journal and recording against the journal alone, in turns."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        plain = runner_for(Path(one) / "journal.db")
        taped = runner_for(Path(other) / "journal.db", recorded=True)
        async with plain, taped:
            await throughput(plain, events)
            await throughput(taped, events)
            ratios = []
            for _ in range(rounds):
                alone = await throughput(plain, events)
                ratios.append(await throughput(taped, events) / alone)
            assert taped.recorder is not None
            missed = taped.recorder.missed
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}; {missed} missed"
    return [Row("recording beside the journal", statistics.median(ratios), "x", 0.9, note=spread)]


async def single_waits(runner: Runner, events: int) -> list[float]:
    """Seconds of each ``emit`` of a producer that is alone."""
    waits = []
    for number in range(events):
        began = time.perf_counter()
        await runner.emit(Event("a", {"number": number}))
        waits.append(time.perf_counter() - began)
    await runner.join()
    return waits


async def measure_restart(events: int) -> list[Row]:
    """Seconds from the start to the first event run, and until all are read: so many queued."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.db"
        runner = runner_for(path, queue_size=2 * events)
        await runner.start()
        runner.pause()
        left = iter(range(events))

        async def fill() -> None:
            for number in left:
                await runner.emit(Event("a", {"number": number}))

        await asyncio.gather(*(fill() for _ in range(IN_FLIGHT)))
        await runner.stop(drain=False)

        again = runner_for(path, queue_size=2 * events)
        began = time.perf_counter()
        await again.start()
        while not again.counts().succeeded:  # noqa: ASYNC110 - nothing says so
            await asyncio.sleep(0)
        took = time.perf_counter() - began
        assert again.recovered is not None
        assert again.recovered.queued == events
        again.pause()
        while again.dispatcher.backlog.unread is not None:  # noqa: ASYNC110
            await asyncio.sleep(0)
        read = time.perf_counter() - began
        assert again.counts().accepted == events
        await again.stop(drain=False)
    return [
        Row(f"start with {events:,} queued", took, "s", 2.0, most=True),
        Row("until all of them are read", read, "s"),
    ]


async def measure_journal(events: int, rounds: int, queued: int) -> list[Row]:
    """All rows about the journal."""
    return [*await measure_throughput(events, rounds), *await measure_restart(queued)]

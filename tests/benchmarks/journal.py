"""The journal by itself: confirmed events a second, how long a confirmation takes, a start.

    python tests/benchmarks/journal.py            all of it, about a minute
    python tests/benchmarks/journal.py --quick    the same from short runs, roughly right

In wall-clock time, on a real file: the figures are those of this machine and its disk.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from agentflow import Event
from agentflow.engine.restoring import PART
from agentflow.journal import Journal

HANDLERS, HANDLER_SECONDS = 16, 50e-6
"""What keeps the loop busy while it accepts: so many handlers in turn, each so long."""


class Run(NamedTuple):
    """What one run came to."""

    rate: float
    p50: float
    p99: float
    loop_cpu: float
    """Seconds of the loop's thread an event."""
    commits: int


class Load:
    """Keeps ``in_flight`` events on their way to the disk until ``events`` are there."""

    def __init__(
        self, journal: Journal, in_flight: int, events: int, *, settle: bool, busy: bool
    ) -> None:
        self.journal = journal
        self.in_flight = in_flight
        self.left = events
        self.events = events
        self.settle = settle
        self.busy = busy
        self.acked = 0
        self.waits: list[float] = []
        self.done = asyncio.Event()
        self.loop_cpu = 0.0

    def accept(self) -> None:
        if self.left:
            self.left -= 1
            event = Event("worker", {"number": self.left, "text": "x" * 60, "ok": True})
            began = time.thread_time()
            self.journal.accept(event, 2, time.perf_counter())
            self.loop_cpu += time.thread_time() - began

    def deliver(self, results: list[tuple[Any, int, Any]]) -> None:
        now = time.perf_counter()
        began = time.thread_time()
        if self.settle:
            for _, seq, _ in results:
                self.journal.settle(seq, 1.0, True)
        self.loop_cpu += time.thread_time() - began
        for ticket, _, outcome in results:
            assert outcome is None
            self.waits.append(now - ticket)
            self.accept()
        self.acked += len(results)
        if self.acked == self.events:
            self.done.set()

    async def run(self) -> Run:
        loop = asyncio.get_running_loop()
        self.journal.open(time.time())
        self.journal.start(loop, self.deliver)
        if self.busy:
            for _ in range(HANDLERS):
                loop.call_soon(self.handle, loop)
        began = time.perf_counter()
        for _ in range(self.in_flight):
            self.accept()
        await self.done.wait()
        took = time.perf_counter() - began
        commits = self.journal.stats().commits
        await asyncio.to_thread(self.journal.close)
        waits = sorted(self.waits)
        return Run(
            self.events / took,
            waits[len(waits) // 2],
            waits[len(waits) * 99 // 100],
            self.loop_cpu / self.events,
            commits,
        )

    def handle(self, loop: asyncio.AbstractEventLoop) -> None:
        end = time.perf_counter() + HANDLER_SECONDS
        while time.perf_counter() < end:
            pass
        if not self.done.is_set():
            loop.call_soon(self.handle, loop)


def measure(
    durability: str, in_flight: int, events: int, *, settle: bool = True, busy: bool = False
) -> Run:
    """One run on a new file."""
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder) / "journal.db", durability=durability)

        async def run() -> Run:
            return await Load(journal, in_flight, events, settle=settle, busy=busy).run()

        return asyncio.run(run())


def loop_seconds(events: int) -> float:
    """What accept and settle cost the loop's thread, an event, with nobody beside it."""
    from agentflow.journal.writer import Writer

    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder) / "journal.db")
        journal.open(time.time())
        sink: list[Any] = []
        writer: Writer = journal._writer
        journal._submit = sink.append
        made = [Event("worker", {"number": n, "text": "x" * 60}) for n in range(events)]
        began = time.thread_time()
        for seq, event in enumerate(made):
            journal.accept(event, 2, None)
            journal.settle(seq, 1.0, True)
        took = time.thread_time() - began
        assert writer.pending == 0
        journal.close()
    return took / events


def measure_open(events: int) -> tuple[float, float, float]:
    """Seconds to fill a journal, to open it, and to read all, with so many events open."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.db"

        async def fill() -> None:
            journal = Journal(path, durability="none", max_bytes=8 << 30)
            load = Load(journal, 2_000, events, settle=False, busy=False)
            await load.run()

        began = time.perf_counter()
        asyncio.run(fill())
        filled = time.perf_counter() - began
        journal = Journal(path, max_bytes=8 << 30)
        began = time.perf_counter()
        recovery = journal.open(time.time())
        took = time.perf_counter() - began
        found = len(recovery.open)
        while recovery.rest is not None and (part := recovery.rest.read(PART)):
            found += len(part)
        read = time.perf_counter() - began
        assert found == events
        assert not recovery.damage
        journal.close()
    return filled, took, read


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    events = 20_000 if options.quick else 200_000
    show: Callable[[str], None] = lambda line: print(line, flush=True)  # noqa: E731

    def wanted(name: str) -> bool:
        return not options.only or options.only in name

    if wanted("loop"):
        show(f"loop: accept + settle     {loop_seconds(events // 2) * 1e6:6.2f} µs an event")
    for name, in_flight, count, settle, busy in (
        ("1 producer", 1, events // 50, True, False),
        ("64 in flight", 64, events // 2, True, False),
        ("512, accepts only", 512, events, False, False),
        ("512 in flight", 512, events, True, False),
        ("512, busy loop", 512, events // 4, True, True),
    ):
        if wanted(name):
            run = measure("power", in_flight, count, settle=settle, busy=busy)
            show(
                f"{name:20}  {run.rate:9,.0f}/s   ack p50 {run.p50 * 1e3:6.2f} ms"
                f"  p99 {run.p99 * 1e3:6.2f} ms   {count / run.commits:6.1f} a commit"
            )
    if wanted("open"):
        count = 100_000 if options.quick else 1_000_000
        filled, took, read = measure_open(count)
        show(
            f"open with {count:,} open events: {took:.2f} s, all read {read:.2f} s"
            f" (filled in {filled:.1f} s)"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())

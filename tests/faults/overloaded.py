"""Ten times the load that a runner can do: ``python -m faults.overloaded FOLDER SECONDS``.

Prints what was offered, accepted and refused, and how much memory that took, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import psutil

from agentflow import Config, Event, QueueFull, Runner, State
from agentflow.journal import Journal

CONFIG = """
[runtime]
queue_size = 500
max_concurrent_events = 4
"""
PAUSE = 0.004
"""Seconds that each event takes: four at once make 1,000 a second."""


async def offer(runner: Runner, seconds: float) -> dict[str, int]:
    """Emit ten events a millisecond, whatever comes of them."""
    text = "x" * 2_000
    told = {"offered": 0, "accepted": 0, "refused": 0, "most": 0}
    began = time.monotonic()
    while (now := time.monotonic()) < began + seconds:
        while told["offered"] < (now - began) * 10_000:
            told["offered"] += 1
            try:
                runner.try_emit(Event("a", {"text": text}))
                told["accepted"] += 1
            except QueueFull:
                told["refused"] += 1
        counts = runner.counts()
        told["most"] = max(told["most"], counts.queued + counts.running)
        await asyncio.sleep(0)
    return told


async def main() -> None:
    """Warm up, measure, overload, measure again."""
    folder, seconds = Path(sys.argv[1]), float(sys.argv[2])

    async def takes(event: Event, state: State) -> None:
        await asyncio.sleep(PAUSE)

    runner = Runner(Config.from_toml(CONFIG, environ={}), journal=Journal(folder / "journal.db"))
    runner.register_agent("a", takes)
    async with runner:
        await offer(runner, seconds / 4)
        await runner.join()
        before, counted = psutil.Process().memory_info().rss, runner.counts().accepted
        told = await offer(runner, seconds)
        after = psutil.Process().memory_info().rss
        await runner.join()
        counts = runner.counts()
        told["seen_refused"] = runner.dispatcher.refused
    print(json.dumps({**told, "ended": counts.succeeded - counted, "grown": after - before}))


if __name__ == "__main__":
    asyncio.run(main())

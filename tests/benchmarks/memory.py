"""Resident memory of the engine after some events and after five times as many.

Run by run.py in a process of its own; prints the two figures, in bytes.
"""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
from pathlib import Path

import psutil
from measure import Row


def measure_memory(events: int) -> Row:
    """Memory after ``5 * events`` as a multiple of that after ``events``."""
    result = subprocess.run(
        [sys.executable, str(Path(__file__)), str(events)],
        check=True,
        capture_output=True,
        text=True,
    )
    early, late = (int(figure) for figure in result.stdout.split())
    return Row(
        f"memory after {5 * events:,} events against {events:,}",
        late / early,
        "x",
        1.05,
        most=True,
        note=f"{early / 2**20:.1f} MiB, then {late / 2**20:.1f} MiB",
    )


async def _grow(events: int) -> None:
    from throughput import engine, runner_for

    process = psutil.Process()
    async with runner_for('mode = "route"', hooks=True) as runner:
        run = engine(runner)
        for portion in (events, 4 * events):
            await run(portion)
            gc.collect()
            print(process.memory_info().rss)


if __name__ == "__main__":
    asyncio.run(_grow(int(sys.argv[1])))

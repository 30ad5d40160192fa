"""The benchmarks: one command, one table, everything in it taken in one run.

    python tests/benchmarks/run.py            all of it, some minutes
    python tests/benchmarks/run.py --quick    the same figures from short runs, roughly right
    python tests/benchmarks/run.py --only modes,agents

Figures are ratios, because those travel from machine to machine; what they are ratios
of is said in the module that takes them. Exit code 1 when a goal is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass

from console_runs import measure_first_frame, measure_latency, measure_open_console
from durable import measure_journal
from measure import Row
from memory import measure_memory
from stopping import measure_breakpoints
from throughput import measure_many_agents, measure_modes


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    events: int
    rounds: int
    memory: int
    seconds: float
    presses: int
    starts: int
    queued: int


FULL = Size(
    events=4_000, rounds=41, memory=1_000_000, seconds=8, presses=200, starts=9, queued=1_000_000
)
QUICK = Size(events=2_000, rounds=5, memory=20_000, seconds=3, presses=20, starts=1, queued=5_000)
TRIAL = Size(events=200, rounds=1, memory=2_000, seconds=1, presses=2, starts=1, queued=500)

PARTS: dict[str, Callable[[Size], list[Row]]] = {
    "modes": lambda size: asyncio.run(measure_modes(size.events, size.rounds)),
    "agents": lambda size: [asyncio.run(measure_many_agents(size.events, size.rounds))],
    "breakpoints": lambda size: asyncio.run(measure_breakpoints(size.events, size.rounds)),
    "memory": lambda size: [measure_memory(size.memory)],
    "journal": lambda size: asyncio.run(
        measure_journal(5 * size.events, min(size.rounds, 9), size.queued)
    ),
    "console": lambda size: [measure_open_console(size.seconds, 3)],
    "latency": lambda size: measure_latency(size.presses),
    "start": lambda size: [measure_first_frame(size.starts)],
}


def main() -> int:
    """Measure, print, and say whether every goal was met."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="short runs")
    parser.add_argument(
        "--trial", action="store_true", help="the shortest: that it runs, the figures are nothing"
    )
    parser.add_argument(
        "--only", default=",".join(PARTS), help=f"some of {', '.join(PARTS)}, with commas"
    )
    parser.add_argument("--json", action="store_true", help="a list of objects, not a table")
    arguments = parser.parse_args()
    chosen = arguments.only.split(",")
    if unknown := set(chosen) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    size = TRIAL if arguments.trial else QUICK if arguments.quick else FULL
    if not arguments.json:
        print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}")
    rows = []
    for name in chosen:
        for row in PARTS[name](size):
            rows.append(row)
            if not arguments.json:
                print(line(row), flush=True)
    if arguments.json:
        print(json.dumps([asdict(row) for row in rows]))
    return 0 if all(row.met for row in rows) else 1


def line(row: Row) -> str:
    """A row of the table."""
    goal = ""
    if row.goal is not None:
        sign = "<=" if row.most else ">="
        goal = f"{sign} {row.goal:g} {'met' if row.met else 'MISSED'}"
    return f"{row.name:<46} {row.value:>8.2f} {row.unit:<3} {goal:<16} {row.note}"


if __name__ == "__main__":
    sys.exit(main())

"""The console on a pty: what it costs the engine, how fast it answers, how fast it starts."""

from __future__ import annotations

import asyncio
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from measure import Row
from terminal import Terminal

LOAD = Path(__file__).with_name("load") / "agentflow.toml"
PROGRAM = str(Path(sys.executable).with_name("agentflow-console"))
RATE = 10_000
BURN = 0.2

_CURSOR = re.compile(r"│>(\w+)")

STEPS: tuple[tuple[str, Callable[[str, str], bool]], ...] = (
    ("3", lambda before, now: "RUNS" in now),  # the agents' own screen
    ("j", lambda before, now: _CURSOR.findall(now) != _CURSOR.findall(before)),
    ("k", lambda before, now: _CURSOR.findall(now) != _CURSOR.findall(before)),
    ("1", lambda before, now: "RUNS" not in now),  # and back to the overview
)
"""Keys pressed in turn, and how to see, from the screen before, that it was obeyed."""


@contextmanager
def console(feeder: dict[str, Any]) -> Iterator[Terminal]:
    """The console on the load, with one event for the feeder."""
    with tempfile.TemporaryDirectory() as folder:
        events = Path(folder) / "events.jsonl"
        events.write_text(json.dumps({"target": "feeder", "data": feeder}) + "\n")
        # Without a journal, as the engine alone has none: what the disk costs is measured apart.
        command = [PROGRAM, str(LOAD), "--no-journal", "--events", str(events)]
        with Terminal(command) as terminal:
            yield terminal


def measure_open_console(seconds: float, rounds: int) -> Row:
    """The engine's throughput, as it counts it, under an open console and alone, in turns."""
    ratios = []
    for _ in range(rounds):
        alone = _throughput_alone(seconds)
        ratios.append(_throughput_watched(seconds) / alone)
    return Row(
        "engine under an open console against alone",
        statistics.median(ratios),
        "x",
        0.9,
        note=f"{alone:,.0f} events/s alone; {min(ratios):.2f} to {max(ratios):.2f}",
    )


def _throughput_watched(seconds: float) -> float:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        with console({"seconds": seconds, "report": str(report)}):
            end = time.monotonic() + seconds + 30
            while not report.exists() or not report.read_text():
                if time.monotonic() > end:
                    raise TimeoutError("the feeder never reported")
                time.sleep(0.1)
            return float(json.loads(report.read_text())["events_per_second"])


def _throughput_alone(seconds: float) -> float:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        subprocess.run(
            [sys.executable, __file__, str(seconds), str(report)], check=True, timeout=seconds + 60
        )
        return float(json.loads(report.read_text())["events_per_second"])


def measure_latency(presses: int) -> list[Row]:
    """Milliseconds from a key to the screen that shows it, at the 99th percentile."""
    return [
        _latency(f"key to screen, {RATE:,} events/s", presses, {"rate": RATE}),
        _latency("key to screen, and a handler burns CPU", presses, {"rate": RATE, "burn": BURN}),
    ]


def _latency(name: str, presses: int, load: dict[str, Any]) -> Row:
    random = Random(1)
    waits = []
    with console({"seconds": 3600, **load}) as terminal:
        terminal.wait(lambda screen: "worker" in screen)
        time.sleep(2)  # until the load is what it is meant to be
        for number in range(presses):
            key, obeyed = STEPS[number % len(STEPS)]
            time.sleep(random.uniform(0.05, 0.15))
            seen = partial(obeyed, terminal.text())
            pressed = terminal.press(key)
            waits.append((terminal.wait(seen) - pressed) * 1000)
    waits.sort()
    worst = waits[min(len(waits) - 1, int(len(waits) * 0.99))]
    return Row(
        name,
        worst,
        "ms",
        50,
        most=True,
        note=f"median {statistics.median(waits):.0f} ms, {presses} keys",
    )


def measure_first_frame(starts: int) -> Row:
    """Seconds from the start of the program to the first frame with the header in it."""
    taken = []
    for _ in range(starts):
        with console({"seconds": 1, "rate": 10}) as terminal:
            taken.append(terminal.wait(lambda screen: "agentflow" in screen) - terminal.started)
    return Row(
        "first frame",
        statistics.median(taken),
        "s",
        0.5,
        most=True,
        note=f"worst {max(taken):.2f} s",
    )


async def _alone(seconds: float, report: str) -> None:
    from agentflow import Event, Runner

    async with Runner.from_config(LOAD) as runner:
        await runner.emit(Event("feeder", {"seconds": seconds, "report": report}))
        await runner.join()


if __name__ == "__main__":
    asyncio.run(_alone(float(sys.argv[1]), sys.argv[2]))

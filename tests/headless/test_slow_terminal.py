"""A terminal that is slow costs frames: never the engine, its events, or anybody's memory."""

from __future__ import annotations

import os
import select
import time
from pathlib import Path

import psutil

from .conftest import Program, lines
from .terminal import Terminal

CONFIG = """\
[agents.feeder]
handler = "handlers:feeder"

[agents.worker]
handler = "handlers:worker"
"""

HANDLERS = """\
import asyncio
import itertools
from agentflow import Event

handled = open("handled", "ab", buffering=0)


async def feeder(event, state, context):
    for number in itertools.count():
        await context.emit(Event("worker", {"text": "x" * 60}, session_id=str(number)))
        await asyncio.sleep(0.002)


async def worker(event, state):
    handled.write(b".")
"""


class Slow(Terminal):
    """Reads as slowly as it is told."""

    def trickle(self, seconds: float, rate: int) -> None:
        """Take ``rate`` bytes a second, in twenty bits each second."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            tick = time.monotonic() + 0.05
            if rate and select.select([self.master], [], [], 0.05)[0]:
                self.take(rate // 20)
            select.select([], [], [], max(tick - time.monotonic(), 0))

    def take(self, size: int) -> None:
        """Read that much."""
        data = os.read(self.master, size)
        self.written += data
        self._stream.feed(data)

    def within(self, seconds: float, text: str) -> bool:
        """Whether the text comes onto the screen in that time."""
        end = time.monotonic() + seconds
        while text not in self.text and time.monotonic() < end:
            self.read()
        return text in self.text

    def gone_within(self, seconds: float, text: str) -> bool:
        """Whether the text leaves the screen in that time."""
        end = time.monotonic() + seconds
        while text in self.text and time.monotonic() < end:
            self.read()
        return text not in self.text


def _rate(file: Path, terminal: Slow, seconds: float, rate: int) -> float:
    """Events a second that the engine works off while the terminal takes ``rate`` bytes."""
    before, began = file.stat().st_size, time.monotonic()
    terminal.trickle(seconds, rate)
    return (file.stat().st_size - before) / (time.monotonic() - began)


def test_a_slow_terminal_gets_fewer_frames_and_the_engine_does_not_notice(
    program: Program, terminals: list[Terminal]
) -> None:
    """Throttled, the frames become fewer; blocked, nothing piles up, and one can leave."""
    program.write("agentflow.toml", CONFIG)
    program.write("handlers.py", HANDLERS)
    program.write("in.jsonl", lines({"target": "feeder"}))
    terminal = Slow(program, "--events", "in.jsonl", "--no-journal", size=(80, 24))
    terminals.append(terminal)
    terminal.until("succeeded")
    handled = program.folder / "handled"
    (engine,) = terminal.engines()
    screen = psutil.Process(terminal.process.pid)
    quick = _rate(handled, terminal, 0.7, 10_000_000)

    slow = _rate(handled, terminal, 1.5, 6_000)
    assert terminal.within(2, "fps")

    size = screen.memory_info().rss
    blocked = _rate(handled, terminal, 1.0, 0)
    assert screen.memory_info().rss - size < 4_000_000
    assert min(slow, blocked) > quick * 0.4  # the machine may be busy with other things
    assert engine.is_running()

    terminal.press("0")  # a screen that even a terminal in Python can follow
    assert terminal.within(2, "Log ·")
    assert terminal.gone_within(8, "fps")

    terminal.press("1")
    terminal.trickle(0.5, 0)  # it is full again, and stays so
    terminal.press("q")
    terminal.press("q")
    assert terminal.process.wait(10) in (0, 1)

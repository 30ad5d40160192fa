"""Signals: told on the loop, counted, and never in vain."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys

from agentflow_console.signals import Signals


async def told_of(*numbers: signal.Signals) -> list[tuple[int, int]]:
    """What is told when these signals come one after the other."""
    told: list[tuple[int, int]] = []
    with Signals(lambda number, count: told.append((number, count)), lambda: None):
        for number in numbers:
            os.kill(os.getpid(), number)
        await asyncio.sleep(0)
    return told


async def test_signals_are_told_with_their_count() -> None:
    """Any two of them are two."""
    first, second = signal.SIGINT, signal.SIGTERM
    assert await told_of(first, second) == [(first, 1), (second, 2)]


async def test_a_terminal_that_goes_away_is_told_once() -> None:
    """The system and the shell both send a SIGHUP; the second is no second wish."""
    gone, term = signal.SIGHUP, signal.SIGTERM
    assert await told_of(gone, gone) == [(gone, 1)]
    assert await told_of(term, gone) == [(term, 1)]
    assert await told_of(gone, term) == [(gone, 1), (term, 2)]


async def test_what_was_there_before_comes_back() -> None:
    """Handlers are as they were after the block."""
    before = signal.getsignal(signal.SIGTERM)
    with Signals(lambda *_: None, lambda: None):
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


async def test_an_ignored_signal_stays_ignored() -> None:
    """nohup means it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert await told_of(signal.SIGHUP) == []
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


BLOCKED = """
import asyncio, os, sys, time
from agentflow_console import signals

async def main():
    with signals.Signals(lambda *_: None, lambda: os._exit(7)):
        print("blocked", flush=True)
        time.sleep(60)

signals._PATIENCE = 0.1
asyncio.run(main())
"""


def test_a_loop_that_never_comes_round_is_got_out_of_by_two() -> None:
    """Whatever holds the loop, the second signal has an end that needs no loop."""
    with subprocess.Popen(
        [sys.executable, "-c", BLOCKED], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "blocked\n"
        while process.poll() is None:  # as fast as it goes: that must not be in vain either
            process.send_signal(signal.SIGTERM)
        assert process.returncode == 7

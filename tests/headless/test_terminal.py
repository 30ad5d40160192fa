"""The program in a real terminal: it opens, it closes, and nothing stays behind."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Sequence

import psutil
import pyte
import pytest

from .conftest import COMMAND, Program, lines


class Terminal:
    """A pty with the program on it, and what stands on its screen."""

    def __init__(self, program: Program, *arguments: str, command: Sequence[str] = COMMAND) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self.process = subprocess.Popen(
            [*command, *arguments],
            cwd=program.folder,
            env={**program.environment, "TERM": "xterm-256color", "HOME": str(program.folder)},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self._screen = pyte.Screen(120, 40)
        self._stream = pyte.ByteStream(self._screen)

    def until(self, text: str) -> None:
        """Read until the text is on the screen."""
        end = time.monotonic() + 15
        while text not in "\n".join(self._screen.display):
            assert time.monotonic() < end, "\n".join(self._screen.display)
            self.read()

    def read(self) -> bool:
        """Take what has come; False at the end."""
        if select.select([self.master], [], [], 0.1)[0]:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                return False
            self._stream.feed(data)
        return True

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self.master, keys.encode())

    def end(self) -> int:
        """Wait for the end, and the exit code."""
        end = time.monotonic() + 15
        while self.read() and self.process.poll() is None:
            assert time.monotonic() < end, "the program does not end"
        return self.process.wait(5)

    def engines(self) -> list[psutil.Process]:
        """The engine's process."""
        return psutil.Process(self.process.pid).children()

    def close(self) -> None:
        """End it whatever it does."""
        if self.process.poll() is None:
            for process in [*self.engines(), psutil.Process(self.process.pid)]:
                process.kill()
        self.process.wait()
        os.close(self.master)


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    """A list for terminals that must not survive the test."""
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()


@pytest.mark.parametrize("flags", [[], ["--in-process"]])
def test_the_console_opens_runs_and_closes(
    program: Program, terminals: list[Terminal], flags: list[str]
) -> None:
    """In a terminal the screen opens on the file, runs its events, and q ends all of it."""
    program.write("in.jsonl", lines({"target": "echo", "data": {"n": "seven"}}))
    terminal = Terminal(program, "--events", "in.jsonl", *flags)
    terminals.append(terminal)
    terminal.until("test flow")
    terminal.until("succeeded")
    engines = terminal.engines()
    assert len(engines) == (0 if flags else 1)
    terminal.press("q")
    assert terminal.end() == 0
    assert not any(engine.is_running() for engine in engines)


def test_a_configuration_that_can_not_run_is_told_on_the_terminal(
    program: Program, terminals: list[Terminal]
) -> None:
    """What is wrong with the file is left on the terminal, and the exit code is 2."""
    program.write("agentflow.toml", '[orchestration]\nmode = "mixt"\n')
    terminal = Terminal(program)
    terminals.append(terminal)
    terminal.until("agentflow.toml:2:1: error: orchestration.mode")
    terminal.press("q")
    assert terminal.end() == 2
    terminal.until("agentflow.toml:2:1: error: orchestration.mode")


def test_an_engine_outlives_a_killed_screen_only_to_drain(
    program: Program, terminals: list[Terminal]
) -> None:
    """A screen that is killed leaves the engine to finish what runs, and to end."""
    program.write("in.jsonl", lines({"target": "slow"}))
    terminal = Terminal(program, "--events", "in.jsonl")
    terminals.append(terminal)
    while not (program.folder / "started").exists():
        terminal.read()
    (engine,) = terminal.engines()
    os.kill(terminal.process.pid, signal.SIGKILL)
    terminal.process.wait()
    assert engine.is_running()
    program.write("go", "")
    psutil.wait_procs([engine], timeout=15)
    assert not engine.is_running()


OWN_PROGRAM = """
from agentflow import Runner
from agentflow_console import Console

async def greet(event, state):
    return {"greeting": "hello"}

runner = Runner()
runner.register_agent("greeter", greet)
code = Console(runner).run()
print("left with", code, runner.counts())
"""


def test_a_program_opens_the_console_on_its_own_runner(
    program: Program, terminals: list[Terminal]
) -> None:
    """``Console(runner).run()`` shows the runner's agents, and comes back when it is closed."""
    command = [sys.executable, "-P", str(program.write("own.py", OWN_PROGRAM))]
    terminal = Terminal(program, command=command)
    terminals.append(terminal)
    terminal.until("greeter")
    terminal.press("q")
    assert terminal.end() == 0
    terminal.until("left with 0 Counts(accepted=0")

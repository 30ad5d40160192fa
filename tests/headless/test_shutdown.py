"""The end of the program: it drains in view, stops when told twice, gives the terminal back."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest

from .conftest import Program, lines
from .terminal import Terminal

CONFIG = """\
[agent_flow]
name = "test flow"

[runtime]
drain_timeout = 30
max_concurrent_events = 2

[agents.gate]
handler = "handlers:gate"

[agents.block]
handler = "handlers:block"

[agents.die]
handler = "handlers:die"
"""

HANDLERS = """\
import asyncio
import ctypes
import os
import pathlib
import time


async def gate(event, state):
    pathlib.Path("started").touch()
    while not pathlib.Path("go").exists():
        await asyncio.sleep(0.01)
    with open("done", "a") as done:
        done.write(f"{event.data['n']}\\n")


async def block(event, state):
    pathlib.Path("started").touch()
    while not pathlib.Path("go").exists():
        time.sleep(0.01)


async def die(event, state):
    if not pathlib.Path("died").exists():
        pathlib.Path("died").touch()
        os.kill(os.getpid(), event.data["signal"])
        time.sleep(10)
"""

WAITING = lines(*({"target": "gate", "data": {"n": n}} for n in range(5)))


@pytest.fixture(autouse=True)
def flow(program: Program) -> None:
    """Handlers that wait until there is a file ``go``, and five events for them."""
    program.write("agentflow.toml", CONFIG)
    program.write("handlers.py", HANDLERS)
    program.write("in.jsonl", WAITING)


@pytest.fixture
def opened(program: Program, terminals: list[Terminal]) -> Iterator[Callable[..., Terminal]]:
    """Opens the console in a terminal; waits until an agent works and the screen says so."""

    def open_console(*arguments: str, says: str = "test flow", **options: object) -> Terminal:
        terminal = Terminal(program, "--events", "in.jsonl", *arguments, **options)  # type: ignore[arg-type]
        terminals.append(terminal)
        terminal.wait_for(program.folder / "started")
        terminal.until(says)
        return terminal

    yield open_console
    program.write("go", "")  # whatever has been left behind can end


def done(program: Program) -> list[int]:
    """The numbers of the events that have been worked on."""
    path = program.folder / "done"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def test_quitting_shows_how_far_the_drain_is(
    program: Program, opened: Callable[..., Terminal]
) -> None:
    """q finishes what is queued, in view; nothing is left and nothing is said."""
    terminal = opened()
    terminal.until("queue   3")
    terminal.press("q")
    terminal.until("Stopping: 3 queued, 2 running at gate")
    program.write("go", "")
    assert terminal.end() == 0
    terminal.assert_restored()
    assert sorted(done(program)) == [0, 1, 2, 3, 4]
    assert "for the next start" not in terminal.text


@pytest.mark.parametrize(("flags", "size"), [([], (160, 45)), (["--in-process"], (80, 24))])
def test_quitting_twice_leaves_the_rest_in_the_journal(
    program: Program, opened: Callable[..., Terminal], flags: list[str], size: tuple[int, int]
) -> None:
    """The second q stops at once; one line says what waits where, and the next start does it."""
    terminal = opened(*flags, size=size)
    terminal.until("queue   3")
    terminal.press("q")
    terminal.until("Stopping: 3 queued, 2 running")
    terminal.until("in the journal" if size[0] > 80 else "rest stays in journal")
    terminal.press("q")
    assert terminal.end() == 0
    terminal.assert_restored()
    terminal.until("5 events wait in .agentflow/agentflow.db for the next start")
    assert done(program) == []
    program.write("go", "")
    again = program.run("--headless", "--events", "in.jsonl", "--format", "json")
    assert again.code == 0
    assert sorted(done(program)) == [0, 1, 2, 3, 4]


def test_without_a_journal_what_is_left_is_said_to_be_lost(
    opened: Callable[..., Terminal],
) -> None:
    """The screen says so while there is time, and the last line says it again."""
    terminal = opened("--no-journal")
    terminal.press("q")
    terminal.until("q again: stop now, what is left is lost")
    terminal.press("\x03")
    assert terminal.end() == 0
    terminal.assert_restored()
    terminal.until("5 events not finished and lost: there is no journal")


def test_the_first_signal_drains_and_the_second_stops(
    program: Program, opened: Callable[..., Terminal]
) -> None:
    """Signals do what q does; the terminal is as it was and the line is there."""
    terminal = opened()
    terminal.process.send_signal(signal.SIGTERM)
    terminal.until("Stopping: 3 queued, 2 running at gate")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == 0
    terminal.assert_restored()
    terminal.until("5 events wait in .agentflow/agentflow.db")
    assert done(program) == []


def test_a_terminal_that_is_closed_leaves_the_engine_to_drain(
    program: Program, opened: Callable[..., Terminal]
) -> None:
    """SIGHUP: nobody sees the screen, but what was accepted is finished, and all of it ends."""
    terminal = opened()
    processes = [psutil.Process(terminal.process.pid), *terminal.engines()]
    assert len(processes) == 2
    terminal.hang_up()
    program.write("go", "")
    assert terminal.process.wait(20) == 0
    psutil.wait_procs(processes, timeout=20)
    assert not any(process.is_running() for process in processes)
    assert sorted(done(program)) == [0, 1, 2, 3, 4]


def wait_until_started(program: Program, process: subprocess.Popen[Any]) -> None:
    """Wait until an agent works."""
    end = time.monotonic() + 20
    while not (program.folder / "started").exists():
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.01)


def keep_telling(
    process: subprocess.Popen[Any], meanwhile: Callable[[], object] = lambda: None
) -> None:
    """Send SIGTERM until the process has ended: nobody can see when it has heard the first."""
    end = time.monotonic() + 20
    while process.poll() is None:
        assert time.monotonic() < end
        process.send_signal(signal.SIGTERM)
        meanwhile()
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            pass


STUCK = """
import sys, time
from agentflow_console import app, signals

signals._PATIENCE = 0.3

def stand_still(self):
    if self.store.snapshot is not None:
        time.sleep(3600)

app.ConsoleApp.paint = stand_still
from agentflow_console.cli import main
sys.exit(main())
"""


def test_a_console_that_stands_still_obeys_the_second_signal(
    program: Program, opened: Callable[..., Terminal]
) -> None:
    """Whatever keeps the screens, the person gets the terminal back; the engine drains."""
    command = [sys.executable, "-P", str(program.write("stuck.py", STUCK))]
    terminal = Terminal(program, "--events", "in.jsonl", command=command)
    try:
        terminal.wait_for(program.folder / "started")
        (engine,) = terminal.engines()
        keep_telling(terminal.process, terminal.read)
        assert terminal.end() == 1
        terminal.assert_restored()
        program.write("go", "")
        psutil.wait_procs([engine], timeout=20)
        assert not engine.is_running()
        assert sorted(done(program)) == [0, 1, 2, 3, 4]
    finally:
        terminal.close()


FAILING = """
import sys
from agentflow_console import app

def fail(self):
    if self.store.snapshot is not None and self.store.snapshot.counts.running:
        raise ZeroDivisionError("not \\x1b[31mthis\\x1b[0m one")

app.ConsoleApp.paint = fail
from agentflow_console.cli import main
sys.exit(main())
"""


@pytest.mark.parametrize("journal", [True, False])
def test_a_console_that_fails_says_so_in_a_few_lines(
    program: Program, terminals: list[Terminal], journal: bool
) -> None:
    """No traceback on the terminal, but where it is; the engine drains by itself."""
    command = [sys.executable, "-P", str(program.write("failing.py", FAILING))]
    flags = [] if journal else ["--no-journal"]
    terminal = Terminal(program, "--events", "in.jsonl", *flags, command=command)
    terminals.append(terminal)
    terminal.wait_for(program.folder / "started")
    (engine,) = terminal.engines()
    assert terminal.end() == 1
    terminal.assert_restored()
    terminal.until("the console failed: ZeroDivisionError: not ␛[31mthis␛[0m one, at failing.py:7")
    terminal.until(f"the engine (process {engine.pid}) finishes what it has and ends")
    assert "Traceback" not in terminal.text
    assert ("waits in .agentflow/agentflow.db" in terminal.text) == journal
    path = terminal.text.partition("the traceback is in ")[2].split()[0]
    if journal:
        assert path == ".agentflow/console-crash.txt"
    kept = program.folder / path
    assert "Traceback (most recent call last)" in kept.read_text()
    assert "in fail" in kept.read_text()
    kept.unlink()
    assert engine.is_running()
    program.write("go", "")
    psutil.wait_procs([engine], timeout=20)
    assert sorted(done(program)) == [0, 1, 2, 3, 4]


def test_an_engine_that_is_killed_is_started_again(
    program: Program, opened: Callable[..., Terminal]
) -> None:
    """The screen says how it ended; the new one goes on with what was accepted."""
    terminal = opened()
    (engine,) = terminal.engines()
    engine.kill()
    terminal.until("the engine was killed by SIGKILL")
    terminal.until("; started again")
    program.write("go", "")
    (again,) = terminal.engines()
    assert again.pid != engine.pid
    terminal.press("q")
    assert terminal.end() == 0, terminal.text
    terminal.assert_restored()
    assert sorted(done(program)) == [0, 1, 2, 3, 4]


def test_a_handler_that_blocks_the_engine_is_named_on_the_screen(
    program: Program, opened: Callable[..., Terminal]
) -> None:
    """Which agent, at which line, also while it drains; then all goes on."""
    program.write("in.jsonl", lines({"target": "block"}))
    # The engine may be blocked before it has ever said what its flow is called.
    terminal = opened(says="BLOCKED")
    line = HANDLERS.splitlines().index("        time.sleep(0.01)") + 1
    terminal.until("block blocks the engine for ")
    terminal.until(f" s at handlers.py:{line} in block")
    terminal.press("q")
    terminal.until("Stopping: block blocks the engine for ")
    program.write("go", "")
    assert terminal.end() == 0
    terminal.assert_restored()


# -- without a screen ----------------------------------------------------------------------


def test_headless_tells_how_far_a_drain_is_and_stops_when_told_twice(program: Program) -> None:
    """A line each second or two on stderr; what is unfinished makes the exit code 1."""
    with program.start("--headless", "--events", "in.jsonl", "--format", "json") as process:
        assert process.stderr is not None
        wait_until_started(program, process)
        process.send_signal(signal.SIGTERM)
        told = process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
    assert told.startswith("Stopping: ")
    assert "2 running at gate" in told
    assert "once more: stop now, what is left stays in the journal" in told
    assert process.returncode == 1
    assert json.loads(out.splitlines()[-1])["exit_code"] == 1
    assert "wait in .agentflow/agentflow.db for the next start" in err
    program.write("go", "")
    assert program.run("--headless", "--events", "in.jsonl").code == 0
    assert sorted(done(program)) == [0, 1, 2, 3, 4]


IMPATIENT = """
import sys
from agentflow_console import signals

signals._PATIENCE = 0.3
from agentflow_console.cli import main
sys.exit(main())
"""


def test_headless_that_stands_still_obeys_the_second_signal(program: Program) -> None:
    """A handler that keeps the loop can't keep the process."""
    program.write("in.jsonl", lines({"target": "block"}))
    command = [sys.executable, "-P", str(program.write("impatient.py", IMPATIENT))]
    with program.start("--headless", "--events", "in.jsonl", command=command) as process:
        wait_until_started(program, process)
        process.send_signal(signal.SIGTERM)
        keep_telling(process)
        assert process.returncode == 1

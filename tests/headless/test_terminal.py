"""The program in a real terminal: it opens, it closes, and nothing stays behind."""

from __future__ import annotations

import os
import signal
import sys

import psutil
import pytest

from .conftest import Program, lines
from .terminal import Terminal


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
    terminal.wait_for(program.folder / "started")
    (engine,) = terminal.engines()
    os.kill(terminal.process.pid, signal.SIGKILL)
    terminal.process.wait()
    assert engine.is_running()
    program.write("go", "")
    psutil.wait_procs([engine], timeout=60)
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

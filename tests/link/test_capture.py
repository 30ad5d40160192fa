"""Capture: what handlers print or log becomes lines of the log."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

from agentflow_console.link.capture import Throttle

PROGRAM = """
import ctypes, json, logging, os, subprocess, sys, threading
real = os.dup(1)
from agentflow_console.link.capture import Capture

lines, enough = [], threading.Event()
def log(level, source, text):
    lines.append([level, source, text])
    if len(lines) >= EXPECTED:
        enough.set()

capture = Capture()
capture.start()
print("before anybody listens")
capture.attach(log, lambda: "analyzer")
SCRIPT
enough.wait(10)
os.write(real, json.dumps(lines).encode())
os._exit(0)
"""


def lines_of(script: str, expected: int) -> list[list[str]]:
    """The log of a process that captures itself and then runs ``script``."""
    program = PROGRAM.replace("EXPECTED", str(expected + 1)).replace(
        "SCRIPT", textwrap.dedent(script)
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], capture_output=True, check=True, timeout=30
    )
    assert done.stderr == b""
    first, *rest = json.loads(done.stdout)
    assert first[2] == "before anybody listens"
    return rest


def test_a_print_is_a_line_of_the_agent_on_the_loop() -> None:
    """Prints become whole lines, with the agent that is on the loop as their source."""
    lines = lines_of('print("one\\ntwo"); print("a", end=""); print("b", file=sys.stdout)', 3)
    assert lines == [["stdout", "analyzer", text] for text in ("one", "two", "ab")]


def test_what_bypasses_python_is_caught_too() -> None:
    """C code, subprocesses and prints of other threads can't tear the screen."""
    script = """
        os.write(2, b"from C\\n")
        sys.stdout.buffer.write(b"bytes\\n")
        subprocess.run(["sh", "-c", "echo from sh; printf unfinished >&2"])
        thread = threading.Thread(target=lambda: print("from a thread"))
        thread.start(); thread.join()
    """
    lines = lines_of(script, 5)
    assert sorted(lines) == [
        ["stderr", "stderr", "from C"],
        ["stderr", "stderr", "unfinished"],
        ["stdout", "stdout", "bytes"],
        ["stdout", "stdout", "from a thread"],
        ["stdout", "stdout", "from sh"],
    ]


def test_logging_keeps_its_level_and_logger() -> None:
    """Python's logging is in the log, with the error of a traceback on the same line."""
    script = """
        logging.getLogger("mine").warning("look: %s", 7)
        try:
            1 / 0
        except ZeroDivisionError:
            logging.getLogger("mine").exception("failed")
    """
    assert lines_of(script, 2) == [
        ["warning", "mine", "look: 7"],
        ["error", "mine", "failed (ZeroDivisionError: division by zero)"],
    ]


def test_a_flood_is_cut_and_counted() -> None:
    """Of many lines in a second only so many are kept, and the rest is counted."""
    lines: list[tuple[str, str, str]] = []
    now = [100.0]
    throttle = Throttle(3, clock=lambda: now[0])
    throttle.attach(lambda *line: lines.append(line))
    for number in range(10):
        throttle("stdout", "agent", f"line {number}")
    assert [text for _, _, text in lines] == ["line 0", "line 1", "line 2"]
    now[0] = 101.0
    throttle("stdout", "agent", "later")
    assert lines[3:] == [
        ("warning", "engine", "7 more lines came in one second and were not kept"),
        ("stdout", "agent", "later"),
    ]

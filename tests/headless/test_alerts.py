"""Alert rules in the program: the bell of a real terminal, lines and objects without one."""

from __future__ import annotations

import re
import select
import time

from .conftest import CONFIG, Program, lines
from .terminal import Terminal

ALERTS = """
[[console.alerts]]
name = "anything \\u001b[31mfails"
filter = "state:dead"
within = "1s"
bell = true
run = "touch told-{state}"
"""

STOP = """
async def wait(event, state):
    while not pathlib.Path("go").exists():
        await asyncio.sleep(0.01)
"""


def test_without_a_terminal_a_transition_is_a_line_or_an_object(program: Program) -> None:
    """The log says it in text; in JSON there is an object of its own; the command has run."""
    program.write(
        "agentflow.toml", CONFIG + '\n[agents.wait]\nhandler = "handlers:wait"\n' + ALERTS
    )
    program.write("handlers.py", (program.folder / "handlers.py").read_text() + STOP)
    program.write("in.jsonl", lines({"target": "picky"}, {"target": "wait"}))
    for format in ("text", "json"):
        (program.folder / "go").unlink(missing_ok=True)
        with program.start("--events", "in.jsonl", "--format", format, "--no-journal") as process:
            told = program.folder / "told-firing"
            end = time.monotonic() + 20
            while not told.exists() and time.monotonic() < end:
                select.select([], [], [], 0.05)
            program.write("go", "")
            out, err = process.communicate(timeout=60)
        assert told.exists()
        told.unlink()
        if format == "text":
            assert err.count("alerts: anything ") == 1
            assert "state:dead 1, 1 within 1s, since " in err
            assert "\x1b" not in err
        else:
            assert out.count('"type": "alert"') == 1
            assert '"state": "firing"' in out
            assert "\x1b" not in out


def bells(terminal: Terminal) -> int:
    """How often it rang; the same character also ends some commands to a terminal."""
    return re.sub(rb"\x1b\][^\x07]*\x07", b"", terminal.written).count(b"\x07")


def test_the_bell_rings_exactly_once_for_each_transition(
    program: Program, terminals: list[Terminal]
) -> None:
    """One bell when it is raised, none while it lasts, however often the screen is drawn."""
    program.write("agentflow.toml", CONFIG + ALERTS.replace('"1s"', '"2s"'))
    program.write("in.jsonl", lines({"target": "picky"}))
    terminal = Terminal(program, "--events", "in.jsonl", "--no-journal")
    terminals.append(terminal)
    terminal.until("! anything ")
    for key in "6123":
        terminal.press(key)
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        terminal.read()
    assert bells(terminal) == 1
    terminal.press("q")
    assert terminal.end() in (0, 1)
    assert bells(terminal) == 1

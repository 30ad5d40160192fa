"""Fault 12: an agent that keeps the CPU. It is named while it does, and the screen lives."""

from __future__ import annotations

from pathlib import Path

from .on_terminal import OnTerminal

CONFIG = """\
[agents.digger]
handler = "handlers:dig"
"""
HANDLERS = """\
import pathlib


async def dig(event, state):
    pathlib.Path("digging").touch()
    while not pathlib.Path("enough").exists():
        sum(range(10_000))
    return {"found": "gold"}
"""


def test_a_cpu_bound_agent_is_named_and_the_screen_lives(tmp_path: Path) -> None:
    """While the engine's loop is blocked, keys work; when it is over, it goes on."""
    (tmp_path / "agentflow.toml").write_text(CONFIG)
    (tmp_path / "handlers.py").write_text(HANDLERS)
    (tmp_path / "in.jsonl").write_text('{"target": "digger", "data": {"vein": "quartz"}}\n')
    terminal = OnTerminal(tmp_path, "--events", "in.jsonl")
    try:
        terminal.until(lambda: (tmp_path / "digging").exists())
        terminal.until(lambda: "digger" in terminal.text and "handlers.py:" in terminal.text)
        terminal.press("?")
        terminal.until("Find any command")
        terminal.press("\x1b")
        terminal.until(lambda: "Find any command" not in terminal.text)
        terminal.press("2")
        terminal.until("No event is selected.")
        assert "digger blocks the engine" in terminal.text
        (tmp_path / "enough").touch()
        terminal.until(lambda: "succeeded" in terminal.text and "quartz" in terminal.text)
        assert terminal.leave() == 0
        assert terminal.restored()
    finally:
        terminal.close()

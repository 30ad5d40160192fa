"""The Audit screen: who did what, why, what it changed and took back, and the way there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentflow.telemetry.snapshot import AuditRow
from agentflow_console.announce import AuditNews
from agentflow_console.testing import StillLink

from .looking import SMALL, WIDE, console, reads, until, visit
from .samples import NOW, sample_link

ROWS = [
    AuditRow(1, NOW - 50, "ada", "pause", "validator", "validator paused", "done", "it hurts", 0,
             "going on → paused", "agent:validator"),
    AuditRow(2, NOW - 40, "grace", "mode", "loop", "mode mixed → loop, v3", "done", "", 0,
             "mixed: a → loop: [b]", "version:3"),
    AuditRow(3, NOW - 30, "grace", "undo", "", "undone", "done", "no good \x1b[31m", 2, "",
             "version:1"),
    AuditRow(4, NOW - 20, "ada", "replay", "1", "replayed", "done", "", 0, "x: 1 → 2",
             "event:gone"),
    AuditRow(5, NOW - 10, "ada", "pace", "", "pace 20", "done", "", 0, "1/s → 20/s", ""),
]  # fmt: skip
BOTH = pytest.mark.parametrize("size", [WIDE, SMALL])


def link() -> StillLink:
    """The sample with that audit."""
    return sample_link(audit=ROWS, audit_cursor=5)


@BOTH
async def test_the_detail_has_every_field(size: tuple[int, int]) -> None:
    """The reason, what changed, what it takes back, and by what it was undone; made harmless."""
    app = console(link())
    async with app.run_test(size=size) as pilot:
        await visit(pilot, "9", "Audit 5", "grace", "undone (takes bac")
        await pilot.press("g", "j", "j", "enter")
        text = await reads(pilot, "Action 3", "no good ␛[31m", "Takes back", "no. 2", "↵ shows")
        assert "\x1b[31m" not in text
        await pilot.press("escape", "j", "enter")
        await reads(pilot, "Action 2", "mixed: a → loop: [b]", "Undone by", "no. 3")


@pytest.mark.parametrize(
    ("down", "words"),
    [
        (4, ("2 Agents", "validator")),
        (3, ("History", "What v3 changed")),
        (1, ("no longer has that event",)),
        (0, ("about the whole system",)),
    ],
)
async def test_enter_goes_to_what_it_was_about(down: int, words: tuple[str, ...]) -> None:
    """From the open detail; what is gone, or was about everything, is said."""
    app = console(link())
    async with app.run_test(size=WIDE) as pilot:
        await visit(pilot, "9", "Audit 5")
        await pilot.press("g", *"j" * down, "enter")
        await reads(pilot, f"Action {5 - down}")
        await pilot.press("enter")
        await reads(pilot, *words[1:] or words)


async def test_the_filter_finds_a_reason_and_x_exports_what_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As JSON lines with every field, oldest first."""
    monkeypatch.chdir(tmp_path)
    app = console(link())
    async with app.run_test(size=SMALL) as pilot:
        await visit(pilot, "9", "Audit 5")
        await pilot.press("slash", *"grace", "enter")
        await until(pilot, lambda: len(app.room.list.rows) == 2)  # type: ignore[union-attr]
        await pilot.press("x")
        await reads(pilot, "Export 2 actions", "audit.jsonl")
        await pilot.press("enter")
        await reads(pilot, "2 actions are in audit.jsonl")
    text = (tmp_path / "audit.jsonl").read_text()
    found = [json.loads(line) for line in text.splitlines()]
    assert [(row["number"], row["undid"], row["operator"]) for row in found] == [
        (2, 0, "grace"), (3, 2, "grace"),
    ]  # fmt: skip
    assert found[1]["why"] == "no good \x1b[31m"


async def test_dropping_asks_for_a_reason_that_may_be_left_out() -> None:
    """It goes with the command; y in the field is a letter."""
    link = sample_link()
    app = console(link)
    async with app.run_test(size=SMALL) as pilot:
        await visit(pilot, "8", "Dead letters")
        await pilot.press("d")
        await reads(pilot, "Why")
        await pilot.press("shift+tab", "shift+tab", *"why", "enter")
        await until(pilot, lambda: link.commands)
    assert link.commands == [("drop", {"number": 3, "why": "why"})]


def test_what_others_do_is_said_once() -> None:
    """Not what was done before, not one's own, and not what was refused."""
    news = AuditNews("ada")
    assert news.of(ROWS[:2]) == ""
    assert news.of(ROWS[:3]) == "grace: undone"
    assert news.of(ROWS[:3]) == ""
    assert news.of(ROWS) == ""


async def test_an_operator_of_another_name_stands_in_the_header() -> None:
    """Who shares a login is told apart."""
    named = sample_link()
    named.operator = "grace [h]"
    app = console(named)
    async with app.run_test(size=WIDE) as pilot:
        await visit(pilot, "1", "RW grace [h]")

"""Health on the screen and as text: at a glance in the header, in full on the Metrics screen."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentflow.telemetry.health import Health
from agentflow.telemetry.snapshot import Blocked
from agentflow_console.app import ConsoleApp
from agentflow_console.header import StatusLine
from agentflow_console.health_text import health_json, health_text, verdict
from agentflow_console.panes.base import Pane
from agentflow_console.panes.console import ConsolePane
from agentflow_console.panes.health import HealthPane
from agentflow_console.panes.metrics import MetricsPane
from agentflow_console.panes.modes import ModesPane
from agentflow_console.store import Store
from agentflow_console.text import safe

from . import rows
from .screen import MEDIUM, SMALL, WIDE, console, screen_text, settled, text_of, until

HOSTILE = "\x1b]52;c;aGk=\x07[/INST] [bold]\u202ex\r\n\x00" + "w" * 5_000


def status_line(app: ConsoleApp) -> str:
    """The first line of the screen."""
    return text_of(app.query_one(StatusLine))[0]


def report_lines(app: ConsoleApp) -> str:
    """The body of the pane, its frame aside."""
    return "\n".join(line.strip("│ ") for line in text_of(app.query_one(HealthPane))[1:])


def inert(lines: list[str]) -> bool:
    """Whether there is nothing in the lines that a terminal would take for a command."""
    return all(safe(line, 1 << 20) == line for line in lines)


async def test_a_healthy_system_says_so_calmly() -> None:
    """A glyph, a score and a word; the alert line stays away."""
    app = console()
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        assert "● 100 healthy" in status_line(app)


@pytest.mark.parametrize(
    ("cells", "mark"),
    [(160, "▲ 57 degraded: slow events"), (100, "▲ 57 degraded"), (80, "▲ 57 degraded"),
     (60, "▲ 57")],
)  # fmt: skip
async def test_an_unhealthy_system_says_what_is_most_pressing(cells: int, mark: str) -> None:
    """In the width there is; the score stays on any screen."""
    app = console(rows.link(health=rows.troubled()))
    async with app.run_test(size=(cells, 24)) as pilot:
        await settled(pilot)
        line = status_line(app)
        assert mark in line
        assert len(line) <= cells


async def test_the_header_follows_the_report() -> None:
    """A check that gets critical is named, and gone when it is over."""
    link = rows.link()
    app = console(link)
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        link.give(health=rows.health("critical", score=31))
        await until(pilot, lambda: "✗ 31 critical: queue 92 % full" in screen_text(app))
        link.give(health=rows.health())
        await until(pilot, lambda: "● 100 healthy" in screen_text(app))


async def test_nobody_knows_how_a_silent_engine_is() -> None:
    """While it does not answer, the header makes no claim about its health."""
    link = rows.link()
    app = console(link)
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        link.blocked = Blocked("analyzer", rows.NOW, "handlers.py:12 in parse", [])
        await until(pilot, lambda: " BLOCKED " in screen_text(app))
        assert "healthy" not in screen_text(app)
        link.blocked, link.status, link.reason = None, "lost", "it is gone"
        await until(pilot, lambda: " DISCONNECTED " in screen_text(app))
        assert "healthy" not in screen_text(app)


async def test_before_the_first_report_nothing_is_claimed() -> None:
    """No mark in the header, and the pane says when there will be something."""
    app = console(rows.link(health=None))
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        assert "healthy" not in screen_text(app)
        await pilot.press("6")
        await settled(pilot)
        assert "No report yet" in screen_text(app)


@pytest.mark.parametrize("size", [WIDE, MEDIUM, SMALL])
async def test_the_report_can_be_read_to_its_end_at_any_size(size: tuple[int, int]) -> None:
    """What is wrong, what to do, every check and the journal: all within reach of the keys."""
    app = console(rows.link(health=rows.troubled()))
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        await pilot.press("6")
        await settled(pilot)
        pane = app.query_one(HealthPane)
        assert app.focused is pane
        seen = report_lines(app)
        assert seen.startswith("▲ degraded  slow events since 07:58:40 (1m20): they take 1.4s")
        assert "→ See where the time goes." in seen
        for _ in range(8):
            await pilot.press("pagedown")
            seen += "\n" + report_lines(app)
        for part in ("stuck session", "rate spike", "92 % full", "max_concurrent_events",
                     "loop lag", "4ms", "memory", "disk", "41/s for 412 events/s",
                     "9.3ms (p99)", "12.4 MB of 1.0 GB", "a power cut"):  # fmt: skip
            assert part in seen
        await pilot.press("g")
        assert report_lines(app).startswith("▲ degraded  slow events")


@pytest.mark.parametrize("size", [WIDE, MEDIUM, SMALL])
async def test_every_pane_of_the_screen_has_its_turn(size: tuple[int, int]) -> None:
    """Health first, then the other reports, curves and modes, by tab; zoomed it has all of it."""
    app = console()
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        await pilot.press("6")
        await settled(pilot)
        assert app.room is not None
        shown = app.room.panes()
        assert (type(shown[0]), type(shown[-1])) == (HealthPane, ModesPane)
        assert app.room.query_one(MetricsPane).shown is (size == SMALL)
        seen: list[Pane] = []
        while not seen or app.focused is not shown[0]:
            pane = app.focused
            assert isinstance(pane, Pane)
            assert pane.shown
            assert pane.body_height >= 3
            seen.append(pane)
            await pilot.press("tab")
            await settled(pilot)
        assert {*shown} <= {*seen}
        assert {HealthPane, ConsolePane, ModesPane} <= {type(pane) for pane in seen}
        await pilot.press("z")
        await settled(pilot)
        assert [one for one in app.query(Pane) if one.shown] == [shown[0]]
        assert shown[0].size == (size[0], size[1] - 3)


async def test_a_frozen_view_keeps_the_report() -> None:
    """Freezing stops what I read, and the header goes on."""
    link = rows.link()
    app = console(link)
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("6", "space")
        await settled(pilot)
        link.give(health=rows.troubled())
        await until(pilot, lambda: "▲ 57 degraded" in status_line(app))
        assert "slow events" not in report_lines(app)
        await pilot.press("space")
        await until(pilot, lambda: "slow events" in report_lines(app))


async def test_hostile_text_is_inert_everywhere() -> None:
    """Names in a report come from outside: on the screen they are text and nothing else."""
    anomaly = rows.anomaly(HOSTILE, what=HOSTILE, session=HOSTILE, recommendation=HOSTILE)
    check = rows.check(
        "queue", "critical", value=HOSTILE, detail=HOSTILE, meaning=HOSTILE, recommendation=HOSTILE
    )
    journal = msgspec.structs.replace(
        rows.journal(), path=HOSTILE, state="failed", reason=HOSTILE, damage=[HOSTILE]
    )
    health = Health(rows.NOW, 3, "critical", [check], [anomaly], journal)
    app = console(rows.link(health=health))
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        await pilot.press("6")
        await settled(pilot)
        shown = screen_text(app)
        assert "[/INST]" in shown
        assert shown.replace("\n", "").isprintable()
    assert inert(health_text(health))


def test_the_text_says_what_to_do() -> None:
    """The verdict first, then what is wrong with its advice, then the rest and the journal."""
    lines = health_text(rows.troubled())
    assert lines[0] == "▲ 57 degraded at 08:00:00"
    assert lines[2].startswith("▲ degraded  slow events since 07:58:40 (1m20): they take")
    assert lines[3] == "  → See where the time goes."
    assert any(line.startswith("▲ degraded  queue       92 % full, 920 of") for line in lines)
    assert "✓ ok        loop lag    4ms, at the worst, in the last 10 s" in lines
    assert "survives    a power cut" in lines


def test_the_json_is_one_object_with_times_to_read() -> None:
    """And all that the report says, in one line."""
    text = health_json(rows.troubled())
    assert "\n" not in text
    found = json.loads(text)
    assert (found["score"], found["status"]) == (57, "degraded")
    assert found["time"] == "2027-01-15T08:00:00.000+00:00"
    assert found["anomalies"][0]["since"] == "2027-01-15T07:58:40.000+00:00"
    assert found["checks"][0]["unit"] == ""
    assert found["journal"]["ack_p99"] == 0.0093


@settings(deadline=None)
@given(st.text(max_size=40), st.sampled_from(["ok", "degraded", "critical"]))
def test_any_report_can_be_written(text: str, status: str) -> None:
    """Whatever is in it, the lines are lines and the JSON is JSON."""
    anomaly = rows.anomaly(text, what=text, recommendation=text)
    health = Health(rows.NOW, 9, status, [rows.check("queue", status, value=text)], [anomaly])
    assert inert(health_text(health))
    assert verdict(health)
    assert json.loads(health_json(health))["anomalies"][0]["kind"] == text


def test_the_store_keeps_the_last_report() -> None:
    """It asks only for a newer one, and forgets it with the engine that made it."""
    store = Store()
    assert store.cursor.health == 0.0
    store.apply(rows.snapshot(settled_cursor=5))
    assert store.cursor.health == rows.NOW
    store.apply(rows.snapshot(settled_cursor=5, health=None))
    assert store.health is not None
    store.apply(rows.snapshot(settled_cursor=1, health=None))
    assert store.health is None

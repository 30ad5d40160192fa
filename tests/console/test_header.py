"""The status line: how things are, in the width there is."""

from __future__ import annotations

import pytest

from agentflow.telemetry.snapshot import Blocked
from agentflow_console.footer import AlertLine
from agentflow_console.frame_rate import FrameRate
from agentflow_console.header import StatusLine
from agentflow_console.pump import Pump

from . import rows
from .screen import SMALL, WIDE, console, screen_text, settled, text_of, until


async def test_a_wide_status_line_says_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """At 160 columns nothing is left out but how long the screen takes."""
    monkeypatch.setattr(Pump, "delay", 0.004)
    app = console()
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        line = text_of(app.query_one(StatusLine))[0]
        for part in ("agentflow", " LIVE ", "stdlib-audit", "mode mixed",
                     "cfg agentflow.toml v3 ok", "queue 128", "held 44", "412/s", "fail 44",
                     "drop 0", "RW", "08:00:00", "● 100 healthy"):  # fmt: skip
            assert part in line


@pytest.mark.parametrize("cells", [140, 120, 100, 80, 60, 50])
async def test_the_state_the_failures_and_the_queue_fit_in_any_width(cells: int) -> None:
    """What matters most stays, and the line never is too long."""
    app = console()
    async with app.run_test(size=(cells, 24)) as pilot:
        await settled(pilot)
        line = text_of(app.query_one(StatusLine))[0]
        assert len(line) <= cells
        assert "LIVE" in line
        assert "44" in line
        assert "128" in line


async def test_a_refused_file_is_said_even_where_space_is_short() -> None:
    """A configuration that was refused stays visible at 80 columns."""
    app = console(rows.link(config=rows.config(problem="no such mode")))
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        assert "v3 refused" in text_of(app.query_one(StatusLine))[0]


@pytest.mark.parametrize(
    ("fields", "word"),
    [({}, "LIVE"), ({"paused": True}, "HELD"), ({"read_only": True}, "READ-ONLY")],
)
async def test_the_word_says_how_it_stands(fields: dict[str, object], word: str) -> None:
    """Each way to stand has a word of its own."""
    app = console(rows.link(**fields))
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        assert f" {word} " in text_of(app.query_one(StatusLine))[0]


async def test_a_blocked_engine_is_named_with_agent_and_line() -> None:
    """While the engine does not answer, the screen says who blocks it and where."""
    link = rows.link()
    app = console(link)
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        link.open.clear()
        link.blocked = Blocked("analyzer", rows.NOW - 0.8, "handlers.py:12 in parse", [])
        await until(pilot, lambda: " BLOCKED " in screen_text(app))
        assert "! analyzer blocks the engine for 1.2 s at handlers.py:12 in parse" in (
            screen_text(app)
        )
        link.open.set()
        link.blocked = None
        await until(pilot, lambda: " LIVE " in screen_text(app))
        await until(pilot, lambda: "blocks the engine" not in screen_text(app))


async def test_an_engine_that_is_blocked_from_the_first_moment_is_said_to_be() -> None:
    """A handler may keep the engine before it has ever answered: that is no long start."""
    link = rows.link()
    link.open.clear()
    link.blocked = Blocked("analyzer", rows.NOW - 0.8, "handlers.py:12 in parse", [])
    app = console(link)
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: " BLOCKED " in screen_text(app))
        assert "STARTING" not in screen_text(app)


async def test_the_lines_are_cut_anew_for_another_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was cut for a narrow screen does not wait for the next beat of the header."""
    monkeypatch.setattr(Pump, "tick", lambda pump: None)
    app = console(rows.link(alerts=[rows.SLOW]))
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        app.refresh_lines()
        await until(pilot, lambda: "…" in text_of(app.query_one(AlertLine))[0])
        await pilot.resize_terminal(*WIDE)
        await until(pilot, lambda: "agentflow.toml" in text_of(app.query_one(StatusLine))[0])
        await until(pilot, lambda: "…" not in text_of(app.query_one(AlertLine))[0])


async def test_a_lost_engine_is_said_with_its_reason() -> None:
    """When the engine is gone, the screen says so and stays."""
    link = rows.link()
    app = console(link)
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        link.status, link.reason = "lost", "the engine's process ended: out of memory"
        await until(pilot, lambda: " DISCONNECTED " in screen_text(app))
        await until(pilot, lambda: "out of memory" in screen_text(app))


async def test_the_alert_line_is_there_only_when_there_is_something_to_say() -> None:
    """Without alerts the line belongs to the panes."""
    link = rows.link()
    app = console(link)
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        height = app.room.size.height if app.room else 0
        link.give(alerts=["enricher failed twice in 10 s", "another"])
        await until(pilot, lambda: "! enricher failed twice in 10 s (+1)" in screen_text(app))
        assert app.room is not None
        await until(pilot, lambda: app.room.size.height == height - 1)
        link.give(alerts=[])
        await until(pilot, lambda: app.room.size.height == height)


async def test_numbers_keep_the_widest_place_they_had() -> None:
    """A queue that empties does not move what stands right of it."""
    link = rows.link(rate=98_765.0)
    app = console(link)
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        before = text_of(app.query_one(StatusLine))[0].index("fail")
        link.give(rate=3.0)
        await until(pilot, lambda: " 3/s" in screen_text(app))
        assert text_of(app.query_one(StatusLine))[0].index("fail") == before


@pytest.mark.parametrize(
    ("cells", "said"), [(160, "4fps slow terminal"), (100, "4fps"), (80, "4fps"), (60, "4fps")]
)
async def test_a_slow_terminal_is_said_in_any_width(cells: int, said: str) -> None:
    """Who gets few frames reads why, as long as there is room for it."""
    app = console()
    async with app.run_test(size=(cells, 24)) as pilot:
        await settled(pilot)
        app.pump.rate = FrameRate(0.05, 0.25)
        app.refresh_lines()
        assert said in text_of(app.query_one(StatusLine))[0]


async def test_a_slow_or_dear_console_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """The figure is longer where it is bad, and there is room."""
    monkeypatch.setattr(Pump, "delay", 0.004)
    app = console(rows.link(engine_cost=0.15, name="x"))
    async with app.run_test(size=(220, 24)) as pilot:
        await settled(pilot)
        app.refresh_lines()
        assert "ui 4ms costs 15% of a core" in text_of(app.query_one(StatusLine))[0]
        monkeypatch.setattr(Pump, "delay", 0.24)
        app.refresh_lines()
        assert "ui 240ms slow screen" in text_of(app.query_one(StatusLine))[0]

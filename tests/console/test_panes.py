"""What the panes show of a hand-made system, as text."""

from __future__ import annotations

from agentflow_console.panes.agents import AgentsPane
from agentflow_console.panes.events import EventsPane
from agentflow_console.panes.hooks import HooksPane
from agentflow_console.panes.metrics import SERIES, MetricsPane, PlotPane

from . import rows
from .screen import MEDIUM, SMALL, WIDE, console, screen_text, settled, text_of, until


async def test_an_event_says_where_it_is_and_how_it_stands() -> None:
    """Each row has number, time, way, state as glyph and word, duration and data."""
    app = console()
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        lines = text_of(app.query_one(EventsPane))
        shown = {line[2:8].strip(" >│"): line for line in lines}
        assert "07:59:59.250" in shown["997"]
        assert "analyzer → enricher" in shown["997"]
        assert "● running" in shown["997"]
        assert "1.5s" in shown["997"]
        assert '{"module": "bad_coding"}' in shown["997"]
        assert "‖ held" in shown["999"] or "○ queued" in shown["996"]
        assert "✗ dead" in shown["990"]
        assert "SyntaxError: bad_coding.py:1" in shown["990"]


async def test_agents_that_need_attention_come_first() -> None:
    """By state: an open breaker, then the paused, then who works, the disabled last."""
    app = console()
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        lines = text_of(app.query_one(AgentsPane))
        start = lines[1].index("STATE") + 2
        states = [line[start : start + 8].strip() for line in lines[2:9]]
        assert states == ["open", "paused", "running", "running", "running", "idle", "disabled"]
        assert "⊘ open" in lines[2]
        assert "44" in lines[3]


async def test_hooks_say_what_they_vetoed() -> None:
    """Each callback has its point, its count of firings, vetoes and errors."""
    app = console()
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        lines = text_of(app.query_one(HooksPane))
        assert lines[2].split()[0:4] == ["│>BeforeEvent", "require_module", "8800", "3"]
        assert lines[0].startswith("╭─ Hooks 4 ─")


async def test_metrics_have_one_line_for_each_series() -> None:
    """The overview shows every series with its value now."""
    app = console()
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        lines = text_of(app.query_one(MetricsPane))[1:-1]
        assert [line.strip("│ ").split("  ")[0].split(" ▁")[0][:6] for line in lines] == [
            series.title[:6] for series in SERIES
        ]
        assert lines[0].rstrip("│ ").endswith("455")


async def test_plots_have_an_axis_that_ends_at_a_round_number() -> None:
    """A tall plot is labelled with its top, its middle and nought."""
    app = console()
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("6")
        await settled(pilot)
        lines = text_of(app.query(PlotPane).first())
        assert lines[1].strip("│ ").startswith("500│")
        assert lines[-3].strip("│ ").startswith("0│")
        assert "now 455 · mean" in lines[0]


async def test_what_does_not_fit_ends_with_an_ellipsis() -> None:
    """Nothing is cut off silently."""
    link = rows.link(agents=[rows.agent("a-name-that-is-longer-than-any-column-there-could-be")])
    app = console(link)
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        assert "a-name-th" in text_of(app.query_one(AgentsPane))[2]
        assert "…" in text_of(app.query_one(AgentsPane))[2]


async def test_empty_panes_say_what_to_do() -> None:
    """A system in which nothing has happened yet says how to begin."""
    app = console(rows.link(live=[], settled=[], agents=[], hooks=[], points=[]))
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        screen = screen_text(app)
        for hint in ("i injects one", "Add a table [agents.NAME]", "register_callback",
                     "the first one comes after a second"):  # fmt: skip
            assert hint in screen


async def test_a_filter_without_a_match_says_how_to_get_out() -> None:
    """No match is told apart from no events."""
    app = console()
    async with app.run_test(size=MEDIUM) as pilot:
        await settled(pilot)
        app.filter_pane(app.query_one(EventsPane), "nowhere-to-be-found")
        await settled(pilot)
        assert "No event matches /nowhere-to-be-found" in screen_text(app)


async def test_an_event_in_full_has_data_metadata_error_and_timeline() -> None:
    """The detail shows what the event carries and what it went through."""
    app = console()
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("2")
        await settled(pilot)
        assert app.room is not None
        assert app.room.table is not None
        app.room.table.select(990)
        await settled(pilot)
        await until(pilot, lambda: "Timeline" in screen_text(app))
        lines = app.room.detail.lines  # type: ignore[attr-defined]
        text = "\n".join("".join(piece for piece, _ in line) for line in lines)
        for part in (
            '"module": "json.decoder"',
            "priority   normal",
            "Traceback (most recent",
            "agent enricher",
            "Timeline · 5 spans",
            "partial",
            "0190a000-child",
        ):
            assert part in text


async def test_states_and_numbers_stay_in_their_columns() -> None:
    """Rows of every state are aligned: their columns begin at the same cell."""
    app = console()
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        lines = text_of(app.query_one(EventsPane))
        start = lines[1].index("STATE")
        glyphs = {line[start] for line in lines[2:12]}
        assert glyphs <= set("○●‖↻✓✗")

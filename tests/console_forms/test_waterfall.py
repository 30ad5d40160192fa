"""The waterfall: spans nested, on one axis, every state told by glyph and word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App, ComposeResult

from agentflow.telemetry.snapshot import SpanRow
from agentflow_console.palette import make_palette
from agentflow_console.panes.spans import tree
from agentflow_console.panes.waterfall import Waterfall

from .looking import seen
from .samples import NOW, SPANS


class Falling(App[None]):
    """A waterfall alone."""

    def __init__(self, spans: list[SpanRow]) -> None:
        super().__init__()
        self.waterfall = Waterfall()
        self.spans = spans

    def compose(self) -> ComposeResult:
        yield self.waterfall

    def on_mount(self) -> None:
        self.waterfall.restyle(make_palette(self.theme_variables), sides=False)
        self.waterfall.show_spans("s-1", "Session s-1", self.spans, NOW + 0.5)
        self.waterfall.focus()


WENT = """
── Session s-1 ──────────────────────────────────────────────────────── 11 spans · 500ms ─
 SPAN                             STATE       TIME  0             200ms         400ms
>event analyzer                   ✗ failed   412ms  ├────────────────────────────┤
 ├ queued                         ✓ ok        12ms  ├
 └ orchestrate mixed              ✗ failed   400ms  ├────────────────────────────┤
   ├ analyzer                     ✓ ok        88ms  ▉██████▎
   │ └ attempt 1                  ✓ ok        88ms  ▉██████▎
   ├ enricher                     ✗ failed   310ms  ▉██████████████████████▏
   │ ├ attempt 1                  ✗ failed   100ms  ▉███████▏ ValueError: no such modu…
   │ ├ retrying back-off          ↻ retrying 100ms          ├╌╌╌╌╌╌┤
   │ └ attempt 2                  ✗ failed   110ms                 ▎███████▏
   ├ held validator               ‖ held         …  ├···································
   └ synthesizer                  ● running      …                         ▊████████████
"""


async def test_it_reads_like_the_session_went() -> None:
    """Names are nested, states have glyph and word, bars share one axis, errors are said."""
    app = Falling(SPANS)
    async with app.run_test(size=(90, 14)) as pilot:
        await pilot.pause()
        assert seen(app).strip() == WENT.strip()


@pytest.mark.parametrize("cells", [160, 80, 60, 40])
async def test_it_fits_any_width(cells: int) -> None:
    """At every width each span has its name, its glyph and its word on one line."""
    app = Falling(SPANS)
    async with app.run_test(size=(cells, 16)) as pilot:
        await pilot.pause()
        text = seen(app)
    assert all(len(line) <= cells for line in text.splitlines())
    for words in ("✗ failed", "✓ ok", "‖ held", "● running", "↻ retrying", "synthesizer"):
        assert words in text


async def test_a_folded_span_hides_what_is_under_it() -> None:
    """← folds the span under the cursor and then goes to its parent, → unfolds."""
    app = Falling(SPANS)
    async with app.run_test(size=(100, 16)) as pilot:
        app.waterfall.select("6")
        await pilot.press("left")
        assert "▸ enricher (+3)" in seen(app)
        assert "attempt 2" not in seen(app)
        await pilot.press("right")
        assert "attempt 2" in seen(app)
        await pilot.press("left", "left")
        assert app.waterfall.selected is not None
        assert app.waterfall.selected.span.id == "3"


async def test_the_cursor_stays_in_view_when_the_pane_shrinks() -> None:
    """In a smaller pane the span under the cursor is still to be seen."""
    app = Falling(SPANS)
    async with app.run_test(size=(100, 16)) as pilot:
        await pilot.press("G")
        await pilot.resize_terminal(100, 8)
        await pilot.pause()
        assert ">  └ synthesizer" in seen(app)


async def test_all_is_folded_and_unfolded_at_once() -> None:
    """Folding all leaves the first level; again, and everything is back."""
    app = Falling(SPANS)
    async with app.run_test(size=(100, 16)) as pilot:
        app.waterfall.fold_all()
        await pilot.pause()
        assert len(app.waterfall.rows) == 3
        app.waterfall.fold_all()
        assert len(app.waterfall.rows) == len(SPANS)


async def test_the_cursor_stays_with_its_span() -> None:
    """New spans of the same session move rows, and the cursor goes with its own."""
    app = Falling(SPANS[:6])
    async with app.run_test(size=(100, 16)) as pilot:
        await pilot.press("G")
        app.waterfall.show_spans("s-1", "Session s-1", SPANS, NOW + 1)
        assert app.waterfall.selected is not None
        assert app.waterfall.selected.span.id == "6"
        app.waterfall.show_spans("s-2", "Session s-2", SPANS, NOW + 1)
        assert app.waterfall.selected.span.id == "1"


TWO = [
    SpanRow("1", "", "e1", "event", "first", NOW - 10, 0.1, "ok", "", ""),
    SpanRow("2", "1", "e1", "agent", "a", NOW - 10, 0.1, "ok", "", ""),
    SpanRow("3", "", "e2", "event", "second", NOW, 0.2, "ok", "", ""),
    SpanRow("4", "3", "e2", "agent", "b", NOW, 0.1, "ok", "", ""),
]


async def test_the_axis_fits_the_selected_event() -> None:
    """Fitted, the axis is that of the event under the cursor; others point to where they are."""
    app = Falling(TWO)
    async with app.run_test(size=(90, 8)) as pilot:
        assert "4 spans · 10s" in seen(app)
        app.waterfall.fit()
        await pilot.pause()
        text = seen(app)
        assert "100ms of 10s" in text
        assert next(line for line in text.splitlines() if "second" in line).endswith("▸")
        await pilot.press("G")
        await pilot.pause()
        text = seen(app)
        assert "200ms of 10s" in text
        assert "◂" in next(line for line in text.splitlines() if "first" in line)
        app.waterfall.fit()
        await pilot.pause()
        assert "4 spans · 10s" in seen(app)


async def test_an_event_is_found_in_its_session() -> None:
    """The waterfall goes to an event of the session, and says so when it isn't there."""
    app = Falling(TWO)
    async with app.run_test(size=(90, 8)):
        assert app.waterfall.show_event("e2")
        assert app.waterfall.selected is not None
        assert app.waterfall.selected.span.id == "3"
        assert app.waterfall.fitted
        assert not app.waterfall.show_event("e3")


async def test_no_spans_say_so() -> None:
    """A session whose spans are gone says so instead of showing nothing."""
    app = Falling([])
    async with app.run_test(size=(80, 10)) as pilot:
        await pilot.pause()
        assert "No spans are kept of this session any more." in seen(app)


async def test_hostile_names_are_text() -> None:
    """Markup and escape sequences in names and errors are shown, not obeyed."""
    spans = [
        SpanRow("1", "", "e", "agent", "[/INST]\x1b[2J", NOW, 0.1, "failed", "\x1b]52;\x07[b]", "")
    ]
    app = Falling(spans)
    async with app.run_test(size=(120, 10)) as pilot:
        await pilot.pause()
        assert "[/INST]␛[2J" in seen(app)
        assert "\x1b" not in seen(app)


IDS = st.sampled_from(["", "a", "b", "c", "d", "e"])
DRAWN = st.lists(
    st.builds(
        SpanRow,
        id=st.sampled_from(["a", "b", "c", "d", "e"]),
        parent=IDS,
        event_id=st.just("e"),
        kind=st.sampled_from(["event", "agent", "queued"]),
        name=st.just("n"),
        start=st.floats(0, 10),
        duration=st.floats(-1, 10),
        status=st.just("ok"),
        error=st.just(""),
        detail=st.just(""),
    ),
    max_size=6,
    unique_by=lambda span: span.id,
)


@given(DRAWN)
def test_no_span_is_shown_twice(spans: list[SpanRow]) -> None:
    """Spans that name each other as parents in a ring or a parent that is gone do no harm."""
    nodes = tree(spans, 20.0)
    ids = [node.span.id for node in nodes]
    assert len(ids) == len(set(ids))
    roots = [span for span in spans if span.parent not in {other.id for other in spans}]
    assert {span.id for span in roots} <= set(ids)
    assert all(node.end >= node.span.start for node in nodes)

"""Traces: sessions, where the time went in one of them, and one span in full."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical

from agentflow.control import SpanDetail
from agentflow.telemetry.snapshot import SessionPage, SessionRow, SpanRow
from agentflow_console.bindings import bindings
from agentflow_console.latest import Latest
from agentflow_console.palette import Palette
from agentflow_console.panes.base import Pane
from agentflow_console.panes.document import DocumentPane
from agentflow_console.panes.session_text import session_json, session_plain
from agentflow_console.panes.sessions import SessionsPane
from agentflow_console.panes.span_detail import as_json, span_json, span_lines, span_plain
from agentflow_console.panes.table import TablePane
from agentflow_console.panes.waterfall import Waterfall
from agentflow_console.screens.base import Room
from agentflow_console.session_spans import SessionSpans
from agentflow_console.store import Store
from agentflow_console.text import safe
from agentflow_console.walking import Walk

_BESIDE, _STACKED = 140, 100
_LARGE = 74_994  # characters that a terminal is sure to take over OSC 52
_SESSIONS, _WATERFALL, _SPAN = range(3)


class Traces(Room):
    """↵ goes from the sessions to the waterfall to the span, esc comes back.

    From 140 columns sessions and waterfall are side by side, from 100 one above the other,
    below that one at a time.
    """

    DEFAULT_CSS = """
    Traces .split { layout: horizontal; width: 1fr; height: 1fr; }
    Traces #sessions { width: 60; }
    Traces .spans { width: 1fr; height: 1fr; }
    Traces #waterfall { height: 3fr; }
    Traces #span { height: 2fr; }
    Traces.-stacked .split { layout: vertical; }
    Traces.-stacked #sessions { width: 1fr; height: 2fr; }
    Traces.-stacked .spans { height: 3fr; }
    Traces.-single .split { layout: vertical; }
    Traces.-single #sessions { width: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("traces")
    room = "traces"
    title = "Traces"

    def __init__(self) -> None:
        super().__init__()
        self.sessions = SessionsPane(id="sessions")
        self.waterfall = Waterfall(id="waterfall")
        self.span = DocumentPane(id="span")
        self._depth = _SESSIONS
        self._wanted: SessionRow | None = None
        self._wanted_event = ""
        self._wanted_span = ""
        self._asked_for: SessionRow | None = None
        self._known: SessionSpans | None = None
        self._spans: Latest[str, list[SpanRow]] | None = None
        self._rows: Latest[tuple[str, int], SessionPage] | None = None
        self._detail: Latest[tuple[str, str], SpanDetail | None] | None = None
        self._span_detail: tuple[str, SpanDetail | None] = ("", None)
        self._described: object = None
        self._walk = Walk(lambda: self.console, self.select)

    def compose(self) -> ComposeResult:
        with Container(classes="split"):
            yield self.sessions
            with Vertical(classes="spans"):
                yield self.waterfall
                yield self.span

    # -- which of them is shown ----------------------------------------------------------------

    def choose_panes(self) -> None:
        cells = self.app.size.width
        every: list[Pane] = [self.sessions, self.waterfall, self.span]
        if self.zoomed:
            shown = [self.pane or self.sessions]
        elif cells >= _BESIDE:
            shown = every[:2] if self._depth < _SPAN else every
        elif cells >= _STACKED:
            shown = every[:2] if self._depth == _SESSIONS else every[1 : self._depth + 1]
        else:
            shown = [every[self._depth]]
        for pane in every:
            pane.display = pane in shown
        self.query_one(".spans").display = self.waterfall.display or self.span.display
        self.set_class(len(shown) > 1 and cells < _BESIDE, "-stacked")
        self.set_class(len(shown) == 1, "-single")

    def _go(self, depth: int) -> None:
        self._depth = depth
        self.choose_panes()
        self.call_after_refresh(self._settle)

    def _settle(self) -> None:
        self._focused().focus(scroll_visible=False)
        self._describe()
        self.console.paint_now()

    def _focused(self) -> Pane:
        panes: tuple[Pane, ...] = (self.sessions, self.waterfall, self.span)
        return panes[self._depth]

    # -- what is in them -----------------------------------------------------------------------

    def refresh_from(self, store: Store, now: float, *, force: bool = False) -> None:
        if self._rows is None or self._spans is None:
            self._connect()
        assert self._rows is not None
        assert self._spans is not None
        super().refresh_from(store, now, force=force)
        self._rows.want(self.sessions.wanted, live=True)
        row = self.sessions.selected
        if row is not None:
            if row != self._asked_for:  # something has happened in it
                self._asked_for = row
                self._spans.forget()
            self._spans.want(row.id, live=row.running > 0 or not self.waterfall.spans)
        self._describe()

    def _connect(self) -> None:
        link = self.console.link
        self._known = SessionSpans(link, self._got_spans)
        self._rows = Latest(
            self, lambda wanted: link.sessions(*wanted), self._got_sessions, again=1.0
        )
        self._spans = Latest(self, self._known.fetch, self._got_spans)
        self._detail = Latest(self, lambda span: link.span(*span), self._got_detail)

    def _got_sessions(self, asked: tuple[str, int], page: SessionPage) -> None:
        self.sessions.put(asked, page, self._wanted)
        if not self.sessions.complete and self._rows is not None:
            self._rows.forget()  # the engine goes on with its search when it is asked again
        if self._wanted is not None:
            self.sessions.select(self._wanted.id)

    def _got_spans(self, session: str, spans: list[SpanRow]) -> None:
        row = self.sessions.selected
        if row is None or row.id != session:
            return
        said = f"Session {safe(session, 60)}"
        if self._known is not None and self._known.cut:
            said += ", cut"
        self.waterfall.show_spans(session, said, spans, self.console.store_time)
        self._find_wanted()
        self._describe()

    def _find_wanted(self) -> None:
        """Put the cursor on the event or span that somebody wants to see, once it is there."""
        event, span = self._wanted_event, self._wanted_span
        if span and self.waterfall.show_span(span):
            self._wanted_event = self._wanted_span = ""
        elif event and not span and self.waterfall.show_event(event):
            self._wanted_event = ""

    def _got_detail(self, span: tuple[str, str], detail: SpanDetail | None) -> None:
        self._span_detail = (span[1], detail)
        self._describe()

    def _describe(self) -> None:
        """Fill the detail of the selected span."""
        if not self.span.shown:
            return
        palette = self.console.palette
        node = self.waterfall.selected
        if node is None:
            self._described = None
            self.span.show("", "Span", [[(" No span is selected.", palette.muted)]])
            return
        span = node.span
        if self._detail is not None:
            row = self.sessions.selected
            self._detail.want((span.event_id, span.id), live=row is not None and row.running > 0)
        described = (span, self._span_detail, palette, self.span.body_width)
        if described == self._described:  # this is asked for at every frame
            return
        self._described = described
        lines = span_lines(span, self._detail_of(span), palette, self.span.body_width)
        self.span.show(span.id, f"Span {safe(span.name, 60)}", lines)
        self.span.plain_of = lambda: span_plain(span, self._detail_of(span))

    def _detail_of(self, span: SpanRow) -> SpanDetail | None:
        id, detail = self._span_detail
        return detail if id == span.id else None

    def restyle(self, palette: Palette, *, sides: bool) -> None:
        super().restyle(palette, sides=sides)
        self._describe()

    def on_table_pane_moved(self, event: TablePane.Moved) -> None:
        event.stop()
        if event.pane is self.sessions:
            row = self.sessions.selected
            if self._wanted is not None and row is not None and row.id != self._wanted.id:
                self._wanted, self._wanted_event, self._wanted_span = None, "", ""
                self._walk.forget()
            if row is not None and self._spans is not None and row.id != self.waterfall.subject:
                self.waterfall.show_nothing("…")
                self._spans.want(row.id)
        else:
            self._describe()

    # -- what the room answers -----------------------------------------------------------------

    @property
    def selected(self) -> Any:
        """A session, or the span under the cursor of the waterfall."""
        if self._depth == _SESSIONS or self.sessions.has_focus:
            return self.sessions.selected
        node = self.waterfall.selected
        return None if node is None else node.span

    @property
    def table(self) -> TablePane[Any] | None:
        """What the filter is for: sessions, whichever pane has the keyboard."""
        return self.sessions

    def entered(self) -> None:
        self._focused().focus(scroll_visible=False)

    def select(self, key: Any) -> None:
        """Show the waterfall of a session; with an event, or an event and a span, go there."""
        session, event, span = (*key, "")[:3] if isinstance(key, tuple) else (str(key), "", "")
        if not span:
            self._walk.forget()
        self._wanted_event, self._wanted_span = event, span
        self._wanted = SessionRow(session, 0, 0, 0, 0.0, 0.0, "", "")
        self.sessions.add(self._wanted)
        self.sessions.select(session)
        if self.waterfall.subject == session:
            self._find_wanted()
        self._go(_WATERFALL if self._depth == _SESSIONS or not span else self._depth)

    def open_row(self, row: Any) -> None:
        at = _SESSIONS if self.sessions.has_focus else self._depth
        if at == _SESSIONS:
            self._go(_WATERFALL)
        elif self.waterfall.selected is not None:
            self._go(_SPAN)

    def go_back(self) -> bool:
        if self._depth != _SESSIONS and self._walk.back():
            return True
        if self._depth == _SESSIONS:
            return False
        self._go(self._depth - 1)
        return True

    def action_whatif(self) -> None:
        """Ask what the selected session should be run under."""
        row = self.sessions.selected
        if row is None:
            self.console.say("There is no session to run otherwise.")
        else:
            self.console.open_in("whatif", row.id)

    def action_fit(self) -> None:
        """The axis of the selected event, or of the whole session."""
        self.waterfall.fit()

    def action_expand_all(self) -> None:
        """Fold everything below the roots, or unfold everything."""
        self.waterfall.fold_all()

    # -- causes and effects --------------------------------------------------------------------

    def action_cause(self) -> None:
        """Go to what caused the selected span."""
        self._follow(self._walk.cause)

    def action_effects(self) -> None:
        """Go to what the selected span caused."""
        self._follow(self._walk.effects)

    def _follow(self, go: Callable[[str, SpanRow], None]) -> None:
        node, row = self.waterfall.selected, self.sessions.selected
        if node is None or row is None or row.id != self.waterfall.subject:
            self.console.say("Select a span to go to what caused it, or what it caused.")
        else:
            go(row.id, node.span)

    def action_next_failure(self) -> None:
        """Put the cursor on the next span that failed."""
        if not self.waterfall.next_failure():
            self.console.say("Nothing in this session has failed.")

    # -- copies --------------------------------------------------------------------------------

    def action_copy(self) -> None:
        """The session as a tree of text, or the span that has the keyboard, as text."""
        node = self.waterfall.selected
        if self._depth == _SESSIONS or node is None:
            super().action_copy()
        elif self._depth == _SPAN:
            self._copy(span_plain(node.span, self._detail_of(node.span)))
        else:
            self._copy(session_plain(str(self.waterfall.subject), self.waterfall.spans,
                                     self.console.store_time))  # fmt: skip

    def action_copy_json(self) -> None:
        """The same as JSON."""
        node = self.waterfall.selected
        if node is None:
            self.console.say("There is nothing to copy here.")
        elif self._depth == _SPAN:
            self._copy(as_json(span_json(node.span, self._detail_of(node.span))))
        else:
            self._copy(session_json(str(self.waterfall.subject), self.waterfall.spans))

    def _copy(self, text: str) -> None:
        self.app.copy_to_clipboard(text)
        large = "; many terminals take less" if len(text) > _LARGE else ""
        self.console.say(f"Copied {len(text)} characters{large}.")

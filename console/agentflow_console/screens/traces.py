"""Traces: sessions, where the time went in one of them, and one span in full."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical

from agentflow.telemetry.snapshot import SessionRow, SpanRow
from agentflow_console.bindings import bindings
from agentflow_console.latest import Latest
from agentflow_console.palette import Palette
from agentflow_console.panes.base import Pane
from agentflow_console.panes.document import DocumentPane
from agentflow_console.panes.sessions import SessionsPane
from agentflow_console.panes.span_detail import span_lines
from agentflow_console.panes.table import TablePane
from agentflow_console.panes.waterfall import Waterfall
from agentflow_console.screens.base import Room
from agentflow_console.store import Store
from agentflow_console.text import safe

_BESIDE, _STACKED = 140, 100
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
        self._spans: Latest[str, list[SpanRow]] | None = None
        self._rows: Latest[str, list[SessionRow]] | None = None
        self._described: object = None

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
            link = self.console.link
            self._rows = Latest(self, lambda _: link.sessions(), self._got_sessions, again=1.0)
            self._spans = Latest(self, link.session, self._got_spans)
        self._rows.want("", live=True)
        super().refresh_from(store, now, force=force)
        row = self.sessions.selected
        if row is not None:
            self._spans.want(row.id, live=row.running > 0 or not self.waterfall.spans)
        self._describe()

    def _got_sessions(self, key: str, rows: list[SessionRow]) -> None:
        self.sessions.put(rows, self._wanted)
        if self._wanted is not None:
            self.sessions.select(self._wanted.id)

    def _got_spans(self, session: str, spans: list[SpanRow]) -> None:
        row = self.sessions.selected
        if row is None or row.id != session:
            return
        self.waterfall.show_spans(
            session, f"Session {safe(session, 60)}", spans, self.console.store_time
        )
        if self._wanted_event and self.waterfall.show_event(self._wanted_event):
            self._wanted_event = ""
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
        described = (node.span, palette, self.span.body_width)
        if described == self._described:  # this is asked for at every frame
            return
        self._described = described
        lines = span_lines(node.span, palette, self.span.body_width)
        self.span.show(node.span.id, f"Span {safe(node.span.name, 60)}", lines)

    def restyle(self, palette: Palette, *, sides: bool) -> None:
        super().restyle(palette, sides=sides)
        self._describe()

    def on_table_pane_moved(self, event: TablePane.Moved) -> None:
        event.stop()
        if event.pane is self.sessions:
            row = self.sessions.selected
            if self._wanted is not None and row is not None and row.id != self._wanted.id:
                self._wanted, self._wanted_event = None, ""
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
        """Show the waterfall of a session; a pair of session and event goes to that event."""
        session, self._wanted_event = key if isinstance(key, tuple) else (str(key), "")
        self._wanted = SessionRow(session, 0, 0, 0, 0.0, 0.0, "", "")
        if self.sessions.filter_text:
            self.console.filter_pane(self.sessions, "")
        self.sessions.put(self.sessions.rows, self._wanted)
        self.sessions.select(session)
        if self._wanted_event and self.waterfall.subject == session:
            self.waterfall.show_event(self._wanted_event)
            self._wanted_event = ""
        self._go(_WATERFALL)

    def open_row(self, row: Any) -> None:
        at = _SESSIONS if self.sessions.has_focus else self._depth
        if at == _SESSIONS:
            self._go(_WATERFALL)
        elif self.waterfall.selected is not None:
            self._go(_SPAN)

    def go_back(self) -> bool:
        if self._depth == _SESSIONS:
            return False
        self._go(self._depth - 1)
        return True

    def action_fit(self) -> None:
        """The axis of the selected event, or of the whole session."""
        self.waterfall.fit()

    def action_expand_all(self) -> None:
        """Fold everything below the roots, or unfold everything."""
        self.waterfall.fold_all()

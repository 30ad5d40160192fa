"""Waterfall: where the time of one session went, span by span, on one axis of time."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from rich.style import Style

from agentflow.telemetry.snapshot import SpanRow
from agentflow_console import show
from agentflow_console.panes.base import Piece
from agentflow_console.panes.spans import Node, tree
from agentflow_console.panes.table import TablePane
from agentflow_console.panes.timeline import Axis, Bar, dashed, solid
from agentflow_console.text import crop, fit, safe, width

if TYPE_CHECKING:
    from textual import events

    from agentflow_console.store import Store

_STATE, _TAKEN = 10, 5  # cells of the state and of the duration
_LINES = {
    "event": "─", "orchestrate": "─", "queued": "┄", "held": "·", "retrying": "╌",
}  # fmt: skip
"""What is not work itself is a thin line of this; work is a bar."""


class Waterfall(TablePane[Node]):
    """The spans of one session as a tree with bars.

    ``show_spans`` puts them in. ``selected`` is the Node under the cursor; ← and → fold and
    unfold it. Held, retrying and running spans differ by glyph, word and line, not by colour
    alone.
    """

    follows = False

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.spans: Sequence[SpanRow] = ()
        self.subject: object = None
        self._said = ""
        self._missing = "Select an event or a session to see where its time went."
        self._now = 0.0
        self._folded: set[str] = set()
        self._start, self._end = 0.0, 0.0
        self._over = False  # whether nothing of it lasts
        self.fitted = False
        """Whether the axis is that of the selected event, and not of the whole session."""

    def show_spans(
        self, subject: object, heading: str, spans: Sequence[SpanRow], now: float
    ) -> None:
        """Show these spans; ``now`` (since the epoch) is where those that still last end.

        ``subject`` tells whether it is the same session as before: then the cursor and what
        is folded stay.
        """
        if subject != self.subject:
            self.subject = subject
            self._folded.clear()
            self._index = self._top = 0
            self._cursor = None
        elif spans is self.spans and self._over:
            return  # it is over, and nothing was added
        self._said, self.spans, self._now = heading, spans, now
        self._missing = "No spans are kept of this session any more."
        self._over = all(span.duration >= 0 for span in spans)
        self._start = min((span.start for span in spans), default=0.0)
        self._end = max((_end(span, now) for span in spans), default=0.0)
        self._arrange()

    def show_nothing(self, said: str) -> None:
        """Show no spans, and a sentence instead."""
        self.subject, self._said, self.spans, self._missing = None, "", (), said
        self._arrange()

    def _arrange(self) -> None:
        self.forget_rows()
        self.show(tree(self.spans, self._now, self._folded))
        self.refresh_edges()

    # -- the axis ----------------------------------------------------------------------------

    def fit(self) -> None:
        """Have the axis show the selected event alone, or the whole session again."""
        self.fitted = not self.fitted
        self._redraw()

    def show_event(self, event_id: str) -> bool:
        """Put the cursor on an event and fit the axis to it; False if it isn't there."""
        for row in self.rows:
            if row.span.event_id == event_id and row.span is row.root:
                self.fitted = True
                self.select(row.span.id)
                self._top = max(min(self._index - 1, len(self.rows) - self.visible_rows), 0)
                self._redraw()
                return True
        return False

    def show_span(self, span_id: str) -> bool:
        """Put the cursor on a span, in the middle of the view; False if it isn't there."""
        parents = {span.id: span.parent for span in self.spans}
        if span_id not in parents:
            return False
        above = parents[span_id]
        while above in parents and above in self._folded:
            self._folded.discard(above)
            above = parents[above]
        self._arrange()
        if not self.select(span_id):
            return False
        self._top = max(min(self._index - self.visible_rows // 2, len(self.rows) - 1), 0)
        self._redraw()
        return True

    def next_failure(self) -> bool:
        """Put the cursor on the next innermost span that failed, or the first; False for none."""
        failed = {span.id for span in self.spans if span.status in ("failed", "vetoed", "dead")}
        inner = failed - {span.parent for span in self.spans if span.id in failed}
        here = self._cursor
        every = [node.span.id for node in tree(self.spans, self._now)]  # folded ones, too
        start = every.index(here) + 1 if here in every else 0
        for id in (*every[start:], *every[:start]):
            if id in inner:
                return self.show_span(id)
        return False

    def _place(self, index: int) -> None:
        before = self.selected
        super()._place(index)
        after = self.selected
        if self.fitted and before and after and before.root.id != after.root.id:
            self._redraw()

    def on_resize(self, event: events.Resize) -> None:
        """The span under the cursor stays in view when the pane gets smaller.

        Textual calls this and the handler of the base class, too.
        """
        lowest = self._index - max(self.visible_rows, 1) + 1
        self._top = min(max(self._top, lowest), self._index)

    def _redraw(self) -> None:
        self.forget()
        self.refresh_body()
        self.refresh_edges()

    def _range(self) -> tuple[float, float]:
        """When the axis begins and ends."""
        node = self.selected
        if self.fitted and node is not None:
            return node.root.start, _end(node.root, self._now)
        return self._start, self._end

    # -- folding -----------------------------------------------------------------------------

    def pan(self, cells: int) -> None:
        """← folds the selected span or goes to its parent, → unfolds it."""
        node = self.selected
        if node is None:
            return
        id = node.span.id
        if cells > 0:
            if node.folded:
                self._folded.discard(id)
                self._arrange()
            elif node.children:
                self.move(1)
        elif node.children and not node.folded:
            self._folded.add(id)
            self._arrange()
        elif node.span.parent:
            self.select(node.span.parent)

    def fold_all(self) -> None:
        """Fold everything below the roots, or unfold everything if something is folded."""
        if self._folded:
            self._folded.clear()
        else:
            self._folded = {span.parent for span in self.spans if span.parent}
            self._folded -= {node.span.id for node in self.rows if not node.stem}
        self._arrange()

    # -- what it says ------------------------------------------------------------------------

    def key(self, row: Node) -> Hashable:
        return row.span.id

    def fetch(self, store: Store) -> Sequence[Node] | None:
        return None

    def heading(self) -> str:
        return safe(self._said, 200) or "Trace"

    def note(self) -> str:
        if not self.spans:
            return ""
        count = f"{len(self.spans)} span{'' if len(self.spans) == 1 else 's'}"
        whole = show.duration(self._end - self._start)
        start, end = self._range()
        if (start, end) == (self._start, self._end):
            return f"{count} · {whole}"
        return f"{count} · {show.duration(end - start)} of {whole}"

    def empty(self) -> str:
        return self._missing

    def copy_text(self) -> str:
        node = self.selected
        if node is None:
            return ""
        span = node.span
        took = show.duration(span.duration)
        parts = (span.kind, span.name, span.status, took, span.detail, span.error)
        return " ".join(part for part in parts if part)

    # -- drawing -----------------------------------------------------------------------------

    def _axis(self) -> Axis:
        """The cells that are left for bars: none on a very narrow pane."""
        cells = self.body_width - 2 - self._name_cells() - _STATE - _TAKEN - 5
        start, end = self._range()
        return Axis(start, end - start, cells if cells >= 12 else 0)

    def _name_cells(self) -> int:
        cells = self.body_width
        return min(max(cells * 36 // 100, 18), 46) if cells >= 60 else cells - _STATE - _TAKEN - 5

    def _titles(self) -> list[Piece]:
        style = self.palette.heading
        names = f" {fit('SPAN', self._name_cells())} {'STATE':<{_STATE}} {'TIME':>{_TAKEN}}  "
        return [(names, style), (self._axis().ticks(), self.palette.muted)]

    def cells(self, row: Node) -> list[Piece]:
        palette, span = self.palette, row.span
        fold = "▸ " if row.folded else ""
        more = f" (+{row.children})" if row.folded else ""
        room = self._name_cells() - width(row.stem) - len(fold) - len(more)
        name = crop(_name(span), max(room, 4))
        used = width(row.stem) + len(fold) + width(name) + len(more)
        style = palette.state(span.status)
        quiet = span.kind in ("queued", "attempt", "hook") and span.status == "ok"
        return [
            (row.stem, palette.border),
            (fold, palette.primary),
            (name, palette.muted if quiet else palette.text),
            (more + " " * (self._name_cells() - used + 1), palette.muted),
            (fit(show.state(span.status), _STATE) + " ", style),
            (f"{show.duration(span.duration):>{_TAKEN}}  ", palette.muted),
            *self._bar(row, style),
        ]

    def _bar(self, row: Node, style: Style) -> list[Piece]:
        axis, span = self._axis(), row.span
        if not axis.cells:
            return []
        start, end = axis.eighth(span.start), axis.eighth(row.end)
        start = min(start, axis.cells * 8 - 1)
        if self.fitted and (outside := _outside(span.start, row.end, axis)):
            return [(outside, self.palette.faint)]
        lasts = span.duration < 0
        mark = _LINES.get(span.status) or _LINES.get(span.kind)
        bar = dashed(start, end, mark=mark, closed=not lasts) if mark else solid(start, end)
        if self.app.current_theme.ansi and bar.edge:  # the default colour can't be swapped
            bar = Bar(bar.before, "", "█" + bar.text)
        swapped = Style(color=style.bgcolor, bgcolor=style.color)
        pieces: list[Piece] = [(" " * bar.before, style), (bar.edge, swapped), (bar.text, style)]
        used = bar.before + len(bar.edge) + len(bar.text)
        if lasts and not mark and used < axis.cells:
            pieces.append(("▸", style))
            used += 1
        return self._with_error(pieces, bar.before, axis.cells - used, span)

    def _with_error(
        self, pieces: list[Piece], before: int, after: int, span: SpanRow
    ) -> list[Piece]:
        """The error, or what else is to be said, where the bar leaves room: behind, else before."""
        whole = span.kind in ("event", "orchestrate")
        text, style = safe(span.error, 200), self.palette.dead
        if whole or not text:
            text, style = _remark(span), self.palette.accent
        if not text:
            return pieces
        if after >= 14:
            return [*pieces, (" " + crop(text, after - 2), style)]
        if before >= 16:
            said = crop(text, before - 2)
            blank = before - width(said) - 1
            return [(" " * blank + said + " ", style), *pieces[1:]]
        return pieces

    def _line(self, pieces: list[Piece], cells: int, cursor: bool, thumb: str) -> list[Piece]:
        palette = self.palette
        over: Style | None = None
        if cursor:
            over = palette.cursor if self.has_focus else palette.cursor_away
        plain = palette.text + over if over else palette.text
        line: list[Piece] = [(">" if cursor else " ", plain)]
        used = 1
        for text, style in pieces:
            if over and not over.reverse and style.color == palette.text.bgcolor:
                style = Style(color=over.bgcolor, bgcolor=style.bgcolor)  # a swapped edge
            elif over:
                style += over
            line.append((text, style))
            used += width(text)
        line.append((" " * (cells - used - 1), plain))
        line.append((thumb, palette.faint))
        return line


def _outside(start: float, end: float, axis: Axis) -> str:
    """A pointer to where a bar would be that has no part on the axis; '' if it has."""
    if end < axis.start:
        return "◂"
    if start > axis.start + axis.length:
        return " " * (axis.cells - 1) + "▸"
    return ""


def _end(span: SpanRow, now: float) -> float:
    return max(now, span.start) if span.duration < 0 else span.start + span.duration


def _name(span: SpanRow) -> str:
    if span.kind in ("agent", "attempt", "queued") or span.kind == span.name:
        return safe(span.name or span.kind, 80)
    if span.kind == "hook":  # the callback is what differs
        point, _, callback = span.name.partition(" ")
        return f"hook {safe(callback, 80)} · {safe(point, 40)}"
    if span.kind == "retrying":  # it is under its agent's run
        _, after, attempt = span.name.partition(" after ")
        return f"retrying{after}{safe(attempt, 40)}" if after else f"retrying {safe(span.name, 80)}"
    return f"{span.kind} {safe(span.name, 80)}".strip()


def _remark(span: SpanRow) -> str:
    """What else is to be said of a span, in a few words."""
    if span.kind in ("attempt", "orchestrate"):
        return ""
    words = safe(span.detail, 200)
    return f"replay of {words[-8:]}" if words.startswith("replay of ") else words

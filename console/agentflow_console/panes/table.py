"""TablePane: a pane of rows under column titles, with a cursor that stays with its row.

The cursor holds the key of a row, never a line number: rows may come, go and change places
around it. A stream follows its newest row until the cursor leaves it; from then on the view
stands still while rows go on arriving.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from rich.style import Style
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from agentflow_console.panes.base import Pane, Piece
from agentflow_console.panes.columns import GAP, Column, lay_out
from agentflow_console.text import crop, fit

if TYPE_CHECKING:
    from textual import events

    from agentflow_console.store import Store

R = TypeVar("R")
R_contra = TypeVar("R_contra", contravariant=True)

_KEPT = 2_000  # strips; a screenful is a fiftieth of that


class RowFilter(Protocol[R_contra]):
    """What says which rows to show."""

    def matches(self, row: R_contra) -> bool:
        """Whether the row is let through."""


class TablePane(Pane, Generic[R]):
    """Rows under column titles. Subclasses say where rows come from and what their cells are."""

    columns: tuple[Column, ...] = ()
    follows = False
    """Whether it is a stream: it follows its newest row, and stands still otherwise."""
    newest_first = True
    """Of a stream: whether the newest row is at the top."""
    filterable = False
    filter_id = ""
    """The name that its filter is remembered by."""

    class Moved(Message):
        """The cursor is on another row."""

        def __init__(self, pane: TablePane[object]) -> None:
            super().__init__()
            self.pane = pane

    class Opened(Message):
        """A row was clicked twice."""

        def __init__(self, pane: TablePane[object]) -> None:
            super().__init__()
            self.pane = pane

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.rows: Sequence[R] = ()
        self.following = self.follows
        self.filter: Any = None
        self.filter_text = ""
        self.shift = 0
        self._cursor: Hashable = None
        self._index = 0  # where the cursor's row was last seen
        self._top = 0  # index of the first visible row
        self._anchor: Hashable = None  # key of that row, which a stream holds on to
        self._strips: dict[Hashable, tuple[object, object, list[Piece], Strip]] = {}
        self._drawn: list[object] = []
        self._drawn_titles: list[Piece] = []
        self._widths: list[int] = []
        self._widths_for = -1

    # -- what a subclass says --------------------------------------------------------------

    def key(self, row: R) -> Hashable:
        """What makes a row the same row next time."""
        raise NotImplementedError

    def cells(self, row: R) -> list[Piece]:
        """Safe text and style for each column."""
        raise NotImplementedError

    def fetch(self, store: Store) -> Sequence[R] | None:
        """The rows to show, in order; None when they are the same as last time."""
        raise NotImplementedError

    def empty(self) -> str:
        """What to say, and what to do, when there are no rows."""
        return "Nothing yet."

    # -- the cursor ------------------------------------------------------------------------

    @property
    def selected(self) -> R | None:
        """The row under the cursor."""
        if not self.rows:
            return None
        return self.rows[min(self._index, len(self.rows) - 1)]

    @property
    def visible_rows(self) -> int:
        """Lines for rows, the column titles left out."""
        return max(self.body_height - 1, 0)

    def select(self, key: Hashable) -> bool:
        """Put the cursor on the row with this key; False if there is none."""
        index = self.index_of(key)
        if index is None:
            return False
        self._place(index)
        return True

    def index_of(self, key: Hashable) -> int | None:
        """Where the row with this key is."""
        rows, own = self.rows, self.key
        near = self._index
        if near < len(rows) and own(rows[near]) == key:
            return near
        for index, row in enumerate(rows):
            if own(row) == key:
                return index
        return None

    def move(self, lines: int) -> None:
        if self.rows:
            self._place(min(max(self._index + lines, 0), len(self.rows) - 1))

    def pan(self, cells: int) -> None:
        self.shift = max(self.shift + cells, 0)
        self.forget()
        self.refresh_body()

    def scroll_view(self, lines: int) -> None:
        last = len(self.rows) - self.visible_rows
        self._top = min(max(self._top + lines, 0), max(last, 0))
        self.following = self.follows and self._at_newest(self._top)
        self._hold()
        self._repaint()

    def _at_newest(self, top: int) -> bool:
        if self.newest_first:
            return top == 0 and self._index == 0
        return self._index == len(self.rows) - 1

    def _place(self, index: int) -> None:
        before, height = self._cursor, max(self.visible_rows, 1)
        self._index = index
        self._cursor = self.key(self.rows[index])
        self._top = min(max(self._top, index - height + 1), index)
        self.following = self.follows and self._at_newest(0)
        self._hold()
        self._repaint()
        if before != self._cursor:
            self.post_message(self.Moved(self))  # type: ignore[arg-type]

    def _hold(self) -> None:
        self._anchor = self.key(self.rows[self._top]) if self._top < len(self.rows) else None

    # -- rows --------------------------------------------------------------------------------

    def look(self, store: Store, now: float) -> None:
        rows = self.fetch(store)
        if rows is not None:
            self.show(rows)

    def show(self, rows: Sequence[R]) -> None:
        """Show these rows; the cursor stays on its row, or near where that was."""
        height, top = max(self.visible_rows, 1), self._top
        self.rows = rows
        before = self._cursor
        last = max(len(rows) - 1, 0)
        if not rows:
            self._index = self._top = 0
            self._cursor = self._anchor = None
        elif self.following:
            self._index = 0 if self.newest_first else last
            self._top = 0 if self.newest_first else max(len(rows) - height, 0)
        else:
            found = self.index_of(self._cursor) if self._cursor is not None else None
            self._index = min(self._index, last) if found is None else found
            if self.follows:
                held = self.index_of(self._anchor)
                top = last if held is None and self.newest_first else held or 0
            self._top = min(top, max(len(rows) - height, 0))
            if not self.follows:
                self._top = min(max(self._top, self._index - height + 1), self._index)
        if rows:
            self._cursor = self.key(rows[self._index])
            self._hold()
        self._repaint()
        if before != self._cursor:
            self.post_message(self.Moved(self))  # type: ignore[arg-type]

    # -- the filter --------------------------------------------------------------------------

    def filter_by(self, text: str) -> str:
        """Show only what matches; returns what is wrong with the filter, or ''."""
        text = text.strip()
        chosen, error = self.make_filter(text) if text else (None, "")
        if error:
            return error
        self.filter, self.filter_text = chosen, text
        self._looked = -1.0
        return ""

    def make_filter(self, text: str) -> tuple[RowFilter[R], str]:
        """The filter that ``text`` asks for, and what is wrong with it: of words, unless
        a subclass has a language of its own."""
        from agentflow_console.panes.words import Words

        return Words.parse(text, self.haystack)

    def haystack(self, row: R) -> str:
        """What the words of a filter are looked for in."""
        return " ".join(text for text, _ in self.cells(row))

    def passes(self, row: R) -> bool:
        """Whether the filter lets a row through."""
        return self.filter is None or self.filter.matches(row)

    # -- drawing -----------------------------------------------------------------------------

    def forget(self) -> None:
        self._strips.clear()
        self._drawn = []
        self._widths_for = -1

    def forget_rows(self) -> None:
        """Drop the drawn rows: the same rows look different now."""
        self._strips.clear()

    def _repaint(self) -> None:
        """Ask for the lines that differ from what was drawn, neighbours together."""
        if self._widths_for >= 0 and self._titles() != self._drawn_titles:
            self.refresh_body(0)
        wanted = [self._look_of(y) for y in range(self.visible_rows)]
        drawn, self._drawn = self._drawn, wanted
        if len(drawn) != len(wanted):
            self.refresh_body()
            return
        regions, start = [], -1
        cells = self.size.width
        for y, (was, now) in enumerate(zip(drawn, wanted, strict=True)):
            if was == now:
                if start >= 0:
                    regions.append(Region(0, start + 2, cells, y - start))
                    start = -1
            elif start < 0:
                start = y
        if start >= 0:
            regions.append(Region(0, start + 2, cells, len(wanted) - start))
        if regions:
            self.refresh(*regions)

    def _look_of(self, y: int) -> object:
        """All that line ``y`` of the rows depends on."""
        index = self._top + y
        thumb = self._thumb(y)
        if index >= len(self.rows):
            return (None, thumb, self.empty() if not self.rows else "")
        row = self.rows[index]
        return (*self._cells_of(row), index == self._index, thumb)

    def _cells_of(self, row: R) -> list[Piece]:
        known = self._strips.get(self.key(row))
        if known is not None and (known[0] is row or known[0] == row):
            return known[2]
        return self.cells(row)

    def body_strip(self, y: int, cells: int) -> Strip:
        if self._widths_for != cells:
            self._widths = lay_out(self.columns, cells - 2)
            self._widths_for = cells
        if y == 0:
            self._drawn_titles = self._titles()
            return self.framed(self._drawn_titles, cells)
        index = self._top + y - 1
        if not self.rows:
            return self.framed(self._nothing(y - 1, cells), cells)
        if index >= len(self.rows):
            return self.framed([], cells)
        row = self.rows[index]
        cursor, thumb = index == self._index, self._thumb(y - 1)
        key = self.key(row)
        known = self._strips.get(key)
        looks = (cursor, thumb)
        if known is not None and known[1] == looks and known[0] == row:
            return known[3]
        pieces = self.cells(row)
        strip = self.framed(self._line(pieces, cells, cursor, thumb), cells)
        if len(self._strips) > _KEPT:
            self._strips.clear()
        self._strips[key] = (row, looks, pieces, strip)
        return strip

    def _line(self, pieces: list[Piece], cells: int, cursor: bool, thumb: str) -> list[Piece]:
        palette = self.palette
        over: Style | None = None
        if cursor:
            over = palette.cursor if self.has_focus else palette.cursor_away
        plain = palette.text + over if over else palette.text
        line: list[Piece] = [(">" if cursor else " ", plain)]
        used = 1
        for (text, style), column, size in zip(pieces, self.columns, self._widths, strict=True):
            if not size:
                continue
            if used > 1:
                line.append((" " * GAP, plain))
                used += GAP
            if self.shift and column.share and column is self.columns[-1]:
                text = text[self.shift :]
            line.append((fit(text, size, column.align), style + over if over else style))
            used += size
        line.append((" " * (cells - used - 1), plain))
        line.append((thumb, palette.faint))
        return line

    def _titles(self) -> list[Piece]:
        style = self.palette.heading
        names = [
            fit(column.title, size, column.align)
            for column, size in zip(self.columns, self._widths, strict=True)
            if size
        ]
        return [(" " + (" " * GAP).join(names), style)]

    def _nothing(self, y: int, cells: int) -> list[Piece]:
        lines = self.empty().split("\n")
        if y >= len(lines):
            return []
        style = self.palette.text if y == 0 else self.palette.muted
        return [(" " + crop(lines[y], cells - 2), style)]

    def _thumb(self, y: int) -> str:
        """The mark at the right that shows which part of the rows is in view."""
        height, total = self.visible_rows, len(self.rows)
        if total <= height or not height:
            return " "
        size = max(height * height // total, 1)
        start = round((height - size) * self._top / max(total - height, 1))
        return "▐" if start <= y < start + size else " "

    def foot(self) -> str:
        if len(self.rows) <= self.visible_rows:
            return ""
        return f"{grouped(self._index + 1)} of {grouped(len(self.rows))}"

    @property
    def noted(self) -> bool:
        return bool(self.filter_text)

    def note(self) -> str:
        return f"/{self.filter_text}" if self.filter_text else ""

    # -- the mouse ---------------------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        """A click selects, a second one opens."""
        index = self._top + event.y - 2
        if event.y < 2 or index >= len(self.rows):
            return
        event.stop()
        self._place(index)
        if event.chain == 2:
            self.post_message(self.Opened(self))  # type: ignore[arg-type]


def grouped(number: int) -> str:
    """``5 000`` for 5000: digits in groups, with a space that is not a comma anywhere."""
    return f"{number:,}".replace(",", " ")

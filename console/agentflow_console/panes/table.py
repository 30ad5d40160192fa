"""TablePane: a pane of rows under column titles, with a cursor that stays with its row.

The cursor holds the key of a row, never a line number: rows may come, go and change places
around it. A stream follows its newest row until the cursor leaves it; from then on the view
stands still while rows go on arriving.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, TypeVar

from textual.message import Message

from agentflow_console.panes.rows import RowsPane

if TYPE_CHECKING:
    from textual import events

    from agentflow_console.store import Store

R = TypeVar("R")


class TablePane(RowsPane[R]):
    """Rows under column titles. Subclasses say where rows come from and what their cells are."""

    follows = False
    """Whether it is a stream: it follows its newest row, and stands still otherwise."""
    newest_first = True
    """Of a stream: whether the newest row is at the top."""

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
        self.following = self.follows
        self._cursor: Hashable = None
        self._anchor: Hashable = None  # key of the first visible row, which a stream holds on to

    # -- what a subclass says --------------------------------------------------------------

    def fetch(self, store: Store) -> Sequence[R] | None:
        """The rows to show, in order; None when they are the same as last time."""
        raise NotImplementedError

    # -- the cursor ------------------------------------------------------------------------

    @property
    def selected(self) -> R | None:
        """The row under the cursor."""
        if not self.rows:
            return None
        return self.rows[min(self._index, len(self.rows) - 1)]

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

"""RowsPane: draws rows under column titles, and only those lines again that changed."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TypeVar

from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip

from agentflow_console.panes.base import Piece
from agentflow_console.panes.columns import GAP, Column, lay_out
from agentflow_console.panes.filtering import Filtering
from agentflow_console.text import crop, fit

R = TypeVar("R")

_KEPT = 2_000  # strips; a screenful is a fiftieth of that


class RowsPane(Filtering[R]):
    """Rows from ``_top`` on, the one at ``_index`` with the cursor; strips are kept by key."""

    columns: tuple[Column, ...] = ()

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.rows: Sequence[R] = ()
        self.shift = 0
        self._index = 0  # where the cursor's row was last seen
        self._top = 0  # index of the first visible row
        self._strips: dict[Hashable, tuple[object, object, list[Piece], Strip]] = {}
        self._drawn: list[object] = []
        self._drawn_titles: list[Piece] = []
        self._widths: list[int] = []
        self._widths_for = -1

    def key(self, row: R) -> Hashable:
        """What makes a row the same row next time."""
        raise NotImplementedError

    def empty(self) -> str:
        """What to say, and what to do, when there are no rows."""
        return "Nothing yet."

    @property
    def visible_rows(self) -> int:
        """Lines for rows, the column titles left out."""
        return max(self.body_height - 1, 0)

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

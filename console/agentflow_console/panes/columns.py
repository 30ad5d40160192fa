"""Columns: how the cells of a row share the width there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

GAP = 2
"""Blank cells between two columns."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    It is ``cells`` wide at least; what is left of the width goes to the columns with a
    ``share``, up to ``most`` cells each. Where the width is too small, columns with the
    highest ``drop`` go first; 0 stays always.
    """

    title: str
    cells: int
    align: str = "<"
    drop: int = 0
    share: int = 0
    most: int = 10_000


def lay_out(columns: Sequence[Column], cells: int) -> list[int]:
    """The width of each column, 0 for one that is left out, GAP between them included."""
    kept = [True] * len(columns)

    def needed() -> int:
        widths = [column.cells + GAP for column, keep in zip(columns, kept, strict=True) if keep]
        return sum(widths) - GAP

    for drop in sorted({column.drop for column in columns if column.drop}, reverse=True):
        if needed() <= cells:
            break
        for index, column in enumerate(columns):
            if column.drop == drop:
                kept[index] = False
    widths = [column.cells if keep else 0 for column, keep in zip(columns, kept, strict=True)]
    _share_out(columns, widths, cells - needed())
    return widths


def _share_out(columns: Sequence[Column], widths: list[int], left: int) -> None:
    while left > 0:
        growing = [
            index
            for index, column in enumerate(columns)
            if column.share and 0 < widths[index] < column.most
        ]
        if not growing:
            return
        total = sum(columns[index].share for index in growing)
        start = left
        for index in growing:
            column = columns[index]
            more = min(max(start * column.share // total, 1), column.most - widths[index], left)
            widths[index] += more
            left -= more
    if left < 0:  # too narrow even so: the growing columns give way
        for index, column in enumerate(columns):
            if column.share and widths[index]:
                widths[index] = max(widths[index] + left, 1)
                return

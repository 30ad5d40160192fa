"""Table: a list of rows that knows when it last changed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")


class Table(list[T]):
    """A list with a ``revision``, so that a pane redraws only what is new.

    ``capacity`` bounds the rows that ``append_all`` keeps (0 for no bound); what falls
    out at the old end is counted in ``dropped``.
    """

    def __init__(self, capacity: int = 0) -> None:
        super().__init__()
        self.capacity = capacity
        self.revision = 0
        self.dropped = 0

    def replace_all(self, rows: Iterable[T]) -> None:
        """Hold these rows from now on; the revision moves only if they differ."""
        rows = list(rows)
        if rows != self:
            self[:] = rows
            self.revision += 1

    def append_all(self, rows: Iterable[T]) -> None:
        """Add newer rows at the end and let go of the oldest beyond the capacity."""
        before = len(self)
        self.extend(rows)
        if len(self) == before:
            return
        self.revision += 1
        over = len(self) - self.capacity
        if self.capacity and over > 0:
            del self[:over]
            self.dropped += over

    def reset(self) -> None:
        """Forget every row, and what was dropped."""
        if self:
            self.clear()
            self.revision += 1
        self.dropped = 0

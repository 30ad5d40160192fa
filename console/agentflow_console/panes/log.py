"""The log: what handlers print and log, and what the engine says, newest last."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, cast

from agentflow.telemetry.snapshot import LogRow
from agentflow_console import show
from agentflow_console.panes.base import Piece
from agentflow_console.panes.columns import Column
from agentflow_console.panes.table import TablePane, grouped
from agentflow_console.text import safe

if TYPE_CHECKING:
    from agentflow_console.store import Store


class LogPane(TablePane[LogRow]):
    """A view on the lines that were kept."""

    period = 0.05
    columns = (
        Column("TIME", 12, drop=2),
        Column("LEVEL", 7),
        Column("SOURCE", 12, drop=1, share=1, most=24),
        Column("TEXT", 20, share=8),
    )
    follows = True
    newest_first = False
    filterable = True
    filter_id = "log"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._seen: object = None
        self._total = 0
        self._missed = 0

    def key(self, row: LogRow) -> Hashable:
        return row.seq

    def index_of(self, key: Hashable) -> int | None:
        index = bisect_left(self.rows, cast("int", key), key=lambda row: row.seq)
        return index if index < len(self.rows) and self.rows[index].seq == key else None

    def fetch(self, store: Store) -> Sequence[LogRow] | None:
        seen = (store.log.revision, self.filter_text)
        if seen == self._seen:
            return None
        self._seen = seen
        self._total, self._missed = len(store.log), store.log_missed + store.log.dropped
        return [row for row in store.log if self.passes(row)]

    def haystack(self, row: LogRow) -> str:
        return f"{row.level} {row.source} {row.text}"

    def heading(self) -> str:
        return "Log · follow" if self.following else "Log"

    def note(self) -> str:
        dropped = f"{grouped(self._missed)} older lines dropped" if self._missed else ""
        if not self.filter_text:
            return dropped
        found = f"{grouped(len(self.rows))}/{grouped(self._total)} match"
        return f"{found} · /{safe(self.filter_text, 60)}"

    def empty(self) -> str:
        if self.filter_text:
            return f"No line matches /{self.filter_text}\n/ changes the filter, esc clears it"
        return "Nothing was printed or logged yet.\nprint() and context.logger end up here."

    def cells(self, row: LogRow) -> list[Piece]:
        palette = self.palette
        style = palette.state(row.level)
        return [
            (show.clock(row.time), palette.muted),
            (safe(row.level, 12), style),
            (safe(row.source, 60), palette.muted),
            (safe(row.text.rstrip("\n"), 600), style),
        ]

    def copy_text(self) -> str:
        row = self.selected
        return "" if row is None else row.text

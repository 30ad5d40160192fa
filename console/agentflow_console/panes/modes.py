"""The modes: how often each ran, how long it took, how often it failed."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from agentflow.telemetry.snapshot import ModeRow
from agentflow_console import show
from agentflow_console.panes.base import Piece
from agentflow_console.panes.columns import Column
from agentflow_console.panes.table import TablePane
from agentflow_console.text import safe

if TYPE_CHECKING:
    from agentflow_console.store import Store


class ModesPane(TablePane[ModeRow]):
    """Every mode that an event ran under."""

    title = "Modes"
    columns = (
        Column("MODE", 13, share=1, most=24),
        Column("NOW", 4, ">", drop=2),
        Column("EVENTS", 6, ">"),
        Column("EV/S", 5, ">"),
        Column("MEAN", 5, ">"),
        Column("P50", 5, ">", drop=3),
        Column("P95", 5, ">"),
        Column("P99", 5, ">", drop=1),
        Column("FAIL", 5, ">"),
    )

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._seen = -1

    def key(self, row: ModeRow) -> Hashable:
        return row.mode

    def fetch(self, store: Store) -> Sequence[ModeRow] | None:
        if store.modes.revision == self._seen:
            return None
        self._seen = store.modes.revision
        return list(store.modes)

    def empty(self) -> str:
        return "No event has ended yet."

    def cells(self, row: ModeRow) -> list[Piece]:
        palette = self.palette
        text, muted = palette.text, palette.muted
        return [
            (safe(row.mode, 40), text),
            (str(row.in_flight), palette.running if row.in_flight else muted),
            (show.count(row.count), text),
            (show.rate(row.rate), text if row.rate else muted),
            *((show.duration(seconds) if row.count else "—", text)
              for seconds in (row.mean, row.p50, row.p95, row.p99)),
            (show.count(row.errors), palette.dead if row.errors else muted),
        ]  # fmt: skip

    def copy_text(self) -> str:
        row = self.selected
        return "" if row is None else f"{row.mode} {row.count} events, {row.errors} failed"

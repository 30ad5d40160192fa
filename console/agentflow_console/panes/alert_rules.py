"""The alert rules of the file: what each watches, how it stands, and since when."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from agentflow.telemetry.snapshot import AlertRow
from agentflow_console import show
from agentflow_console.panes.base import Piece
from agentflow_console.panes.columns import Column
from agentflow_console.panes.table import TablePane
from agentflow_console.text import safe

if TYPE_CHECKING:
    from rich.style import Style

    from agentflow_console.store import Store

_MARKS = {"ok": "✓", "pending": "…", "firing": "!"}


class AlertRulesPane(TablePane[AlertRow]):
    """Every rule, firing or not."""

    title = "Alerts"
    period = 0.5
    columns = (
        Column("ALERT", 12, share=1, most=30),
        Column("STATE", 9),
        Column("SINCE", 8, drop=2),
        Column("NOW", 7, ">"),
        Column("LIMIT", 18, share=1, most=30, drop=1),
        Column("WATCHES", 12, share=1, most=40, drop=3),
    )

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._seen: list[AlertRow] | None = None

    def key(self, row: AlertRow) -> Hashable:
        return row.name

    def fetch(self, store: Store) -> Sequence[AlertRow] | None:
        rows = store.snapshot.alert_rules if store.snapshot is not None else []
        if rows == self._seen:
            return None
        self._seen = rows
        return rows

    def empty(self) -> str:
        return "No rule in the file: [[console.alerts]] makes one."

    def cells(self, row: AlertRow) -> list[Piece]:
        palette = self.palette
        text, muted = palette.text, palette.muted
        state = f"{_MARKS.get(row.state, '·')} {row.state}"
        return [
            (safe(row.name, 60), palette.strong if row.state == "firing" else text),
            (state, self._style(row)),
            (show.clock_short(row.since) if row.since else "—", muted),
            (safe(row.value, 20) or "—", text),
            (safe(row.limit, 60), muted),
            (safe(row.watches, 200), muted),
        ]

    def _style(self, row: AlertRow) -> Style:
        palette = self.palette
        if row.state == "firing":
            return {"critical": palette.error, "info": palette.accent}.get(
                row.severity, palette.warning
            )
        return palette.held if row.state == "pending" else palette.success

    def copy_text(self) -> str:
        row = self.selected
        if row is None:
            return ""
        return row.sentence or f"{row.name}: {row.state}, {row.watches} {row.value}, {row.limit}"

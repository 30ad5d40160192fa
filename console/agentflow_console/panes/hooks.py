"""The hooks: callbacks on the hook points, what they vetoed and where they failed."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from agentflow.telemetry.snapshot import HookRow
from agentflow_console import show
from agentflow_console.panes.base import Piece
from agentflow_console.panes.columns import Column
from agentflow_console.panes.table import TablePane
from agentflow_console.text import safe

if TYPE_CHECKING:
    from agentflow_console.store import Store


class HooksPane(TablePane[HookRow]):
    """Every callback that is registered."""

    columns: tuple[Column, ...] = (
        Column("HOOK POINT", 11, share=1, most=14),
        Column("CALLBACK", 8, share=3, most=40),
        Column("FIRED", 5, ">"),
        Column("VETO", 4, ">"),
        Column("P95", 5, ">", drop=1),
        Column("ERR", 4, ">"),
    )
    wide = (
        Column("HOOK POINT", 19, share=1, most=22),
        Column("CALLBACK", 12, share=2, most=40),
        Column("FIRED", 6, ">"),
        Column("VETOED", 6, ">"),
        Column("P95", 5, ">"),
        Column("ERRORS", 6, ">"),
        Column("LAST", 4, ">", drop=1),
        Column("LAST ERROR", 20, share=6, drop=2),
    )
    filterable = True
    filter_id = "hooks"

    def __init__(self, *, full: bool = False, id: str | None = None) -> None:
        super().__init__(id=id)
        self.full = full
        if full:
            self.columns = self.wide
        self._seen: object = None
        self._now = 0.0
        self.total = 0

    def key(self, row: HookRow) -> Hashable:
        return (row.hook, row.name)

    def fetch(self, store: Store) -> Sequence[HookRow] | None:
        now = store.snapshot.time if store.snapshot else 0.0
        seen = (store.hooks.revision, self.filter_text, int(now) if self.full else 0)
        if seen == self._seen:
            return None
        self._seen, self._now, self.total = seen, now, len(store.hooks)
        if self.full:
            self.forget_rows()
        return [row for row in store.hooks if self.passes(row)]

    def haystack(self, row: HookRow) -> str:
        return f"{row.hook} {row.name} {row.last_error}"

    def heading(self) -> str:
        return f"Hooks {self.total}"

    def empty(self) -> str:
        if self.filter_text:
            return f"No hook matches /{self.filter_text}\n/ changes the filter, esc clears it"
        return "No callbacks.\nrunner.register_callback(HookPoint.…, name, callback) adds one."

    def cells(self, row: HookRow) -> list[Piece]:
        palette = self.palette
        text, muted = palette.text, palette.muted
        cells: list[Piece] = [
            (safe(row.hook if self.full else row.hook.removesuffix("Handling"), 40), text),
            (safe(row.name, 80), text),
            (show.count(row.fired), text if row.fired else muted),
            (show.count(row.vetoed), palette.warning if row.vetoed else muted),
            (show.duration(row.p95) if row.fired else "—", text if row.fired else muted),
            (show.count(row.errors), palette.dead if row.errors else muted),
        ]
        if self.full:
            last = show.ago(max(self._now - row.last_time, 0)) if row.last_time else "—"
            cells += [(last, muted), (safe(row.last_error, 300), palette.dead)]
        return cells

    def copy_text(self) -> str:
        row = self.selected
        return "" if row is None else f"{row.hook} {row.name} {row.last_error}".strip()

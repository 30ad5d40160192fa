"""The breakpoints, and the events that are stopped at them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from agentflow.telemetry.snapshot import BreakpointRow, StopRow
from agentflow_console import show
from agentflow_console.panes.base import Piece
from agentflow_console.panes.columns import Column
from agentflow_console.panes.table import TablePane
from agentflow_console.text import safe

if TYPE_CHECKING:
    from agentflow_console.store import Store


class BreakpointsPane(TablePane[BreakpointRow]):
    """Every breakpoint, in the order of their numbers."""

    columns = (
        Column("NO", 3, ">"),
        Column("", 5),
        Column("HOOK", 10, share=1, most=19),
        Column("AGENT", 8, share=1, most=24),
        Column("MODE", 7, drop=1),
        Column("WHEN", 10, share=3),
        Column("HITS", 9, ">"),
    )

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._seen: object = None
        self._on_quit = "release"

    def key(self, row: BreakpointRow) -> Hashable:
        return row.number

    def fetch(self, store: Store) -> Sequence[BreakpointRow] | None:
        on_quit = store.snapshot.on_quit if store.snapshot else "release"
        seen = (store.breakpoints.revision, on_quit)
        if seen == self._seen:
            return None
        self._seen, self._on_quit = seen, on_quit
        return list(store.breakpoints)

    def heading(self) -> str:
        return f"Breakpoints {len(self.rows)}"

    def note(self) -> str:
        does = "go on" if self._on_quit == "release" else "are kept"
        return f"at the end stopped events {does}"

    def empty(self) -> str:
        return "No breakpoints.\nn makes one; b sets one from any agent, hook, event or span."

    def cells(self, row: BreakpointRow) -> list[Piece]:
        palette = self.palette
        live = row.enabled and not row.note
        text = palette.text if live else palette.muted
        hits = f"{row.hits}" if row.stop_at == 1 else f"{row.hits}/{row.stop_at}"
        return [
            (str(row.number), palette.muted),
            ("● on" if row.enabled else "○ off", palette.held if live else palette.muted),
            (safe(row.hook, 30), text),
            (safe(row.agent, 60) or "any", text if row.agent else palette.muted),
            (row.mode or "any", text if row.mode else palette.muted),
            (safe(row.when or row.note, 200), text if row.when else palette.muted),
            (hits, palette.held if row.hits else palette.muted),
        ]

    def copy_text(self) -> str:
        row = self.selected
        return "" if row is None else f"{row.number} {row.hook} {row.agent or '*'} {row.when}"


class StopsPane(TablePane[StopRow]):
    """Every stopped event, the one that waits longest first."""

    columns = (
        Column("EVENT", 6, ">"),
        Column("BP", 3, ">"),
        Column("HOOK", 10, share=1, most=19),
        Column("AGENT", 8, share=1, most=24),
        Column("WAITS", 6, ">", drop=1),
        Column("", 7, drop=2),
        Column("ERROR OR DATA", 12, share=4),
    )

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._seen: object = None
        self._now = 0.0

    def key(self, row: StopRow) -> Hashable:
        return row.number

    def fetch(self, store: Store) -> Sequence[StopRow] | None:
        snapshot = store.snapshot
        stops = snapshot.stops if snapshot is not None else []
        now = snapshot.time if snapshot is not None else 0.0
        seen = (stops, int(now) if stops else 0)
        if seen == self._seen:
            return None
        self._seen, self._now = seen, now
        self.forget_rows()
        return stops

    def heading(self) -> str:
        return f"Stopped events {len(self.rows)}"

    def empty(self) -> str:
        return "No event is stopped.\nOne that comes to a breakpoint waits here; others go on."

    def cells(self, row: StopRow) -> list[Piece]:
        palette = self.palette
        marks = " ".join(["edited"] * row.edited + ["skip"] * row.skip)
        return [
            (str(row.seq), palette.text),
            (str(row.breakpoint), palette.muted),
            (safe(row.hook, 30), palette.held),
            (safe(row.agent, 60), palette.text),
            (show.duration(max(self._now - row.since, 0.0)), palette.muted),
            (marks, palette.success),
            (safe(row.error or row.data, 300), palette.error if row.error else palette.muted),
        ]

    def copy_text(self) -> str:
        row = self.selected
        if row is None:
            return ""
        return f"{row.seq} {row.event_id} {row.hook} {row.agent}: {row.error or row.data}"

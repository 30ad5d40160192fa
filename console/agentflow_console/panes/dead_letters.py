"""The dead letters: what ended without success, newest first."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from agentflow.control import DeadDetail
from agentflow.telemetry.snapshot import DeadRow
from agentflow_console import show
from agentflow_console.palette import Palette
from agentflow_console.panes.base import Piece
from agentflow_console.panes.columns import Column
from agentflow_console.panes.document import Lines
from agentflow_console.panes.json_lines import json_lines
from agentflow_console.panes.prose import fact, paragraph, section, traceback, values
from agentflow_console.panes.table import TablePane
from agentflow_console.text import safe

if TYPE_CHECKING:
    from agentflow_console.store import Store

_GLYPHS = {"dead": "✗", "replayed": "↻", "dropped": "–"}


class DeadLettersPane(TablePane[DeadRow]):
    """Every dead letter, the handled ones too."""

    columns = (
        Column("NO", 4, ">"),
        Column("WHEN", 8, drop=2),
        Column("AGENT", 10, share=1, most=24),
        Column("STATUS", 10),
        Column("TRIES", 5, ">", drop=3),
        Column("VER", 4, ">", drop=4),
        Column("ERROR", 20, share=4),
    )
    filterable = True
    filter_id = "dead_letters"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._seen: object = None
        self._silent = True  # nothing was heard of the engine so far
        self.total = 0

    def key(self, row: DeadRow) -> Hashable:
        return row.number

    def fetch(self, store: Store) -> Sequence[DeadRow] | None:
        seen = (store.dead.revision, self.filter_text, store.snapshot is None)
        if seen == self._seen:
            return None
        self._silent = store.snapshot is None
        self._seen, self.total = seen, len(store.dead)
        return [row for row in reversed(store.dead) if self.passes(row)]

    def haystack(self, row: DeadRow) -> str:
        return f"{row.number} {row.agent} {row.target} {row.status} {row.error} {row.data}"

    def heading(self) -> str:
        return f"Dead letters {self.total}"

    def empty(self) -> str:
        if self.filter_text:
            return (
                f"No dead letter matches /{self.filter_text}\n/ changes the filter, esc clears it"
            )
        return "No dead letters: whatever ended, ended well.\nOne that fails for good appears here."

    def cells(self, row: DeadRow) -> list[Piece]:
        palette = self.palette
        handled = row.status != "dead"
        text = palette.muted if handled else palette.text
        return [
            (str(row.number), text),
            (show.clock_short(row.time), palette.muted),
            (safe(row.agent or row.target, 60), text),
            (status(row.status), palette.muted if handled else palette.dead),
            (str(row.attempts), palette.muted),
            (f"v{row.version}", palette.muted),
            (safe(row.error, 300), palette.muted if handled else palette.error),
        ]

    def copy_text(self) -> str:
        row = self.selected
        return "" if row is None else f"{row.number} {row.agent or row.target}: {row.error}"


def status(word: str) -> str:
    """The glyph and the word of what became of a dead letter."""
    return f"{_GLYPHS.get(word, '·')} {safe(word, 20)}"


def dead_lines(row: DeadRow, detail: DeadDetail | None, palette: Palette, cells: int) -> Lines:
    """A dead letter in full; from the row alone until the detail is there."""
    style = palette.dead if row.status == "dead" else palette.muted
    lines: Lines = [
        [
            (" " + status(row.status), style),
            ("  " + safe(row.agent or row.target, 60), palette.strong),
        ]
    ]
    lines += fact("Died", show.clock(row.time), palette, cells)
    lines += fact("Target", row.target, palette, cells)
    lines += fact("Tried", f"{row.attempts} time{'' if row.attempts == 1 else 's'}", palette, cells)
    lines += fact("Config", f"v{row.version}", palette, cells)
    lines += fact("Session", row.session, palette, cells)
    lines += fact("Event", row.event_id, palette, cells)
    lines += section("Error", palette, cells)
    error = detail.error if detail is not None and detail.error else row.error
    lines += paragraph((error, palette.error), palette, cells)
    if detail is None:
        lines += section("Data", palette, cells)
        return lines + paragraph((row.data, palette.muted), palette, cells)
    if detail.error_trace:
        lines += traceback(detail.error_trace, palette, cells)
    lines += section("Data", palette, cells)
    lines += json_lines(detail.event.get("data") or {}, palette, cells)
    if metadata := detail.event.get("metadata"):
        lines += section("Metadata", palette, cells)
        lines += values(metadata, palette, cells)
    return lines

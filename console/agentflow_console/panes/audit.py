"""The audit: what operators did, and what came of it, newest first."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from agentflow.telemetry.snapshot import AuditRow
from agentflow_console import show
from agentflow_console.audit_export import exported
from agentflow_console.commands import title_of
from agentflow_console.json_files import as_lines
from agentflow_console.palette import Palette
from agentflow_console.panes.base import Piece
from agentflow_console.panes.columns import Column
from agentflow_console.panes.document import Lines
from agentflow_console.panes.prose import fact
from agentflow_console.panes.table import TablePane
from agentflow_console.text import safe

if TYPE_CHECKING:
    from agentflow_console.store import Store


class AuditPane(TablePane[AuditRow]):
    """One line for each thing that somebody did or tried."""

    columns = (
        Column("WHEN", 8),
        Column("WHO", 8, drop=2, share=1, most=16),
        Column("ACTION", 10, share=1, most=32),
        Column("TARGET", 10, share=1, most=28),
        Column("OUTCOME", 10, share=1, most=24),
        Column("WHAT CAME OF IT", 16, drop=1, share=6),
    )
    follows = True
    filterable = True
    filter_id = "audit"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._seen: object = None
        self._silent = True  # nothing was heard of the engine so far
        self.total = 0

    def key(self, row: AuditRow) -> Hashable:
        return row.seq

    def fetch(self, store: Store) -> Sequence[AuditRow] | None:
        seen = (store.audit.revision, self.filter_text, store.snapshot is None)
        if seen == self._seen:
            return None
        self._silent = store.snapshot is None
        self._seen, self.total = seen, len(store.audit)
        return [row for row in reversed(store.audit) if self.passes(row)]

    def haystack(self, row: AuditRow) -> str:
        words = (
            row.operator,
            row.action,
            title_of(row.action),
            row.target,
            row.detail,
            row.outcome,
            row.why,
            row.change,
        )
        return " ".join(words)

    def heading(self) -> str:
        return f"Audit {self.total}"

    def empty(self) -> str:
        if self._silent:
            return "The engine has not said anything yet."
        if self.filter_text:
            return f"Nothing matches /{self.filter_text}\n/ changes the filter, esc clears it"
        return (
            "Nobody changed anything yet.\ni injects an event, p pauses an agent, m swaps the mode."
        )

    def cells(self, row: AuditRow) -> list[Piece]:
        palette = self.palette
        return [
            (show.clock_short(row.time), palette.muted),
            (safe(row.operator, 60) or "—", palette.text),
            (safe(row.action, 60), palette.primary),
            (safe(row.target, 120) or "—", palette.text),
            outcome(row, palette),
            (safe(_came_of(row), 300), palette.muted),
        ]

    def copy_text(self) -> str:
        row = self.selected
        if row is None:
            return ""
        return next(as_lines([exported(row)])).rstrip()


def _came_of(row: AuditRow) -> str:
    """The answer, with what it took back and the operator's reason."""
    back = f" (takes back no. {row.undid})" if row.undid else ""
    return f"{row.detail}{back}" + (f" · {row.why}" if row.why else "")


def outcome(row: AuditRow, palette: Palette) -> Piece:
    """What came of it: done, or why not."""
    if row.outcome == "done":
        return ("✓ done", palette.success)
    return (f"✗ {safe(row.outcome, 300)}", palette.error)


_PLACES = {"event": "its trace", "agent": "the agent", "version": "the version",
           "dead": "the dead letter", "breakpoint": "the breakpoints"}  # fmt: skip


def about_words(row: AuditRow) -> str:
    """Where enter goes from here, '' for nowhere."""
    return _PLACES.get(row.about.partition(":")[0], "")


def audit_lines(row: AuditRow, palette: Palette, cells: int, *, undone: int = 0) -> Lines:
    """One thing that was done, in full; ``undone`` is the number of what took it back."""
    lines: Lines = [[(" " + safe(title_of(row.action), 80), palette.strong)]]
    lines += fact("Number", str(row.seq), palette, cells)
    lines += fact("When", show.clock(row.time), palette, cells)
    lines += fact("Who", row.operator or "nobody named", palette, cells)
    lines += fact("Why", row.why, palette, cells)
    lines += fact("Command", row.action, palette, cells)
    lines += fact("Target", row.target, palette, cells)
    lines += fact("Changed", row.change, palette, cells)
    lines += fact("Answer", row.detail, palette, cells)
    lines += fact("Outcome", outcome(row, palette), palette, cells)
    lines += fact("Takes back", f"no. {row.undid}" if row.undid else "", palette, cells)
    lines += fact("Undone by", f"no. {undone}" if undone else "", palette, cells)
    lines += fact("About", row.about.partition(":")[2], palette, cells)
    if where := about_words(row):
        lines += [[], [(f" ↵ shows {where}", palette.muted)]]
    return lines

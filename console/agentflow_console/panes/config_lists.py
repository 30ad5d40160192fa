"""The versions of the configuration, and the problems of its file."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING

from agentflow.telemetry.snapshot import ProblemRow, VersionRow
from agentflow_console import show
from agentflow_console.panes.base import Piece
from agentflow_console.panes.columns import Column
from agentflow_console.panes.config_text import advice
from agentflow_console.panes.table import TablePane
from agentflow_console.text import crop_left, safe

if TYPE_CHECKING:
    from agentflow_console.store import Store


class VersionsPane(TablePane[VersionRow]):
    """What ran, and what was refused; the latest first."""

    columns = (
        Column("VER", 7),
        Column("WHEN", 8, drop=2),
        Column("MODE", 9, drop=4, share=1, most=13),
        Column("CAUSE", 8, drop=3, share=1, most=16),
        Column("WHAT CHANGED", 24, share=4),
    )

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._seen: object = None
        self.running = 0
        self.suffix = ""

    def heading(self) -> str:
        return f"History{self.suffix}"

    def key(self, row: VersionRow) -> Hashable:
        return (row.number, row.time)

    def fetch(self, store: Store) -> Sequence[VersionRow] | None:
        running = store.config.version if store.config else 0
        seen = (store.versions.revision, running)
        if seen == self._seen:
            return None
        self._seen, self.running = seen, running
        self.forget_rows()
        return sorted(store.versions, key=lambda row: row.time, reverse=True)

    def empty(self) -> str:
        return "No version yet: no engine has started."

    def note(self) -> str:
        return f"v{self.running} runs" if self.running else ""

    def cells(self, row: VersionRow) -> list[Piece]:
        palette = self.palette
        runs, refused = row.number == self.running, not row.number
        style = palette.dead if refused else palette.strong if runs else palette.text
        tried = row.state == "canary"
        if row.state == "ended":
            style = palette.muted
        sign = "●" if runs else "◐" if tried else " "
        name = "✗ —" if refused else f"{sign} v{row.number}"
        return [
            (name, palette.running if runs else palette.accent if tried else style),
            (show.clock_short(row.time), palette.muted),
            (safe(row.mode, 30), style),
            (safe(row.cause, 60), palette.muted),
            (safe(row.summary, 300), style if refused else palette.text),
        ]

    def copy_text(self) -> str:
        row = self.selected
        if row is None:
            return ""
        return "\n".join([f"v{row.number} {row.cause}: {row.summary}", *row.differences])


class ProblemsPane(TablePane[ProblemRow]):
    """What is wrong in the file; ↵ shows the line."""

    columns = (
        Column("WHERE", 24),
        Column("KEY", 24, share=1, most=36, drop=1),
        Column("WHAT IS WRONG", 60, share=4),
    )

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._problems: list[ProblemRow] = []
        self.suffix = ""

    def key(self, row: ProblemRow) -> Hashable:
        return (row.path, row.line, row.column, row.key, row.message)

    def fetch(self, store: Store) -> Sequence[ProblemRow] | None:
        problems = list(store.config.problems) if store.config else []
        if problems == self._problems:
            return None
        self._problems = problems
        return sorted(problems, key=lambda row: (row.severity != "error", row.line, row.column))

    def heading(self) -> str:
        errors = sum(row.severity == "error" for row in self.rows)
        warnings = len(self.rows) - errors
        parts = []
        if errors:
            parts.append(f"{errors} error{'' if errors == 1 else 's'}")
        if warnings:
            parts.append(f"{warnings} warning{'' if warnings == 1 else 's'}")
        return (" · ".join(parts) or "No problems") + self.suffix

    def empty(self) -> str:
        return "The file is right."

    def cells(self, row: ProblemRow) -> list[Piece]:
        palette = self.palette
        style = palette.error if row.severity == "error" else palette.warning
        return [
            (crop_left(where(row), self._widths[0] if self._widths else 30), palette.text),
            (safe(row.key, 120), palette.muted),
            (f"{'✗' if row.severity == 'error' else '!'} {advice(row)}", style),
        ]

    def copy_text(self) -> str:
        row = self.selected
        return "" if row is None else f"{row.path}:{row.line}:{row.column} {row.key} {advice(row)}"


def where(row: ProblemRow) -> str:
    """``file:line:column``, as editors and terminals open it."""
    return f"{safe(PurePath(row.path).name, 80)}:{row.line}:{row.column}"

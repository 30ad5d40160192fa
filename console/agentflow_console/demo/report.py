"""Report: the audit as one Markdown file, whole at any moment and complete at the end."""

from __future__ import annotations

import os
import platform
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from agentflow_console.demo.verdict import count

NAME = "stdlib-audit-report.md"
VARIABLE = "STDLIB_AUDIT_REPORT"


@dataclass(frozen=True, slots=True)
class Entry:
    """What the report says of one module; ``score`` is None when nothing was measured."""

    module: str
    package: str
    section: str
    score: int | None = None
    lines: int = 0


class Report:
    """The modules that were audited and those that could not be read.

    A module has one entry: adding it again replaces what was there, so an event that is
    handled twice changes nothing.
    """

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._unreadable: dict[str, str] = {}
        self._written = ""

    def add(self, entry: Entry) -> None:
        """Take in a module's entry."""
        self._entries[entry.module] = entry
        self._unreadable.pop(entry.module, None)

    def add_unreadable(self, module: str, reason: str) -> None:
        """Take in a module that could not be audited, and why."""
        self._unreadable[module] = " ".join(reason.split())
        self._entries.pop(module, None)

    def render(self) -> str:
        """The whole report: totals, packages, what could not be read, then every module."""
        parts = [self._totals(), self._packages()]
        if self._unreadable:
            parts.append("## Could not be audited\n")
            parts.append(
                "".join(f"- `{name}`: {why}\n" for name, why in sorted(self._unreadable.items()))
            )
        if self._entries:
            parts.append("## Modules\n")
            parts += [entry.section for _, entry in sorted(self._entries.items())]
        return "\n".join(parts)

    def write(self, path: Path) -> None:
        """Put the report at ``path`` in one step: a reader sees the old one or the new one.

        Does nothing when it would not change. Raises OSError.
        """
        text = self.render()
        if text == self._written and path.exists():
            return
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as file:
            file.write(text)
        Path(file.name).chmod(0o644)
        Path(file.name).replace(path)
        self._written = text

    def _totals(self) -> str:
        entries = self._entries.values()
        lines = sum(entry.lines for entry in entries)
        return (
            f"# Audit of the standard library of Python {platform.python_version()}\n\n"
            f"{count(len(entries), 'module')} audited, {count(lines, 'line')}, "
            f"mean score {_mean(entries)}; "
            f"{len(self._unreadable):,} could not be audited.\n"
        )

    def _packages(self) -> str:
        packages: dict[str, list[Entry]] = defaultdict(list)
        for entry in self._entries.values():
            packages[entry.package].append(entry)
        rows = [
            f"| {name} | {len(found):,} | {sum(entry.lines for entry in found):,} "
            f"| {_mean(found)} |\n"
            for name, found in sorted(packages.items())
        ]
        return "".join(["| package | modules | lines | score |\n", "|---|---:|---:|---:|\n", *rows])


def report_path() -> Path:
    """$STDLIB_AUDIT_REPORT, else in the current folder, else (not writable) a temporary one."""
    if named := os.environ.get(VARIABLE):
        return Path(named)
    here = Path.cwd()
    return (here if os.access(here, os.W_OK) else Path(tempfile.gettempdir())) / NAME


def _mean(entries: Iterable[Entry]) -> str:
    scores = [entry.score for entry in entries if entry.score is not None]
    return f"{sum(scores) / len(scores):.0f}" if scores else "–"


REPORT = Report()
"""The one report of this process: the publisher adds modules, a hook adds what failed."""

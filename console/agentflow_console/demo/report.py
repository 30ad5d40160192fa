"""Report: the audit as one Markdown file, whole at any moment and complete at the end."""

from __future__ import annotations

import json
import os
import platform
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from agentflow_console.demo.verdict import count

NAME = "stdlib-audit-report.md"
VARIABLE = "STDLIB_AUDIT_REPORT"
TITLE = f"# Audit of the standard library of Python {platform.python_version()}"

_MARK = re.compile(r"^<!-- (\[.*\]) -->\n", re.MULTILINE)
_UNREADABLE = re.compile(r"^- `(.+?)`: (.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Entry:
    """What the report says of one module; ``score`` is None when nothing was measured."""

    module: str
    package: str
    section: str
    score: int | None = None
    lines: int = 0


class Report:
    """The modules that were audited and those that could not be.

    A module has one entry: adding it again replaces what was there, so an event that is
    handled twice changes nothing.
    """

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._unreadable: dict[str, str] = {}
        self._path: Path | None = None
        self._written = ""

    def open(self, path: Path) -> None:
        """Go on with the report that stands at ``path``; if there is none, begin one.

        So nothing is lost when the engine starts anew in the middle of an audit. A report
        of another Python is begun anew. Raises OSError.
        """
        if path == self._path:
            return
        entries: dict[str, Entry] = {}
        unreadable: dict[str, str] = {}
        text = path.read_text("utf-8") if path.exists() else ""
        if text.startswith(TITLE):
            head, *marked = _MARK.split(text)
            unreadable = dict(_UNREADABLE.findall(head))
            for mark, section in zip(marked[::2], marked[1::2], strict=True):
                module, package, score, lines = json.loads(mark)
                entries[module] = Entry(module, package, section.rstrip("\n") + "\n", score, lines)
        if self._path is None:  # what came before the first opening belongs into this report
            entries.update(self._entries)
            unreadable.update(self._unreadable)
        self._path, self._written = path, ""
        self._entries, self._unreadable = entries, unreadable

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
        # Copied at once: it is written in a thread while modules go on being added.
        entries = [entry for _, entry in sorted(self._entries.items())]
        unreadable = sorted(self._unreadable.items())
        lines = sum(entry.lines for entry in entries)
        parts = [
            f"{TITLE}\n\n{count(len(entries), 'module')} audited, {count(lines, 'line')}, "
            f"mean score {_mean(entries)}; {len(unreadable):,} could not be audited.\n",
            _packages(entries),
        ]
        if unreadable:
            failures = "".join(f"- `{module}`: {reason}\n" for module, reason in unreadable)
            parts += ["## Could not be audited\n", failures]
        if entries:
            parts += ["## Modules\n", *map(_marked, entries)]
        return "\n".join(parts)

    def write(self) -> None:
        """Replace the file in one step: a reader sees the old report or the new one.

        Does nothing when nothing is in it, or when it would not change. Raises OSError.
        """
        path = self._path
        if path is None or not (self._entries or self._unreadable):
            return
        text = self.render()
        if text == self._written and path.exists():
            return
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as file:
            file.write(text)
        Path(file.name).chmod(0o644)  # temporary files are private, a report is not
        Path(file.name).replace(path)
        self._written = text


def report_path() -> Path:
    """$STDLIB_AUDIT_REPORT, else in the current folder, else (not writable) a temporary one."""
    if named := os.environ.get(VARIABLE):
        return Path(named)
    here = Path.cwd()
    return (here if os.access(here, os.W_OK) else Path(tempfile.gettempdir())) / NAME


def _packages(entries: list[Entry]) -> str:
    packages: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        packages[entry.package].append(entry)
    rows = [
        f"| {name} | {len(found):,} | {sum(entry.lines for entry in found):,} | {_mean(found)} |\n"
        for name, found in sorted(packages.items())
    ]
    return "".join(["| package | modules | lines | score |\n", "|---|---:|---:|---:|\n", *rows])


def _marked(entry: Entry) -> str:
    """The section, with a comment before it that ``open`` reads back."""
    facts = json.dumps([entry.module, entry.package, entry.score, entry.lines])
    return f"<!-- {facts} -->\n{entry.section}"


def _mean(entries: Iterable[Entry]) -> str:
    scores = [entry.score for entry in entries if entry.score is not None]
    return f"{sum(scores) / len(scores):.0f}" if scores else "–"


REPORT = Report()
"""The one report of this process: the publisher adds modules, a hook adds what failed."""

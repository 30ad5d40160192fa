"""Report: the audit as one Markdown file, whole at any moment and complete at the end."""

from __future__ import annotations

import json
import os
import platform
import re
import tempfile
import threading
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentflow_console.demo.unwritten import Unwritten
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
    handled twice changes nothing. Once a report is opened, what is added is on disk when
    ``add`` returns, even if the process is killed before the next ``write``.
    """

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._unreadable: dict[str, str] = {}
        self._path: Path | None = None
        self._unwritten: Unwritten | None = None
        self._written = ""
        self._lock = threading.RLock()

    @property
    def modules(self) -> set[str]:
        """All that it tells of."""
        with self._lock:
            return {*self._entries, *self._unreadable}

    def open(self, path: Path) -> None:
        """Go on with the report that stands at ``path``; if there is none, begin one.

        So nothing is lost when the engine starts anew in the middle of an audit. A report
        of another Python is begun anew. Raises OSError.
        """
        with self._lock:
            if path == self._path:
                return
            before = self._entries, self._unreadable
            first = self._path is None
            self._entries, self._unreadable = _read(path)
            self._path, self._written = path, ""
            self._unwritten = Unwritten(path.with_name(f"{path.name}.unwritten"), TITLE)
            for fields in self._unwritten.read():
                self._take(fields)
            if first:  # what came before the first opening belongs into this report
                self._entries.update(before[0])
                self._unreadable.update(before[1])
            if self._unwritten.path.exists():
                self._finish()

    def add(self, entry: Entry) -> None:
        """Take in a module's entry. Raises OSError."""
        self._keep([entry.module, entry.package, entry.section, entry.score, entry.lines])

    def add_unreadable(self, module: str, reason: str) -> None:
        """Take in a module that could not be audited, and why. Raises OSError."""
        self._keep([module, " ".join(reason.split())])

    def _keep(self, fields: list[Any]) -> None:
        with self._lock:
            self._take(fields)
            unwritten = self._unwritten
        if unwritten is not None:
            unwritten.add(fields)

    def _take(self, fields: list[Any]) -> None:
        module = fields[0]
        self._entries.pop(module, None)
        self._unreadable.pop(module, None)
        if len(fields) == 2:
            self._unreadable[module] = fields[1]
        else:
            self._entries[module] = Entry(*fields)

    def render(self) -> str:
        """The whole report: totals, packages, what could not be read, then every module."""
        with self._lock:  # it is written while modules go on being added
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
        # Always the same name: what a killed process leaves is overwritten by the next one.
        fresh = path.with_name(f".{path.name}.new")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        with open(os.open(fresh, flags, 0o644), "w", encoding="utf-8") as file:  # noqa: PTH123
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        self._written = text

    def close(self) -> None:
        """Write it as a whole; whoever opens it next goes on from there. Raises OSError."""
        with self._lock:
            if self._path is None:
                return
            self._finish()
            self._path = self._unwritten = None
            self._entries, self._unreadable = {}, {}

    def _finish(self) -> None:
        """Write all of it, so that nothing is left that was not written."""
        if self._unwritten is not None:
            lines = self._unwritten.lines
            self.write()
            self._unwritten.remove(lines)


def take_in(what: Entry | tuple[str, str]) -> None:
    """Let this process's report have an entry, or a module that can't be audited and why.

    It is opened if it wasn't: only now, because before its first event an engine may be
    waiting for another one that still writes the same file. On disk when this returns.
    Raises OSError.
    """
    REPORT.open(report_path())
    if isinstance(what, Entry):
        REPORT.add(what)
    else:
        REPORT.add_unreadable(*what)


def _read(path: Path) -> tuple[dict[str, Entry], dict[str, str]]:
    """The entries of the report at ``path`` and what could not be audited."""
    text = path.read_text("utf-8") if path.exists() else ""
    if not text.startswith(TITLE):
        return {}, {}
    head, *marked = _MARK.split(text)
    entries = {}
    for mark, section in zip(marked[::2], marked[1::2], strict=True):
        module, package, score, lines = json.loads(mark)
        entries[module] = Entry(module, package, section.rstrip("\n") + "\n", score, lines)
    return entries, dict(_UNREADABLE.findall(head))


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

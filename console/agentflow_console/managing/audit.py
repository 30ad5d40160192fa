"""The audit from the command line: what operators did, listed or exported, engine or not."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from agentflow.durations import parse_duration, parse_time
from agentflow.journal.reading import open_for_reading
from agentflow.telemetry.snapshot import AuditRow
from agentflow_console.arguments import UsageError
from agentflow_console.audit_export import exported
from agentflow_console.journals import shown
from agentflow_console.json_files import as_lines
from agentflow_console.managing.place import find_journal
from agentflow_console.managing.words import when
from agentflow_console.text import crop, fit, safe

_ALL = 1_000_000
_CELLS = 80


def audit(flags: Namespace) -> int:
    """Print what operators did, the oldest first. Raises UsageError, JournalError."""
    path = find_journal(flags.file, flags.journal)
    since = moment(flags.since) if flags.since else 0.0
    with open_for_reading(path) as reader:  # beside an engine that writes, too
        rows = list(_wanted(reader.audit(_ALL), flags, since))
    if flags.format == "json":
        sys.stdout.writelines(as_lines(map(exported, rows)))
        return 0
    _print(rows, path)
    return 0


def _wanted(rows: list[AuditRow], flags: Namespace, since: float) -> Iterator[AuditRow]:
    for row in rows:
        if row.time < since:
            continue
        if flags.by and row.operator not in flags.by:
            continue
        if flags.action and row.action not in flags.action:
            continue
        yield row


def _print(rows: list[AuditRow], path: Path) -> None:
    if rows:
        print("   NO  WHEN                 WHO           WHAT                  OUTCOME   DETAIL")
    for row in rows:
        what = " ".join(part for part in (row.action, row.target) if part)
        print(
            f"{row.seq:>5}  {when(row.time)}  {fit(safe(row.operator), 12)}  "
            f"{fit(safe(what), 20)}  {fit(safe(row.outcome), 8)}  "
            f"{crop(safe(row.detail), _CELLS)}".rstrip()
        )
        for name, value in (
            ("change", row.change),
            ("why", row.why),
            ("takes back", f"no. {row.undid}" if row.undid else ""),
        ):
            if value:
                print(f"{'':28}{name}: {crop(safe(value), _CELLS + 30)}")
    number = f"{len(rows):,} action{'s'[: len(rows) != 1]}"
    print(f"{number} in {safe(shown(path))}", file=sys.stderr)


def moment(text: str) -> float:
    """``text`` as seconds since the epoch: "2h" is two hours ago, else RFC 3339 or a date.

    A time without a zone is local. Raises UsageError.
    """
    try:
        return time.time() - parse_duration(text)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text).astimezone(UTC).timestamp()
    except ValueError:
        pass
    try:
        return parse_time(text).timestamp()
    except ValueError:
        raise UsageError(
            f"--since {text[:60]!r} is neither a duration such as 2h nor a moment such as "
            "2026-03-01T12:00"
        ) from None

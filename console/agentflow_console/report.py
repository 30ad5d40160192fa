"""Report: what a run without a terminal prints, line by line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Protocol, TextIO

import msgspec

from agentflow.telemetry.snapshot import AlertRow, EventRow, LogRow, Snapshot
from agentflow_console.show import clock, duration, state
from agentflow_console.text import crop, fit, safe

_AGENT_CELLS = 16
_DATA_CELLS = 100


class Report(Protocol):
    """One way to print a run."""

    def show(self, snapshot: Snapshot) -> None:
        """What happened since the last one."""

    def bad_line(self, number: int, what: str) -> None:
        """A line of the input is no event."""

    def end(self, summary: dict[str, Any]) -> None:
        """The run is over."""


class TextReport:
    """Lines for people: time, state, number, agent, duration, and the data or the error."""

    def __init__(self, out: TextIO, err: TextIO) -> None:
        self._out = out
        self._err = err

    def show(self, snapshot: Snapshot) -> None:
        """A line for each event that ended; the log goes to the other stream."""
        if snapshot.log:
            self._err.write("".join(f"{self._log(row)}\n" for row in snapshot.log))
            self._err.flush()
        if snapshot.settled:
            self._out.write("".join(f"{self._event(row)}\n" for row in snapshot.settled))
            self._out.flush()

    def bad_line(self, number: int, what: str) -> None:
        """A line of the input is no event."""
        self._err.write(f"line {number}: {safe(what)}\n")
        self._err.flush()

    def end(self, summary: dict[str, Any]) -> None:
        """Where all the events are, in one line."""
        counts = summary["counts"]
        parts = [f"{counts['accepted']:,} accepted", f"{counts['succeeded']:,} succeeded"]
        parts += [
            f"{counts[key]:,} {key}" for key in ("dead", "queued", "held", "running") if counts[key]
        ]
        if summary["bad_lines"]:
            parts.append(f"{summary['bad_lines']:,} bad lines")
        if summary["not_shown"]:
            parts.append(f"{summary['not_shown']:,} not shown")
        self._out.write(f"{', '.join(parts)} in {duration(summary['duration'])}\n")
        self._out.flush()

    def _event(self, row: EventRow) -> str:
        agent = fit(safe(row.target or row.at or "-"), _AGENT_CELLS)
        said = safe(row.error) if row.error else crop(safe(row.data), _DATA_CELLS)
        return (
            f"{clock(row.time + row.duration)}  {state(row.state):<11}  #{row.seq:<6} {agent}  "
            f"{duration(row.duration):>7}  {said}"
        ).rstrip()

    def _log(self, row: LogRow) -> str:
        return f"{clock(row.time)}  {row.level:<7}  {safe(row.source)}: {safe(row.text)}"


_UNSAFE = re.compile(
    "[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
"""Control characters that JSON leaves as they are, what turns text around, half characters."""


class JsonReport:
    """Lines for programs: one object each, the last one with the counts."""

    def __init__(self, out: TextIO, err: TextIO) -> None:
        self._out = out
        self._err = err
        self._alerts: dict[str, int] = {}  # transitions of each that were told

    def show(self, snapshot: Snapshot) -> None:
        """An object for each event that ended, each line of the log, each alert that changed."""
        self._write(
            {"type": "alert", **msgspec.structs.asdict(row)} for row in self._changed(snapshot)
        )
        self._write(_row("log", row) for row in snapshot.log)
        self._write(_row("event", row) for row in snapshot.settled)

    def _changed(self, snapshot: Snapshot) -> list[AlertRow]:
        told = self._alerts
        changed = [row for row in snapshot.alert_rules if told.get(row.name, 0) != row.transitions]
        told.update((row.name, row.transitions) for row in changed)
        return [row for row in changed if row.transitions]

    def bad_line(self, number: int, what: str) -> None:
        """A line of the input is no event: an object, and a line for people as well."""
        self._write([{"type": "bad_line", "line": number, "error": what}])
        self._err.write(f"line {number}: {safe(what)}\n")
        self._err.flush()

    def end(self, summary: dict[str, Any]) -> None:
        """The last object."""
        self._write([summary])

    def _write(self, rows: Iterable[dict[str, Any]]) -> None:
        text = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
        if text:
            # Still the same JSON, but nothing that a terminal would obey.
            self._out.write(_UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text))
            self._out.flush()


def _row(kind: str, row: EventRow | LogRow) -> dict[str, Any]:
    fields = msgspec.structs.asdict(row)
    fields["time"] = datetime.fromtimestamp(row.time, UTC).isoformat(timespec="milliseconds")
    return {"type": kind, **fields}

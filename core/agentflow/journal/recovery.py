"""Recovery: what a journal holds, read when it is opened."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Set
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from agentflow.journal.checking import Broken, Damage
from agentflow.journal.records import DeadRecord, Mark, Recovery
from agentflow.journal.rest import Rest, read_open
from agentflow.journal.schema import Tip, crc_of, number, open_from
from agentflow.telemetry.snapshot import AuditRow

DEAD_KEPT = 10_000
AUDIT_KEPT = 500
VERSIONS_KEPT = 100

NOBODY: Set[int] = frozenset()
NOTHING: Mapping[int, int] = MappingProxyType({})

_decode = msgspec.msgpack.decode


def read(
    db: sqlite3.Connection,
    tip: Tip,
    path: Path,
    page: int,
    running: Set[int] = NOBODY,
    ended: Mapping[int, int] = NOTHING,
) -> Recovery:
    """What is in ``db``, which is at ``path``; of the open events the first ``page``.

    ``running`` are the events that ran when the process died, ``ended`` says how many runs
    of an event were over then, though that may not have got to the disk.
    Raises Broken when one of the open events is damaged, and sqlite3.Error.
    """
    open, broken = read_open(db, tip.low, page)
    if broken:
        raise Broken([Damage("events", len(broken)).sentence()])
    marks, redelivered = read_marks(db, tip.low, running, ended)
    return Recovery(
        open=open,
        rest=Rest.after(db, path, tip.low, open[-1].seq) if len(open) == page else None,
        marks=marks,
        dead=read_dead(db, DEAD_KEPT),
        versions=read_versions(db, VERSIONS_KEPT),
        audit=read_audit(db, AUDIT_KEPT),
        feeds=read_feeds(db),
        facts=read_facts(db),
        next_seq=max(
            tip.seq,
            number(db, "SELECT max(seq) FROM events"),
            number(db, "SELECT max(seq) FROM settlements"),
        )
        + 1,
        next_dead=max(tip.dead, number(db, "SELECT max(number) FROM dead_letters")) + 1,
        redelivered=redelivered,
        damage=[],
        clean=bool(tip.clean),
    )


def read_marks(
    db: sqlite3.Connection, low: int, running: Set[int], ended: Mapping[int, int]
) -> tuple[dict[int, Mark], int]:
    """What is behind the open events that have begun; how many of them had when it died."""
    marks: dict[int, Mark] = {}
    open = open_from(low)
    for seq, tries, due, crc in db.execute(
        "SELECT seq, tries, due, retries.crc FROM retries CROSS JOIN events USING (seq)"
        f" WHERE {open}"
    ):
        if crc == crc_of("retries", seq, tries, due):
            marks[seq] = Mark(tries, due)
    for seq, deliveries, crc in db.execute(
        "SELECT seq, deliveries, deliveries.crc FROM deliveries CROSS JOIN events USING (seq)"
        f" WHERE {open}"
    ):
        if crc == crc_of("deliveries", seq, deliveries):
            marks.setdefault(seq, Mark()).deliveries = deliveries
    begun = sorted({*running, *ended})
    again: set[int] = set()
    for start in range(0, len(begun), 1_000):
        which = ",".join(map(str, begun[start : start + 1_000]))
        rows = db.execute(f"SELECT seq FROM events WHERE {open} AND seq IN ({which})")
        again.update(seq for (seq,) in rows)
    for seq in again:
        mark = marks.setdefault(seq, Mark())
        mark.deliveries += seq in running
        mark.tries += ended.get(seq, 0)
    return marks, len(again)


DEAD_LETTERS = (
    "SELECT d.number, d.body, d.crc, m.status, m.crc FROM dead_letters d"
    " LEFT JOIN dead_marks m ON m.number = d.number"
)


def read_dead(db: sqlite3.Connection, most: int) -> list[DeadRecord]:
    """The newest ``most`` dead letters, oldest first."""
    rows = db.execute(f"{DEAD_LETTERS} ORDER BY d.number DESC LIMIT ?", (most,)).fetchall()
    return list(dead_from(reversed(rows)))


def dead_from(rows: Iterable[tuple[Any, ...]]) -> Iterator[DeadRecord]:
    """The dead letters in these rows, without the damaged ones."""
    for key, body, crc, status, mark_crc in rows:
        if crc == crc_of("dead_letters", key, body):
            record = msgspec.msgpack.decode(body, type=DeadRecord)
            if status is not None and mark_crc == crc_of("dead_marks", key, status):
                record.status = status
            yield record


def read_versions(db: sqlite3.Connection, most: int) -> list[dict[str, Any]]:
    """The newest ``most`` versions, oldest first; of each number what was said of it last."""
    found: dict[Any, dict[str, Any]] = {}
    for _, body in _bodies(db, "versions", most):
        fields = _decode(body)
        found.pop(fields.get("number"), None)
        found[fields.get("number")] = fields
    return list(found.values())


def read_audit(db: sqlite3.Connection, most: int) -> list[AuditRow]:
    """The newest ``most`` rows of the audit, oldest first."""
    return [
        msgspec.structs.replace(_decode(body, type=AuditRow), seq=number)
        for number, body in _bodies(db, "audit", most)
    ]


def read_feeds(db: sqlite3.Connection) -> dict[str, tuple[int, bool]]:
    """How far each feed has been read."""
    rows = db.execute("SELECT name, position, finished, crc FROM feeds")
    return {
        name: (position, bool(finished))
        for name, position, finished, crc in rows
        if crc == crc_of("feeds", name, position, finished)
    }


def read_facts(db: sqlite3.Connection) -> dict[str, bytes]:
    """The small facts."""
    rows = db.execute("SELECT name, value, crc FROM facts")
    return {name: value for name, value, crc in rows if crc == crc_of("facts", name, value)}


def _bodies(db: sqlite3.Connection, table: str, most: int) -> list[tuple[int, bytes]]:
    rows = db.execute(
        f"SELECT number, body, crc FROM {table} ORDER BY number DESC LIMIT ?", (most,)
    ).fetchall()
    return [(number, body) for number, body, crc in reversed(rows) if crc == crc_of(table, body)]

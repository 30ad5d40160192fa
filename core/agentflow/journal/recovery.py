"""Recovery: what a journal holds, read when it is opened."""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Set
from operator import attrgetter
from types import MappingProxyType
from typing import Any
from zlib import crc32

import msgspec

from agentflow.journal.checking import Broken, Damage
from agentflow.journal.codec import UUID_FIRST, id_in, unpacked
from agentflow.journal.records import DeadRecord, Recovery, Stored
from agentflow.journal.schema import Tip, crc_of, is_event, number, open_from
from agentflow.telemetry.snapshot import AuditRow

DEAD_KEPT = 10_000
AUDIT_KEPT = 500
VERSIONS_KEPT = 100

NOBODY: Set[int] = frozenset()
NOTHING: Mapping[int, int] = MappingProxyType({})

_decode = msgspec.msgpack.decode


def read(
    db: sqlite3.Connection, tip: Tip, running: Set[int] = NOBODY, ended: Mapping[int, int] = NOTHING
) -> Recovery:
    """What is in ``db``; ``running`` are the events that ran when the process died.

    ``ended`` says how many runs of an event were over then, though that may not have got to
    the disk.
    Raises Broken when one of the open events is damaged, and sqlite3.Error.
    """
    open, broken = read_open(db, tip.low)
    if broken:
        raise Broken([Damage("events", len(broken)).sentence()])
    redelivered = 0
    by_seq: dict[int, Stored] = {}
    if (
        running
        or ended
        or number(db, "SELECT count(*) FROM deliveries")
        or number(db, "SELECT count(*) FROM retries")
    ):
        by_seq = {stored.seq: stored for stored in open}
    for seq, tries, due, crc in db.execute("SELECT seq, tries, due, crc FROM retries"):
        stored = by_seq.get(seq)
        if stored is not None and crc == crc_of("retries", seq, tries, due):
            stored.tries, stored.due = tries, due
    for seq, deliveries, crc in db.execute("SELECT seq, deliveries, crc FROM deliveries"):
        stored = by_seq.get(seq)
        if stored is not None and crc == crc_of("deliveries", seq, deliveries):
            stored.deliveries = deliveries
    for seq in running:
        stored = by_seq.get(seq)
        if stored is not None:
            stored.deliveries += 1
            redelivered += 1
    for seq, runs in ended.items():
        stored = by_seq.get(seq)
        if stored is not None:
            stored.tries += runs
            redelivered += seq not in running
    return Recovery(
        open=open,
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


def read_open(db: sqlite3.Connection, low: int, most: int = -1) -> tuple[list[Stored], list[int]]:
    """The events from ``low`` on that have no settlement; and the numbers of damaged ones."""
    collecting = gc.isenabled()
    gc.disable()  # it would look through a million rows again and again, and find nothing
    try:
        condition = open_from(low)
        if not number(db, f"SELECT count(*) FROM settlements WHERE seq >= {low}"):
            condition = f"seq >= {low}"
        # Most events have no session but their own, and no key; for those, half the work.
        plain = f"{condition} AND session = '' AND key = ''"
        rows = db.execute(
            f"SELECT seq, rank, body, crc FROM events WHERE {plain} ORDER BY seq LIMIT {most}"
        )
        doubtful: list[int] = []

        def doubt(seq: int) -> bool:
            doubtful.append(seq)
            return False

        try:
            found = [
                Stored(seq, rank, str(body[3:39], "ascii"), body)
                for seq, rank, body, crc in rows
                if (crc32(body, seq) + rank == crc and body[:3] == UUID_FIRST) or doubt(seq)
            ]
        except (TypeError, ValueError):
            found = []
            doubtful.append(0)
        others = f"{condition} AND (session <> '' OR key <> '')"
        if doubtful:
            found, others = [], condition
        broken: list[int] = []
        rows = db.execute(f"SELECT * FROM events WHERE {others} ORDER BY seq LIMIT {most}")
        for row in rows:
            if is_event(row):
                seq, _, rank, session, body, _, _ = row
                found.append(Stored(seq, rank, unpacked(session) if session else id_in(body), body))
            else:
                broken.append(row[0])
        found.sort(key=attrgetter("seq"))
        return found[:most] if most >= 0 else found, broken
    finally:
        if collecting:
            gc.enable()


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

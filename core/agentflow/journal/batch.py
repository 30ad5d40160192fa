"""Batch: what waits to be written, put in order by table, and written with few statements.

SQLite's module lets go of the interpreter around every statement, and a busy event loop
then keeps it for up to five milliseconds: what counts is the number of statements. So one
statement takes many rows. There are a few sizes of it, which stay prepared; what is left
over is filled up with rows of zeros, which every table turns away. And sqlite3 takes
numbers, text and bytearrays as they are, but looks for an adapter for bytes and None.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from copy import copy
from functools import cache
from typing import Any
from zlib import crc32

from agentflow.journal.codec import packed, unpacked
from agentflow.journal.schema import WRITE_TIP, Tip, assign, crc_of, event_crc

ACCEPT, SETTLE, RETRY, DEAD, FEED, STATEMENT, FLUSH, REWRITE = range(8)
"""What a record is; it comes first in the tuple. What follows:

ACCEPT     seq, id, rank, session or "", body, key or "", feed or None, ticket, when
SETTLE     seq, ended, mark, session or None, state or None, dead or None, children (ACCEPTs)
RETRY      seq, tries, due
DEAD       number, body, status
FEED       name, position, finished
STATEMENT  sql, parameters
FLUSH      ticket
REWRITE    seq, body
"""

Record = tuple[Any, ...]
Result = tuple[object, int, "str | BaseException | None"]

_EVENTS = "INSERT OR IGNORE INTO events VALUES {}"
_SETTLEMENTS = "INSERT OR IGNORE INTO settlements VALUES {}"
_DEAD_LETTERS = "INSERT OR IGNORE INTO dead_letters VALUES {}"
_RETRIES = (
    "INSERT OR IGNORE INTO retries VALUES {} ON CONFLICT(seq) DO UPDATE SET"
    " tries=excluded.tries, due=excluded.due, crc=excluded.crc"
)
_SESSIONS = (
    "INSERT OR IGNORE INTO sessions VALUES {} ON CONFLICT(id) DO UPDATE SET"
    " seq=excluded.seq, ended=excluded.ended, state=excluded.state, crc=excluded.crc"
)
_FEEDS = (
    "INSERT OR IGNORE INTO feeds VALUES {} ON CONFLICT(name) DO UPDATE SET"
    " position=excluded.position, finished=excluded.finished, crc=excluded.crc"
)
_MOST = 1024
_SIZES = sorted({*(1 << power for power in range(11)), *(3 << power for power in range(9))})
"""How many rows a statement takes: less than half of them is filled up."""


class Batch:
    """Some records, in order of submission, to be written as one transaction."""

    def __init__(self, records: Sequence[Record], *, spare: bool = False) -> None:
        """``spare`` leaves out what takes room and can be done without."""
        self.events: list[Any] = []
        """Rows, one after the other, of seven values each."""
        self.told: list[Result] = []
        """What everybody who waits is to be told if nothing was there before."""
        self.seq = 0
        self.dead = 0
        self.size = 64 * len(records)
        """About how many bytes it takes."""
        self._settlements: list[Any] = []
        self._dead_letters: list[Any] = []
        self._retries: dict[int, tuple[int, float]] = {}
        self._sessions: dict[str, tuple[int, float, bytes]] = {}
        self._feeds: dict[str, tuple[int, bool]] = {}
        self._others: list[tuple[str, tuple[Any, ...]]] = []
        self._rewritten: dict[int, bytes] = {}
        accept = self._accept
        for record in records:
            if record[0] == ACCEPT:
                accept(record)
            else:
                _TAKE[record[0]](self, record)
        if spare:
            self._sessions.clear()
        ends = (*records[:1], *records[-1:])
        self.since = [record[9] for record in ends if record[0] == ACCEPT]
        """When the first and the last of them began to wait."""

    # -- one record ---------------------------------------------------------------------

    def _accept(self, record: Record) -> None:
        _, seq, id, rank, session, body, key, feed, ticket, _ = record
        if session or key:
            session = packed(session)
            crc = event_crc(seq, rank, session, body, key)
        else:
            crc = crc32(body, seq) + rank
        self.events += (seq, packed(id), rank, session, bytearray(body), crc, key)
        self.told.append((ticket, seq, None))
        self.size += len(body)
        if feed is not None:
            self._feeds[feed[0]] = (feed[1], False)

    def _settle(self, record: Record) -> None:
        _, seq, ended, mark, session, state, dead, children = record
        self._settlements += (seq, ended, mark)
        if session is not None:
            self._sessions[session] = (seq, ended, state)
            self.size += len(state)
        if dead is not None:
            self._bury(dead)
        for child in children:
            self._accept(child)

    def _retry(self, record: Record) -> None:
        _, seq, tries, due = record
        self._retries[seq] = (tries, due)

    def _bury(self, record: Record) -> None:
        _, number, body, status = record
        self.dead = max(self.dead, number)
        self.size += len(body)
        self._dead_letters += (number, bytearray(body), crc_of("dead_letters", number, body))
        if status != "dead":
            self._others.append(mark_dead(number, status))

    def _feed(self, record: Record) -> None:
        _, name, position, finished = record
        self._feeds[name] = (position, finished)

    def _statement(self, record: Record) -> None:
        self._others.append((record[1], record[2]))

    def _flush(self, record: Record) -> None:
        self.told.append((record[1], 0, None))

    def _rewrite(self, record: Record) -> None:
        _, seq, body = record
        self._rewritten[seq] = body
        self.size += len(body)

    # -- all of it ----------------------------------------------------------------------

    def write(self, db: sqlite3.Connection, tip: Tip) -> dict[int, tuple[int, str]]:
        """Write it as one transaction; ``tip`` is brought up to date. sqlite3.Error.

        The events that were there already: number to (number, id) of the earlier one.
        After an error nothing has been written.
        """
        after = copy(tip)
        after.commits += 1
        after.seq = max(tip.seq, self.seq)
        after.dead = max(tip.dead, self.dead)
        duplicates: dict[int, tuple[int, str]] = {}
        db.execute("BEGIN IMMEDIATE")
        try:
            if self.events:
                new = insert(db, _EVENTS, self.events, 7)
                after.events += new
                if new != len(self.events) // 7:
                    duplicates = _duplicates(db, self.events)
            after.settled += insert(db, _SETTLEMENTS, self._settlements, 3)
            insert(db, _DEAD_LETTERS, self._dead_letters, 3)
            insert(db, _RETRIES, self._retry_rows(), 4)
            insert(db, _SESSIONS, self._session_rows(), 5)
            insert(db, _FEEDS, self._feed_rows(), 4)
            for seq, body in self._rewritten.items():
                _rewrite(db, seq, body)
            for sql, parameters in self._others:
                db.execute(sql, parameters)
            db.execute(WRITE_TIP, after.row())
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        assign(tip, after)
        return duplicates

    def results(self, duplicates: dict[int, tuple[int, str]]) -> list[Result]:
        """What everybody who waits is to be told."""
        if not duplicates:
            return self.told
        return [(ticket, *duplicates.get(seq, (seq, None))) for ticket, seq, _ in self.told]

    def _retry_rows(self) -> list[Any]:
        rows: list[Any] = []
        for seq, (tries, due) in self._retries.items():
            rows += (seq, tries, due, crc_of("retries", seq, tries, due))
        return rows

    def _feed_rows(self) -> list[Any]:
        rows: list[Any] = []
        for name, (position, finished) in self._feeds.items():
            crc = crc_of("feeds", name, position, int(finished))
            rows += (name, position, int(finished), crc)
        return rows

    def _session_rows(self) -> list[Any]:
        rows: list[Any] = []
        for session, (seq, ended, state) in self._sessions.items():
            id = packed(session)
            crc = crc_of("sessions", id, seq, state)
            rows += (id, seq, ended, bytearray(state), crc)
        return rows


_TAKE = (
    Batch._accept, Batch._settle, Batch._retry, Batch._bury, Batch._feed, Batch._statement,
    Batch._flush, Batch._rewrite,
)  # fmt: skip


def insert(db: sqlite3.Connection, sql: str, values: list[Any], width: int) -> int:
    """Insert the rows that stand one after the other in ``values``; how many there were."""
    done = 0
    for start in range(0, len(values), _MOST * width):
        part = values[start : start + _MOST * width] if len(values) > _MOST * width else values
        rows = len(part) // width
        size = next(size for size in _SIZES if size >= rows)
        if size > rows:
            part = part + [0] * ((size - rows) * width)
        done += db.execute(_prepared(sql, width, size), part).rowcount
    return done


@cache
def _prepared(sql: str, width: int, size: int) -> str:
    row = "(" + ",".join("?" * width) + ")"
    return sql.format(",".join([row] * size))


def weight(record: Record) -> int:
    """About how many bytes ``record`` takes."""
    kind = record[0]
    if kind == ACCEPT:
        return 64 + len(record[5])
    if kind == SETTLE:
        _, _, _, _, _, state, dead, children = record
        own = 64 + (len(state) if state else 0) + (len(dead[2]) if dead else 0)
        return own + sum(map(weight, children)) if children else own
    return 64 + len(record[2]) if kind in (DEAD, REWRITE) else 256


def mark_dead(number: int, status: str) -> tuple[str, tuple[Any, ...]]:
    """The statement that notes what an operator did with a dead letter."""
    return (
        "INSERT OR REPLACE INTO dead_marks VALUES (?, ?, ?)",
        (number, status, crc_of("dead_marks", number, status)),
    )


def _rewrite(db: sqlite3.Connection, seq: int, body: bytes) -> None:
    """Put another body in the place of an event's; all else of it stays."""
    row = db.execute("SELECT rank, session, key FROM events WHERE seq = ?", (seq,)).fetchone()
    if row is not None:
        rank, session, key = row
        crc = event_crc(seq, rank, session, body, key)
        db.execute("UPDATE events SET body = ?, crc = ? WHERE seq = ?", (bytearray(body), crc, seq))


def _duplicates(db: sqlite3.Connection, events: list[Any]) -> dict[int, tuple[int, str]]:
    """Which of the events are not there under their number, and under which they are."""
    found: dict[int, tuple[int, str]] = {}
    for start in range(0, len(events), 7):
        seq, id, key = events[start], events[start + 1], events[start + 6]
        if db.execute("SELECT 1 FROM events WHERE seq = ? AND id = ?", (seq, id)).fetchone():
            continue
        row = db.execute("SELECT seq, id FROM events WHERE id = ?", (id,)).fetchone()
        if row is None:
            row = db.execute(
                "SELECT seq, id FROM events WHERE key = ? AND key <> ''", (key,)
            ).fetchone()
        found[seq] = (row[0], unpacked(row[1]))
    return found

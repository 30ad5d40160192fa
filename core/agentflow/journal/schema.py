"""Schema: the tables, and how a connection to them is made.

Every row that matters carries a checksum that covers its key, so that a flipped bit can't
turn one event into another, or an unsettled one into a settled one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zlib import crc32

import msgspec

Buffer = bytes | bytearray

APPLICATION = 0x61664A4C  # "afJL"
FORMAT = 1
PAGE = 4096

TABLES = """
CREATE TABLE tip(
  one INTEGER PRIMARY KEY, identity, commits, seq, dead, events, settled, generation, low, clean,
  crc);
CREATE TABLE events(
  seq INTEGER PRIMARY KEY CHECK(seq <> 0), id UNIQUE, rank, session, body, crc, key);
CREATE UNIQUE INDEX events_key ON events(key) WHERE key <> '';
CREATE TABLE settlements(seq INTEGER PRIMARY KEY CHECK(seq <> 0), ended, mark);
CREATE TABLE retries(seq INTEGER PRIMARY KEY CHECK(seq <> 0), tries, due, crc);
CREATE TABLE deliveries(seq INTEGER PRIMARY KEY CHECK(seq <> 0), deliveries, crc);
CREATE TABLE dead_letters(number INTEGER PRIMARY KEY CHECK(number <> 0), body, crc);
CREATE TABLE dead_marks(number INTEGER PRIMARY KEY CHECK(number <> 0), status, crc);
CREATE TABLE sessions(id PRIMARY KEY CHECK(id <> 0), seq, ended, state, crc) WITHOUT ROWID;
CREATE TABLE feeds(name PRIMARY KEY CHECK(name <> 0), position, finished, crc) WITHOUT ROWID;
CREATE TABLE facts(name PRIMARY KEY CHECK(name <> 0), value, crc) WITHOUT ROWID;
CREATE TABLE audit(number INTEGER PRIMARY KEY CHECK(number <> 0), body, crc);
CREATE TABLE versions(number INTEGER PRIMARY KEY CHECK(number <> 0), body, crc);
"""
"""``events.session`` is '' when it is the id, ``key`` when there is none; ``mark`` is the
number times 2, plus 1 if the event succeeded. Every table turns a row of zeros away: those
fill up a statement of many rows.
"""

WRITE_TIP = "INSERT OR REPLACE INTO tip VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

_encode = msgspec.msgpack.Encoder().encode

SYNCHRONOUS = {"power": "FULL", "process": "NORMAL", "none": "OFF"}


class Tip(msgspec.Struct, gc=False):
    """Where the journal stands; written with every transaction."""

    identity: bytes
    """Of this database: no other has the same."""
    commits: int = 0
    """How many transactions there have been."""
    seq: int = 0
    """The highest number of an event."""
    dead: int = 0
    """The highest number of a dead letter."""
    events: int = 0
    """How many rows there are in events."""
    settled: int = 0
    """How many rows there are in settlements."""
    generation: int = 0
    """How often the leases have been taken over."""
    low: int = 0
    """No event with a lower number is open."""
    clean: int = 1
    """1 after an orderly close."""

    def row(self) -> tuple[object, ...]:
        """As it is written."""
        row = msgspec.structs.astuple(self)
        return (*row, crc_of("tip", *row))


def assign(tip: Tip, other: Tip) -> None:
    """Make ``tip`` what ``other`` is."""
    for field in tip.__struct_fields__:
        setattr(tip, field, getattr(other, field))


def read_tip(db: sqlite3.Connection) -> Tip | None:
    """Where the journal stands; None when that can't be trusted. sqlite3.Error."""
    row = db.execute(
        "SELECT identity, commits, seq, dead, events, settled, generation, low, clean, crc"
        " FROM tip WHERE one = 1"
    ).fetchone()
    return None if row is None else tip_of(row)


def tip_of(row: Sequence[Any]) -> Tip | None:
    """The Tip that was written as ``row``; None when it is damaged."""
    return Tip(*row[:-1]) if len(row) == 10 and row[-1] == crc_of("tip", *row[:-1]) else None


def event_crc(seq: int, rank: int, session: str | Buffer, body: Buffer, key: str) -> int:
    """The checksum of a row of events. The id is not in it: it stands in the body, too."""
    if session:
        seq = crc32(session.encode() if isinstance(session, str) else session, seq)
    if key:
        seq = crc32(key.encode(), seq)
    return crc32(body, seq) + rank


def is_event(row: Sequence[Any]) -> bool:
    """Whether (seq, id, rank, session, body, crc, key) is as it was written."""
    seq, _, rank, session, body, crc, key = row
    try:
        return bool(event_crc(seq, rank, session, body, key) == crc)
    except (TypeError, AttributeError, ValueError, OverflowError):
        return False


def crc_of(table: str, *values: object) -> int:
    """The checksum of a row of any other table."""
    return crc32(_encode((table, *values)))


def connect(path: Path, *, synchronous: str = "FULL") -> sqlite3.Connection:
    """A connection that writes. sqlite3.Error.

    Transactions are begun and ended by hand.
    """
    db = sqlite3.connect(
        path, timeout=5.0, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    try:
        for pragma in (
            f"page_size={PAGE}",
            "journal_mode=WAL",
            f"synchronous={synchronous}",
            "wal_autocheckpoint=1000",
            "journal_size_limit=67108864",
            "cache_size=-16000",
            "temp_store=MEMORY",
            "secure_delete=OFF",
            "trusted_schema=OFF",
        ):
            db.execute(f"PRAGMA {pragma}")
    except BaseException:
        db.close()
        raise
    return db


def connect_to_read(path: Path, *, without_log: bool = False) -> sqlite3.Connection:
    """A connection that only reads, also while another process writes. sqlite3.Error.

    ``without_log`` reads the file as if there were no write-ahead log beside it.
    """
    alone = "&immutable=1" if without_log else ""
    db = sqlite3.connect(
        f"file:{quote(str(path))}?mode=ro{alone}", uri=True, timeout=5.0, isolation_level=None
    )
    db.execute("PRAGMA trusted_schema=OFF")
    return db


def create(db: sqlite3.Connection, identity: bytes) -> None:
    """Make the tables in an empty database. ``identity`` tells it from all others."""
    db.execute("BEGIN IMMEDIATE")
    try:
        for statement in statements():
            db.execute(statement)
        db.execute(WRITE_TIP, Tip(identity).row())
        db.execute(f"PRAGMA application_id={APPLICATION}")
        db.execute(f"PRAGMA user_version={FORMAT}")
        db.execute("COMMIT")
    except BaseException:
        db.rollback()
        raise
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def statements() -> list[str]:
    """What makes the tables, as SQLite keeps it."""
    return [statement.strip() for statement in TABLES.split(";") if statement.strip()]


def open_from(low: int) -> str:
    """The condition for the events from this number on that have not been settled."""
    return (
        f"seq >= {low} AND NOT EXISTS (SELECT 1 FROM settlements s"
        " WHERE s.seq = events.seq AND s.mark >> 1 = s.seq)"
    )


def too_new(version: int) -> str:
    """The sentence about a format that only a later version knows."""
    return f"its format, {version}, is newer than what this version reads ({FORMAT})"


def number(db: sqlite3.Connection, question: str) -> int:
    """The one number that ``question`` is answered with (0 for none)."""
    row = db.execute(question).fetchone()
    return int(row[0] or 0) if row else 0

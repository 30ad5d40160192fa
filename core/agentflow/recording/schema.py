"""Schema: the tables of a recording, and how a connection to them is made.

Stories come in chunks: a fraction of a second's worth in one compressed row, with what is
needed to find it without opening it. Every row has a checksum that covers its key.
"""

from __future__ import annotations

import sqlite3
import sys
import zlib
from array import array
from pathlib import Path
from zlib import crc32

import msgspec

from agentflow.journal.schema import connect_to_read, number

__all__ = [
    "APPLICATION", "AUDIT", "CONFIG", "DEAD", "FORMAT", "LOG", "POINT", "TABLES", "connect",
    "connect_to_read", "count_of", "crc_of", "create", "key_of", "keys_of", "number", "pack",
    "unpack", "why_not",
]  # fmt: skip

APPLICATION = 0x61665243  # "afRC"
FORMAT = 1

LEVEL = 1
"""Of the compression: the fastest; the rest of what could be saved is little."""

TABLES = """
CREATE TABLE chunks(
  first INTEGER PRIMARY KEY, last, accepted, began, ended, failed, keys, body, crc);
CREATE TABLE frames(number INTEGER PRIMARY KEY, time, body, crc);
CREATE TABLE news(number INTEGER PRIMARY KEY, stream, time, count, body, crc);
CREATE INDEX news_stream ON news(stream, number);
CREATE TABLE versions(number INTEGER PRIMARY KEY, body, crc);
CREATE TABLE facts(name PRIMARY KEY, value) WITHOUT ROWID;
"""
"""A chunk has the stories ``first`` to ``last``: the earliest was ``accepted`` then, the first
``began`` to be kept and the last ``ended`` then, ``failed`` of them are dead letters; ``keys``
is what ``keys_of`` makes of their ids and sessions. ``news`` are the streams of what is told
once; ``facts`` has what was ``missed``, and whether it is an ``export``.
"""

POINT, LOG, AUDIT, DEAD, CONFIG = range(1, 6)
"""The streams of news."""

_encode = msgspec.msgpack.Encoder().encode


def crc_of(body: bytes, *key: object) -> int:
    """The checksum of a row."""
    return crc32(body, crc32(_encode(key)))


def pack(body: bytes) -> bytes:
    """A body as it is stored."""
    return zlib.compress(body, LEVEL)


def unpack(body: bytes) -> bytes:
    """A body as it was before. Raises ValueError."""
    try:
        return zlib.decompress(body)
    except (zlib.error, TypeError) as error:
        raise ValueError(str(error)) from None


def key_of(text: str) -> int:
    """The four bytes by which a chunk is found that may hold this id or session."""
    return crc32(text.encode("utf-8", "surrogatepass"))


def keys_of(texts: set[int]) -> bytes:
    """The keys of a chunk."""
    found = array("I", sorted(texts))
    if sys.byteorder == "big":
        found.byteswap()
    return found.tobytes()


def connect(path: Path) -> sqlite3.Connection:
    """A connection that writes. sqlite3.Error. Transactions are begun and ended by hand."""
    db = sqlite3.connect(path, timeout=2.0, isolation_level=None, check_same_thread=False)
    try:
        for pragma in (
            "page_size=4096",
            "journal_mode=WAL",
            "synchronous=NORMAL",
            "wal_autocheckpoint=1000",
            "journal_size_limit=16777216",
            "cache_size=-4000",
            "temp_store=MEMORY",
            "trusted_schema=OFF",
        ):
            db.execute(f"PRAGMA {pragma}")
    except BaseException:
        db.close()
        raise
    return db


def count_of(content: object) -> int:
    """How many rows there are in a piece of a stream; 0 if no piece before it is needed."""
    if isinstance(content, list):
        return len(content)
    return int(not getattr(content, "full", False))


def create(db: sqlite3.Connection) -> None:
    """Make the tables in an empty database."""
    db.execute("BEGIN IMMEDIATE")
    try:
        for statement in TABLES.split(";"):
            if statement.strip():
                db.execute(statement)
        db.execute(f"PRAGMA application_id={APPLICATION}")
        db.execute(f"PRAGMA user_version={FORMAT}")
        db.execute("COMMIT")
    except BaseException:
        db.rollback()
        raise


def why_not(db: sqlite3.Connection) -> str:
    """Why this is no recording that can be used, as a clause; '' if it is one. sqlite3.Error."""
    if number(db, "PRAGMA application_id") != APPLICATION:
        return "it is no recording of agentflow"
    version = number(db, "PRAGMA user_version")
    if version > FORMAT:
        return f"its format, {version}, is newer than what this version reads ({FORMAT})"
    for table in ("chunks", "frames", "news", "versions", "facts"):
        db.execute(f"SELECT 1 FROM {table} LIMIT 1")
    return ""

"""Trouble: what an error of the database means for the journal."""

from __future__ import annotations

import sqlite3

FULL, FAILED, BAD_RECORD = "full", "failed", "bad record"

_PASSING = frozenset({
    sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_INTERRUPT,
})  # fmt: skip
_LASTING = frozenset({
    sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_AUTH,
    sqlite3.SQLITE_INTERNAL, sqlite3.SQLITE_NOLFS, sqlite3.SQLITE_SCHEMA,
})  # fmt: skip
_IN_THE_FILE = frozenset({sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def kind_of(error: Exception) -> str:
    """FULL (it may pass: try again), FAILED (never trust it again) or BAD_RECORD."""
    if isinstance(error, MemoryError):
        return FULL
    if not isinstance(error, sqlite3.Error):
        return BAD_RECORD
    code = getattr(error, "sqlite_errorcode", 0)
    if code == sqlite3.SQLITE_IOERR_SHMSIZE or code & 0xFF in _PASSING:
        return FULL
    if code & 0xFF in _LASTING or "no such table" in str(error):
        return FAILED
    return BAD_RECORD


def lies_in_the_file(error: Exception) -> bool:
    """Whether it is about what is in the file, not about the disk, the rights or the room."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    return isinstance(error, sqlite3.DatabaseError) and code in _IN_THE_FILE

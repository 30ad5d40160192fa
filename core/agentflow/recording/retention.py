"""Retention: how long a recording goes back, and how large it may become."""

from __future__ import annotations

import sqlite3
import time

from agentflow.recording import schema

EVERY = 5.0
"""Seconds between two looks."""

_SHARE = 20
"""When it is too large, one in so many chunks goes: the oldest."""


class Retention:
    """Deletes the oldest of a recording. ``seconds`` and ``max_bytes`` are the limits."""

    def __init__(self, seconds: float, max_bytes: int) -> None:
        self.seconds = seconds
        self.max_bytes = max_bytes
        self._looked = time.monotonic()

    def look(self, db: sqlite3.Connection, *, now: float | None = None) -> None:
        """Delete what is too old or too much, if it is time to look. sqlite3.Error.

        ``now``, in seconds since the epoch, has it look at once.
        """
        if now is None:
            if time.monotonic() - self._looked < EVERY:
                return
            now = time.time()
        self._looked = time.monotonic()
        oldest = now - self.seconds
        if schema.number(db, f"SELECT count(*) FROM chunks WHERE ended < {oldest}") or (
            schema.number(db, f"SELECT count(*) FROM frames WHERE time < {oldest}")
        ):
            _delete(db, oldest)
        for _ in range(_SHARE):
            if _used(db) <= self.max_bytes:
                return
            chunks = schema.number(db, "SELECT count(*) FROM chunks")
            skip = max(chunks // _SHARE, 1)
            row = db.execute(
                "SELECT ended FROM chunks ORDER BY first LIMIT 1 OFFSET ?", (min(skip, chunks - 1),)
            ).fetchone()
            frames = schema.number(db, "SELECT max(time) FROM frames")
            if row is None and not frames:
                return
            _delete(db, row[0] if row is not None else frames)


def _used(db: sqlite3.Connection) -> int:
    """Bytes that the content takes, without the room that is free in the file."""
    pages = schema.number(db, "PRAGMA page_count") - schema.number(db, "PRAGMA freelist_count")
    return pages * schema.number(db, "PRAGMA page_size")


def _delete(db: sqlite3.Connection, before: float) -> None:
    """Delete what ended before this time, but not what is needed to know how things were then."""
    db.execute("BEGIN IMMEDIATE")
    try:
        db.execute("DELETE FROM chunks WHERE ended < ?", (before,))
        db.execute("DELETE FROM frames WHERE time < ?", (before,))
        for stream in (schema.POINT, schema.LOG, schema.AUDIT):
            db.execute("DELETE FROM news WHERE stream = ? AND time < ?", (stream, before))
        for stream, complete in ((schema.CONFIG, 1), (schema.DEAD, 0)):
            db.execute(
                "DELETE FROM news WHERE stream = ?1 AND number < (SELECT max(number) FROM news"
                " WHERE stream = ?1 AND count = ?2 AND time < ?3)",
                (stream, complete, before),
            )
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise

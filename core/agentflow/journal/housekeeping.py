"""Housekeeping: what has ended long ago goes; and how much room is left."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from copy import copy
from pathlib import Path

from agentflow.journal.batch import Batch
from agentflow.journal.schema import PAGE, WRITE_TIP, Tip, assign, number, open_from

CHUNK = 1_000
"""Rows deleted in one transaction."""
PAUSE = 60.0
"""Seconds between two looks for what is old enough."""
AUDIT_ROWS = 10_000
VERSION_ROWS = 200
_ROOM = 256 * 1024
"""Bytes that must be free on the disk before a journal that was full accepts again."""
_NEAR = 1 << 20
"""So close to the limit, every commit looks how much room is left."""
_LEAST_PORTION, _MOST_PORTION = 256 * 1024, 8 << 20
_LOW_STEP = 20_000
_LAST_LOOK = 0.5
"""Seconds that an orderly end may take to find from where on events are open."""


class Housekeeping:
    """For one database.

    ``retention`` is in seconds, ``max_bytes`` the most its file may have, ``now`` the time
    in seconds since the epoch.
    """

    def __init__(
        self,
        path: Path,
        retention: float,
        max_bytes: int,
        now: float,
    ) -> None:
        self._path = path
        self._retention = retention
        self._max_bytes = max_bytes
        # Less for accepting, so that what is under way can end within the limit.
        self._most = max_bytes - max(64 * 1024, max_bytes // 16)
        self._monotonic: Callable[[], float] = time.monotonic
        self._offset = now - time.monotonic()
        self._next_sweep = time.monotonic() + PAUSE
        self._cursor = 0
        self._grown = 0
        """Bytes written since the last look."""
        self._used = self._most  # so that the first commit looks
        self._full = False

    def use(self, monotonic: Callable[[], float]) -> None:
        """Take the time from there."""
        shift = monotonic() - self._monotonic()
        self._monotonic = monotonic
        self._offset -= shift
        self._next_sweep += shift

    def time(self) -> float:
        """Seconds since the epoch, by the clock that ``open`` was told the time of."""
        return self._monotonic() + self._offset

    def written(self, batch: Batch) -> None:
        """Note what has been written."""
        self._grown += batch.size

    # -- room ---------------------------------------------------------------------------

    @property
    def portion(self) -> int:
        """Bytes that one transaction should have at most."""
        return max(_LEAST_PORTION, min(_MOST_PORTION, (self._most - self._used - self._grown) // 4))

    def crowded(self, db: sqlite3.Connection, tip: Tip) -> str:
        """Why nothing more is to be accepted, or ''. Makes room if it can. sqlite3.Error."""
        # Rows and indices take more than what is in them: twice as much, to be safe.
        left = self._most - self._used - 2 * self._grown
        if left > _NEAR and not self._full and self._grown < _MOST_PORTION:
            return ""
        self._look(db)
        if self._used > self._most:
            enough = self._most - self._max_bytes // 32
            self._cursor = 0  # what is older may have ended since
            while self._used > enough and self._delete(db, tip, float("inf")):
                self._look(db)
        if self._used > self._most:
            self._full = True
            return (
                f"it has reached its limit of {self._max_bytes / 1e6:,.0f} MB,"
                " and nothing more of it has ended"
            )
        if self._full:
            free = free_bytes(self._path)
            if free < _ROOM:
                return f"the disk is full ({free:,} bytes left)"
            self._full = False
        return ""

    def why_full(self, error: Exception) -> str:
        """In words; called when writing has failed for want of room."""
        self._full = True
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (
            sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED,
        ):  # fmt: skip
            return "another program keeps the database locked"
        if isinstance(error, MemoryError):
            return "there is no memory left"
        return f"the disk is full ({free_bytes(self._path):,} bytes left)"

    def _look(self, db: sqlite3.Connection) -> None:
        used = number(db, "PRAGMA page_count") - number(db, "PRAGMA freelist_count")
        self._used = used * PAGE
        self._grown = 0

    # -- what is old --------------------------------------------------------------------

    def sweep(self, db: sqlite3.Connection, tip: Tip) -> bool:
        """Delete a chunk of what is old, if it is time; whether there is more. sqlite3.Error."""
        now = self._monotonic()
        if now < self._next_sweep:
            return False
        if self._delete(db, tip, self.time() - self._retention):
            return True
        self._next_sweep = now + PAUSE
        self._cursor = 0
        for table, rows in (("audit", AUDIT_ROWS), ("versions", VERSION_ROWS)):
            db.execute(
                f"DELETE FROM {table} WHERE number <= (SELECT max(number) FROM {table}) - ?",
                (rows,),
            )
        return False

    def _delete(self, db: sqlite3.Connection, tip: Tip, before: float) -> int:
        """Delete the next chunk of what ended before then; how many events that were."""
        rows = db.execute(
            "SELECT seq, ended FROM settlements WHERE seq > ? AND mark >> 1 = seq"
            " ORDER BY seq LIMIT ?",
            (self._cursor, CHUNK),
        ).fetchall()
        old = [seq for seq, ended in rows if ended < before]
        if not old:
            self._cursor = 0
            return 0
        self._cursor = rows[-1][0]
        first, last = old[0], old[-1]
        which = (
            f"seq IN (SELECT seq FROM settlements WHERE seq BETWEEN {first} AND {last}"
            " AND mark >> 1 = seq AND ended < ?)"
        )
        after = copy(tip)
        after.commits += 1
        after.low = low_water(db, tip)
        db.execute("BEGIN IMMEDIATE")
        try:
            db.execute(
                "DELETE FROM sessions WHERE id IN (SELECT iif(session = '', id, session)"
                f" FROM events WHERE {which}) AND seq <= {last} AND ended < ?",
                (before, before),
            )
            for table in ("retries", "deliveries"):
                db.execute(f"DELETE FROM {table} WHERE {which}", (before,))
            after.events -= db.execute(f"DELETE FROM events WHERE {which}", (before,)).rowcount
            after.settled -= db.execute(
                f"DELETE FROM settlements WHERE {which}", (before,)
            ).rowcount
            db.execute(WRITE_TIP, after.row())
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        assign(tip, after)
        return len(old)

    # -- the end ------------------------------------------------------------------------

    def finish(self, db: sqlite3.Connection, tip: Tip) -> None:
        """Note the orderly end, and from where on events are open. sqlite3.Error."""
        after = copy(tip)
        end = time.monotonic() + _LAST_LOOK
        while after.low <= tip.seq and time.monotonic() < end:
            low = low_water(db, after)
            if low == after.low:
                break
            after.low = low
        after.clean = 1
        after.commits += 1
        db.execute(WRITE_TIP, after.row())
        assign(tip, after)


def low_water(db: sqlite3.Connection, tip: Tip) -> int:
    """A number below which no event is open: a step on from the one that is known.

    sqlite3.Error.
    """
    low = tip.low
    first = number(
        db,
        f"SELECT seq FROM events WHERE {open_from(low)} AND seq < {low + _LOW_STEP}"
        " ORDER BY seq LIMIT 1",
    )
    return first or min(low + _LOW_STEP, tip.seq + 1)


def free_bytes(path: Path) -> int:
    """Room left on the disk that holds ``path``."""
    disk = os.statvfs(path.parent)
    return disk.f_bavail * disk.f_frsize

"""Rest: the open events of a journal, read a part at a time.

A million of them take seconds to read, and the engine begins with the first of them. What
has not been read yet is known by number: how many of each rank there are.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Container
from contextlib import closing
from pathlib import Path
from zlib import crc32

from agentflow.journal import schema
from agentflow.journal.checking import Broken, Damage
from agentflow.journal.codec import UUID_FIRST, id_in, unpacked
from agentflow.journal.records import Stored
from agentflow.journal.schema import event_crc, number, open_from
from agentflow.journal.trouble import lies_in_the_file

PAGE = 20_000
"""Open events that are read before the engine begins."""

URGENT_MOST = 20_000
"""So many of higher rank, with what belongs to them, are found before the rest is read."""

_NORMAL = 2
_SESSION = "iif(session = '', id, session)"


class Rest:
    """The open events beyond a number: how many there are, and they themselves in order.

    ``unread`` is how many of each rank there were when it was made, ``named`` whether
    there are sessions of more than one event among them.
    """

    def __init__(self, path: Path, low: int, seq: int) -> None:
        self.unread = [0, 0, 0, 0]
        self.named = False
        self._path = path
        self._low = low
        self._seq = seq
        self._last = seq
        self._db: sqlite3.Connection | None = None

    @classmethod
    def after(cls, db: sqlite3.Connection, path: Path, low: int, seq: int) -> Rest | None:
        """What is open in ``db``, at ``path``, beyond number ``seq``; None for nothing."""
        rest = cls(path, low, seq)
        rest._last = number(db, "SELECT max(seq) FROM events")
        condition = rest._open(db)
        total = number(db, f"SELECT count(*) FROM events WHERE {condition}")
        # Most have the normal rank: only the others are told apart.
        critical, high, least = db.execute(
            "SELECT total(rank = 0), total(rank = 1), total(rank = 3) FROM events"
            f" WHERE {condition} AND rank <> {_NORMAL}"
        ).fetchone()
        rest.unread = [int(critical), int(high), 0, int(least)]
        rest.unread[_NORMAL] = total - sum(rest.unread)
        named = f"SELECT EXISTS (SELECT 1 FROM events WHERE {condition} AND session <> '')"
        rest.named = bool(number(db, named))
        return rest if total else None

    def read(self, most: int) -> list[Stored]:
        """The next ones, up to ``most``; none at the end. Raises Broken and sqlite3.Error."""
        try:
            found, broken = read_events(self._connected(), self._open(self._connected()), most)
        except (sqlite3.DatabaseError, ValueError, TypeError) as error:
            if isinstance(error, sqlite3.Error) and not lies_in_the_file(error):
                raise
            raise Broken([f"it can't be read: {error}"]) from None
        if broken:
            raise Broken([Damage("events", len(broken)).sentence()])
        if found:
            self._seq = found[-1].seq
        return found

    def urgent(self) -> tuple[int, list[Stored]]:
        """Those that go before most others, and all of their sessions, in order.

        With them comes the rank that all less urgent ones have at least: 0 when there are
        none, or so many that they had better be read in their turn.
        Raises Broken and sqlite3.Error.
        """
        rank = 0
        while sum(self.unread[: rank + 1]) <= URGENT_MOST and any(self.unread[rank + 1 :]):
            rank += 1
        if not sum(self.unread[:rank]):
            return 0, []
        db = self._connected()
        open = self._open(db)
        theirs = f"{_SESSION} IN (SELECT {_SESSION} FROM events WHERE {open} AND rank < {rank})"
        found, broken = read_events(db, f"{open} AND {theirs}", URGENT_MOST + 1)
        if broken or len(found) > URGENT_MOST:
            return 0, []  # they come in their turn, and so does what is said of the damage
        return rank, found

    def remaining(self, without: Container[int]) -> list[int]:
        """How many of each rank are still there. sqlite3.Error."""
        counts = [0, 0, 0, 0]
        db = self._connected()
        for seq, rank in db.execute(f"SELECT seq, rank FROM events WHERE {self._open(db)}"):
            if seq not in without and rank in (0, 1, 2, 3):
                counts[rank] += 1
        return counts

    def close(self) -> None:
        """Let go of the file, until it is asked again."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _connected(self) -> sqlite3.Connection:
        if self._db is None:
            self._db = schema.connect_to_read(self._path)
        return self._db

    def _open(self, db: sqlite3.Connection) -> str:
        # One lower bound: of two, SQLite may begin at the lower one, again and again.
        return f"{open_in(db, max(self._low, self._seq + 1))} AND seq <= {self._last}"


def open_in(db: sqlite3.Connection, low: int) -> str:
    """The condition for the open events; a cheap one when nothing has been settled."""
    if number(db, f"SELECT EXISTS (SELECT 1 FROM settlements WHERE seq >= {low})"):
        return open_from(low)
    return f"seq >= {low}"


def read_open(db: sqlite3.Connection, low: int, most: int) -> tuple[list[Stored], list[int]]:
    """The first ``most`` open events; and the numbers of damaged ones among them."""
    return read_events(db, open_in(db, low), most)


def read_events(
    db: sqlite3.Connection, condition: str, most: int
) -> tuple[list[Stored], list[int]]:
    """The first ``most`` events for which it holds; the numbers of damaged ones among them."""
    found: list[Stored] = []
    broken: list[int] = []
    with closing(
        db.execute(
            "SELECT seq, rank, session, body, crc, key FROM events"
            f" WHERE {condition} ORDER BY seq LIMIT {most}"
        )
    ) as rows:
        for seq, rank, session, body, crc, key in rows:
            try:
                if session or key:
                    whole = event_crc(seq, rank, session, body, key) == crc
                else:
                    whole = crc32(body, seq) + rank == crc
                if not whole:
                    broken.append(seq)
                elif session:
                    found.append(Stored(seq, rank, unpacked(session), body))
                elif body[:3] == UUID_FIRST:
                    found.append(Stored(seq, rank, str(body[3:39], "ascii"), body))
                else:
                    found.append(Stored(seq, rank, id_in(body), body))
            except (TypeError, AttributeError, ValueError, OverflowError):
                broken.append(seq)
    return found, broken

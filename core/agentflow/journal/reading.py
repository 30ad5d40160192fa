"""Reading: looking into a journal, also while an engine works with it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import msgspec

from agentflow.errors import JournalUnusable
from agentflow.journal import recovery, schema
from agentflow.journal.checking import printable, sentences
from agentflow.journal.codec import packed, unpacked
from agentflow.journal.lock import Owner, owner
from agentflow.journal.records import DeadRecord, Stored
from agentflow.journal.rest import read_open
from agentflow.telemetry.snapshot import AuditRow

__all__ = ["Counts", "Owner", "Reader", "open_for_reading", "owner"]


class Counts(NamedTuple):
    """How many events and dead letters are kept."""

    open: int
    """Accepted and not settled."""
    settled: int
    dead: int


def open_for_reading(path: str | os.PathLike[str]) -> Reader:
    """A Reader of the journal at ``path``. Raises JournalUnusable."""
    path = Path(path)
    if not path.is_file():
        raise JournalUnusable(str(path), "there is no such file")
    try:
        db = schema.connect_to_read(path)
    except sqlite3.Error as error:
        raise JournalUnusable(str(path), str(error)) from None
    try:
        application = schema.number(db, "PRAGMA application_id")
        version = schema.number(db, "PRAGMA user_version")
        tip = schema.read_tip(db)
    except sqlite3.Error as error:
        db.close()
        raise JournalUnusable(str(path), f"it can't be read: {printable(str(error))}") from None
    if application != schema.APPLICATION or not version or tip is None:
        db.close()
        raise JournalUnusable(str(path), "it is no journal of agentflow, or damaged")
    if version > schema.FORMAT:
        db.close()
        raise JournalUnusable(str(path), schema.too_new(version))
    return Reader(path, db)


class Reader:
    """Looks into a journal. Every method reads anew and raises sqlite3.Error.

    A context manager; else ``close`` it.
    """

    def __init__(self, path: Path, db: sqlite3.Connection) -> None:
        self.path = path
        self._db = db

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    @property
    def clean(self) -> bool:
        """Whether the last process that had it open closed it (no while one has it)."""
        tip = schema.read_tip(self._db)
        return tip is not None and bool(tip.clean)

    def counts(self) -> Counts:
        """How many events and dead letters there are."""
        db = self._db
        tip = schema.read_tip(db)
        low = tip.low if tip is not None else 0
        return Counts(
            schema.number(db, f"SELECT count(*) FROM events WHERE {schema.open_from(low)}"),
            schema.number(db, "SELECT count(*) FROM settlements"),
            schema.number(db, "SELECT count(*) FROM dead_letters"),
        )

    def open_events(self, most: int = 1_000) -> list[Stored]:
        """The oldest events that have not been settled; ``codec.decode`` their bodies."""
        tip = schema.read_tip(self._db)
        return read_open(self._db, tip.low if tip is not None else 0, most)[0]

    def dead_letters(self) -> Iterator[DeadRecord]:
        """All dead letters, oldest first."""
        return recovery.dead_from(self._db.execute(f"{recovery.DEAD_LETTERS} ORDER BY d.number"))

    def dead_letter(self, number: int) -> DeadRecord | None:
        """The dead letter of this number."""
        rows = self._db.execute(f"{recovery.DEAD_LETTERS} WHERE d.number = ?", (number,))
        return next(recovery.dead_from(rows), None)

    def audit(self, most: int = 500) -> list[AuditRow]:
        """What operators did last, oldest first."""
        return recovery.read_audit(self._db, most)

    def versions(self, most: int = 100) -> list[dict[str, Any]]:
        """The newest versions of the configuration, oldest first."""
        return recovery.read_versions(self._db, most)

    def feeds(self) -> dict[str, tuple[int, bool]]:
        """How far each feed has been read, and whether to its end."""
        return recovery.read_feeds(self._db)

    def facts(self) -> dict[str, bytes]:
        """What ``Journal.put`` kept."""
        return recovery.read_facts(self._db)

    def session_state(self, session: str) -> dict[str, Any] | None:
        """The last state of a session, as far as it was kept."""
        id = packed(session)
        row = self._db.execute(
            "SELECT seq, state, crc FROM sessions WHERE id = ?", (id,)
        ).fetchone()
        if row is None or row[2] != schema.crc_of("sessions", id, row[0], row[1]):
            return None
        state: dict[str, Any] = msgspec.msgpack.decode(row[1])
        return state

    def sessions(self, most: int = 1_000) -> list[tuple[str, int, float]]:
        """(session, last event, its end) of those that ended last, newest first."""
        rows = self._db.execute(
            "SELECT id, seq, ended FROM sessions ORDER BY ended DESC LIMIT ?", (most,)
        )
        return [(unpacked(id), seq, ended) for id, seq, ended in rows]

    def check(self) -> list[str]:
        """Read everything and say what is damaged, in sentences; none for a whole journal."""
        return sentences(self._db)

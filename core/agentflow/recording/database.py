"""Database: a recording's file, to be asked. What SQLite raises comes out as one error."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agentflow.errors import RecordingUnusable
from agentflow.journal.checking import printable
from agentflow.recording import schema


class Database:
    """A connection that reads, where possible also what another process is just writing.

    Raises RecordingUnusable when there is no recording at ``path``, or it can't be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise RecordingUnusable(str(path), "there is no such file")
        try:
            self.db = _connect(path)
        except sqlite3.Error as error:
            raise self._unusable(error) from None
        try:
            reason = schema.why_not(self.db)
        except sqlite3.Error as error:
            self.db.close()
            raise self._unusable(error) from None
        if reason:
            self.db.close()
            raise RecordingUnusable(str(path), reason)

    def close(self) -> None:
        """Let go of the file."""
        self.db.close()

    def ask(self, question: str, values: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
        """The rows of the answer, one after the other."""
        try:
            yield from self.db.execute(question, values)
        except sqlite3.Error as error:
            raise self._unusable(error) from None

    def first(self, question: str, values: tuple[Any, ...] = ()) -> tuple[Any, ...] | None:
        """The first row of the answer, if there is one."""
        return next(self.ask(question, values), None)

    def fact(self, name: str, default: Any) -> Any:
        """One of the facts."""
        row = self.first("SELECT value FROM facts WHERE name = ?", (name,))
        return default if row is None else row[0]

    def _unusable(self, error: sqlite3.Error) -> RecordingUnusable:
        what = f"it is damaged, or no recording ({printable(str(error))})"
        return RecordingUnusable(str(self.path), what)


def _connect(path: Path) -> sqlite3.Connection:
    db = schema.connect_to_read(path)
    try:
        db.execute("SELECT 1 FROM sqlite_master LIMIT 1")
    except sqlite3.OperationalError:
        # In a folder where nothing may be written there can be no companions either.
        db.close()
        db = schema.connect_to_read(path, without_log=True)
    return db

"""Salvage: everything that can be read of a damaged database, in a new one."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agentflow.errors import JournalUnusable
from agentflow.journal import files, schema
from agentflow.journal.batch import insert
from agentflow.journal.checking import CHECKED, counted
from agentflow.journal.codec import unpacked
from agentflow.journal.leases import Left
from agentflow.journal.pages import Pages, Row
from agentflow.journal.schema import Tip, crc_of, is_event, number, open_from, tip_of

_CHUNK = 1_000
_NAMED = 5
"""So many lost events are named."""

_WIDTHS = {
    "events": 7, "settlements": 3, "retries": 4, "deliveries": 3, "dead_letters": 3,
    "dead_marks": 3, "sessions": 5, "feeds": 4, "facts": 3, "audit": 3, "versions": 3,
}  # fmt: skip
_NUMBERED = ("retries", "deliveries", "dead_letters", "dead_marks", "audit", "versions")
_NAMED_TABLES = ("sessions", "feeds", "facts")


def salvage(path: Path, reasons: list[str], left: Left | None, now: float) -> list[str]:
    """Put a new database at ``path`` with what can be read of the one that is there.

    That one is kept under another name. What happened, in sentences. Raises OSError,
    sqlite3.Error and JournalUnusable; then all is as it was.
    """
    new = files.beside(path, ".new")
    files.remove(new)
    try:
        db = schema.connect(new)
        try:
            rescue = Rescue(Pages(path), db, left)
            rescue.run()
            saved, lost = rescue.saved(), rescue.lost()
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            db.close()
        new.chmod(0o600)
    except (OSError, sqlite3.Error) as error:
        files.remove(new)
        raise JournalUnusable(
            str(path), f"it is damaged ({'; '.join(reasons)}) and can't be saved: {error}"
        ) from error
    kept = files.aside(path, now)
    files.replace(path, new, kept)
    said = [
        f"The journal {path} was damaged: {'; '.join(reasons)}."
        f" It has been set aside as {kept}. Saved from it: {saved}."
    ]
    if lost:
        named = ", ".join(lost[:_NAMED]) + (" and others" if len(lost) > _NAMED else "")
        one = len(lost) == 1
        said.append(
            f"{len(lost):,} event{' that was' if one else 's that were'} accepted could not be"
            f" read and {'is' if one else 'are'} lost, or may have ended: {named}."
        )
    if not rescue.whole:
        said.append(
            "Parts of the file could not be read at all: an event may be missing, and one whose"
            " end was written there runs again."
        )
    return said


class Rescue:
    """Moves rows from the pages of one database into another, which is empty."""

    def __init__(self, pages: Pages, db: sqlite3.Connection, left: Left | None) -> None:
        self.whole = True
        """Whether every page could be read."""
        self._pages = pages
        self._db = db
        self._left = left
        self._rows: dict[str, list[Any]] = {table: [] for table in _WIDTHS}
        self._tip: Tip | None = None
        self._indexed: dict[int, str | bytes] = {}

    def run(self) -> None:
        """Move everything. sqlite3.Error."""
        schema.create(self._db, os.urandom(16))
        self._db.execute("BEGIN")
        for versions in self._pages:
            for page in versions:
                found = self._pages.read(page)
                known = [self._take(row) for row in found.rows]
                if found.whole and all(known):
                    break
            else:
                self.whole = self.whole and found.whole
        for table in self._rows:
            self._write(table)
        self._finish()
        self._db.execute("COMMIT")

    def _take(self, row: Row) -> bool:
        """Keep ``row`` if it is certain what it is; whether it is."""
        number, values = row
        width = len(values)
        try:
            if width == 2:
                return self._take_entry(*values)
            if width == 11:
                return self._take_tip(tip_of(values[1:]))
            if width == 7:
                return self._keep("events", [number, *values[1:]], is_event([number, *values[1:]]))
            if number and width == 3 and _is_settlement(number, values):
                return self._keep("settlements", [number, *values[1:]])
            if number:
                return self._take_checked(_NUMBERED, [number, *values[1:]])
            return self._take_checked(_NAMED_TABLES, values)
        except (TypeError, AttributeError, ValueError, OverflowError):
            return False

    def _take_entry(self, id: object, seq: object) -> bool:
        """An entry of an index: there was such an event."""
        if type(seq) is not int or not isinstance(id, (str, bytes)):
            return False
        self._indexed.setdefault(seq, id)
        return True

    def _take_tip(self, tip: Tip | None) -> bool:
        if tip is not None and (self._tip is None or tip.commits > self._tip.commits):
            self._tip = tip
        return tip is not None

    def _take_checked(self, tables: tuple[str, ...], values: list[Any]) -> bool:
        for table in tables:
            if _WIDTHS[table] == len(values) and values[-1] == crc_of(
                table, *_covered(table, values)
            ):
                return self._keep(table, values)
        return False

    def _keep(self, table: str, values: list[Any], certain: bool = True) -> bool:
        if not certain:
            return False
        rows = self._rows[table]
        rows += values
        if len(rows) >= _CHUNK * _WIDTHS[table]:
            self._write(table)
        return True

    def _write(self, table: str) -> None:
        rows, width = self._rows[table], _WIDTHS[table]
        if rows:
            insert(self._db, f"INSERT OR IGNORE INTO {table} VALUES {{}}", rows, width)
            rows.clear()

    def _finish(self) -> None:
        db, tip, old = self._db, schema.read_tip(self._db), self._tip
        assert tip is not None
        tip.clean = 0
        tip.seq = max(
            number(db, "SELECT max(seq) FROM events"),
            number(db, "SELECT max(seq) FROM settlements"),
        )
        tip.dead = number(db, "SELECT max(number) FROM dead_letters")
        tip.events = number(db, "SELECT count(*) FROM events")
        tip.settled = number(db, "SELECT count(*) FROM settlements")
        if old is not None:
            tip.seq, tip.dead = max(tip.seq, old.seq), max(tip.dead, old.dead)
            tip.low, tip.generation = old.low, old.generation
        if self._left is not None and (old is None or old.identity == self._left.identity):
            # The leases are still of use: what ran when the process died is known.
            tip.identity, tip.generation = self._left.identity, self._left.generation
            tip.commits = max(self._left.commits, old.commits if old is not None else 0) + 1
        db.execute(schema.WRITE_TIP, tip.row())
        self._low = tip.low

    # -- what came of it ----------------------------------------------------------------

    def saved(self) -> str:
        """How much there is in the new database."""
        db = self._db
        open = number(db, f"SELECT count(*) FROM events WHERE {open_from(self._low)}")
        settled = number(db, "SELECT count(*) FROM settlements")
        dead = number(db, "SELECT count(*) FROM dead_letters")
        return f"{open:,} open events, {settled:,} ended ones, {counted(dead, 'dead_letters')}"

    def lost(self) -> list[str]:
        """The ids of events that an index still knows, and that are nowhere else."""
        return [unpacked(id) for seq, id in sorted(self._missing())]

    def _missing(self) -> Iterator[tuple[int, str | bytes]]:
        ask = (
            "SELECT 1 WHERE EXISTS (SELECT 1 FROM events WHERE seq = ?1 OR id = ?2)"
            " OR EXISTS (SELECT 1 FROM settlements WHERE seq = ?1)"
        )
        for seq, id in self._indexed.items():
            possible = self._low <= seq < 1 << 62 and seq > 0
            if possible and not self._db.execute(ask, (seq, id)).fetchone():
                yield seq, id


def _covered(table: str, values: list[Any]) -> list[Any]:
    """What the checksum of such a row covers."""
    if table == "sessions":
        return [values[0], values[1], values[3]]
    if table in ("audit", "versions"):
        return values[1:-1]
    assert table in CHECKED
    return values[:-1]


def _is_settlement(number: int, values: list[Any]) -> bool:
    _, ended, mark = values
    return type(mark) is int and mark >> 1 == number and isinstance(ended, (int, float))

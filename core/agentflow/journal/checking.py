"""Checking: reading everything, to find what is damaged before it is trusted."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from agentflow.journal.schema import crc_of, is_event, number, read_tip


class Broken(Exception):
    """A database that can't be trusted; ``reasons`` says why."""

    def __init__(self, reasons: list[str]) -> None:
        self.reasons = reasons
        super().__init__("; ".join(reasons))


class Damage(NamedTuple):
    """Rows that don't fit their checksums, by table."""

    table: str
    rows: int

    def sentence(self) -> str:
        """In words."""
        return f"{self.rows:,} {WORDS[self.table]} {'is' if self.rows == 1 else 'are'} damaged"


CHECKED = {
    "retries": "seq, tries, due",
    "deliveries": "seq, deliveries",
    "dead_letters": "number, body",
    "dead_marks": "number, status",
    "sessions": "id, seq, state",
    "feeds": "name, position, finished",
    "facts": "name, value",
    "audit": "body",
    "versions": "body",
}
"""What the checksum of each table covers, in this order."""

AT_START = {table: columns for table, columns in CHECKED.items() if table != "sessions"}
"""What is checked at every start; there can be very many sessions, and they are only looked at."""

WORDS = {
    "events": "events",
    "settlements": "ends of events",
    "retries": "waiting retries",
    "deliveries": "counts of deliveries",
    "dead_letters": "dead letters",
    "dead_marks": "marks on dead letters",
    "sessions": "last states of sessions",
    "feeds": "positions in feeds",
    "facts": "facts",
    "audit": "lines of the audit",
    "versions": "versions of the configuration",
}


def structure(db: sqlite3.Connection) -> list[str]:
    """What SQLite itself finds wrong, in a sentence; none when all is well. sqlite3.Error."""
    rows = [str(row[0]) for row in db.execute("PRAGMA quick_check(10)")]
    if rows == ["ok"]:
        return []
    lines = [
        line.strip() for row in rows for line in row.splitlines() if not line.startswith("***")
    ]
    more = f" and {len(lines) - 1} more findings" if len(lines) > 1 else ""
    return [f"SQLite finds it broken ({lines[0] if lines else 'it does not say how'}{more})"]


def bad_rows(db: sqlite3.Connection, tables: dict[str, str] = CHECKED) -> list[Damage]:
    """How many rows of these tables don't fit their checksums. sqlite3.Error."""
    found = []
    for table, columns in tables.items():
        bad = sum(
            row[-1] != crc_of(table, *row[:-1])
            for row in db.execute(f"SELECT {columns}, crc FROM {table}")
        )
        if bad:
            found.append(Damage(table, bad))
    return found


def bad_settlements(db: sqlite3.Connection, low: int = 0) -> int:
    """How many ends of events can't be trusted. sqlite3.Error."""
    return number(
        db, f"SELECT count(*) FROM settlements WHERE seq >= {low} AND mark >> 1 IS NOT seq"
    )


def sentences(db: sqlite3.Connection) -> list[str]:
    """All that is wrong, in sentences. sqlite3.Error."""
    try:
        said = structure(db)
        if read_tip(db) is None:
            said.append("what it says about itself is damaged")
        damages = bad_rows(db)
        events = sum(not is_event(row) for row in db.execute("SELECT * FROM events"))
        damages = [
            Damage("events", events), Damage("settlements", bad_settlements(db)), *damages
        ]  # fmt: skip
    except (sqlite3.DatabaseError, TypeError, ValueError) as error:
        return [f"it can't be read to its end: {error}"]
    return said + [damage.sentence() for damage in damages if damage.rows]

"""Checking: reading everything, to find what is damaged before it is trusted."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from agentflow.journal.schema import crc_of, is_event, number, read_tip


class Broken(Exception):
    """A database that can't be trusted; ``reasons`` says why, each in one printable line."""

    def __init__(self, reasons: list[str]) -> None:
        self.reasons = [printable(reason) for reason in reasons]
        super().__init__("; ".join(self.reasons))


def printable(text: str) -> str:
    """``text`` in one line, without what can't be shown: SQLite quotes what is in the file."""
    return "".join(mark if mark.isprintable() else "?" for mark in " ".join(text.split()))


class Damage(NamedTuple):
    """Rows that don't fit their checksums, by table."""

    table: str
    rows: int

    def sentence(self) -> str:
        """In words."""
        return f"{counted(self.rows, self.table)} {'is' if self.rows == 1 else 'are'} damaged"


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
    "events": ("event", "events"),
    "settlements": ("end of an event", "ends of events"),
    "retries": ("waiting retry", "waiting retries"),
    "deliveries": ("count of deliveries", "counts of deliveries"),
    "dead_letters": ("dead letter", "dead letters"),
    "dead_marks": ("mark on a dead letter", "marks on dead letters"),
    "sessions": ("last state of a session", "last states of sessions"),
    "feeds": ("position in a feed", "positions in feeds"),
    "facts": ("fact", "facts"),
    "audit": ("line of the audit", "lines of the audit"),
    "versions": ("version of the configuration", "versions of the configuration"),
}


def counted(rows: int, table: str) -> str:
    """So many of them, in words."""
    one, many = WORDS[table]
    return f"{rows:,} {one if rows == 1 else many}"


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
        return [printable(f"it can't be read to its end: {error}")]
    return said + [damage.sentence() for damage in damages if damage.rows]

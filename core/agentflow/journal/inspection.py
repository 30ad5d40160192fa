"""Inspection: whether a file is a journal, and whole."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from agentflow.errors import JournalUnusable
from agentflow.journal import checking, files, schema
from agentflow.journal.checking import Broken
from agentflow.journal.leases import Left
from agentflow.journal.pages import Pages
from agentflow.journal.schema import Tip, number

CHECK_UP_TO = 64 << 20
"""Bytes up to which SQLite checks the whole file at every start."""

_MAGIC = b"SQLite format 3\0"
_MARKS = (b"CREATE TABLE settlements", b"CREATE TABLE dead_letters", b"CREATE TABLE events(")


def foreign(path: Path, has_leases: bool) -> None:
    """Raise JournalUnusable for what was never a journal, Broken for one that is damaged.

    ``has_leases``: a journal's leases lie beside it.
    """
    if not path.is_file():
        raise JournalUnusable(str(path), "it is no file")
    with path.open("rb") as file:
        start = file.read(schema.PAGE)
    if start.startswith(_MAGIC):
        if _application(start) == schema.APPLICATION:
            return
        application, tables = _in_use(path)
        if application == schema.APPLICATION or not tables:
            return
    if any(mark in start for mark in _MARKS):
        raise Broken(["its first page is damaged"])
    if start.startswith(_MAGIC) and not has_leases:
        raise JournalUnusable(str(path), "it is the database of another program")
    if not has_leases and _is_text(start):
        raise JournalUnusable(str(path), "it is a text file, no journal")
    raise Broken(["its beginning is not that of a journal"])


def _application(start: bytes) -> int:
    return int.from_bytes(start[68:72], "big")


def _in_use(path: Path) -> tuple[int, bool]:
    """Whose database it is, its log included, and whether there is anything in it."""
    with closing(schema.connect_to_read(path)) as db:
        try:
            return (
                number(db, "PRAGMA application_id"),
                number(db, "SELECT count(*) FROM sqlite_master") > 0,
            )
        except (sqlite3.DatabaseError, ValueError):
            return 0, True


def _is_text(start: bytes) -> bool:
    try:
        text = start.decode()
    except UnicodeDecodeError as error:
        if error.end < len(start) - 3:
            return False
        text = start[: error.start].decode()
    return "\0" not in text


def look_at_log(path: Path, damage: list[str]) -> None:
    """Put a write-ahead log aside that belongs to another database."""
    log = files.beside(path, "-wal")
    if not log.exists() or not log.stat().st_size:
        return
    before, after = _tip_without_log(path), _tip_with_log(path)
    if before is None or after is None:
        return
    if before.identity != after.identity or after.commits < before.commits:
        name = files.aside(path, log.stat().st_mtime)
        name = files.beside(name, "-wal")
        log.rename(name)
        files.beside(path, "-shm").unlink(missing_ok=True)
        whose = "another journal" if before.identity != after.identity else "an earlier time"
        damage.append(
            f"The write-ahead log beside {path} was of {whose}; it has been set aside as {name}."
        )


def _tip_without_log(path: Path) -> Tip | None:
    with closing(schema.connect_to_read(path, without_log=True)) as db:
        return _tip(db)


def _tip_with_log(path: Path) -> Tip | None:
    with closing(schema.connect_to_read(path)) as db:
        return _tip(db)


def _tip(db: sqlite3.Connection) -> Tip | None:
    try:
        return schema.read_tip(db)
    except (sqlite3.DatabaseError, ValueError):
        return None


def inspect(path: Path, db: sqlite3.Connection, left: Left | None, damage: list[str]) -> Tip | None:
    """Where the journal stands; None when it has no tables yet.

    Raises JournalUnusable for the format of a later version, Broken, sqlite3.Error.
    """
    tables = [row[0] for row in db.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")]
    own = sorted(tables) == sorted(schema.statements())
    version = number(db, "PRAGMA user_version")
    if not tables and not version and number(db, "PRAGMA page_count") <= 1:
        _missing(path, Tip(b""), left, damage)
        return None
    tip = _tip(db) if own or version <= schema.FORMAT else None
    if version > schema.FORMAT and not (own and tip is not None):
        raise JournalUnusable(str(path), schema.too_new(version))
    reasons = []
    if not own:
        reasons.append("the description of its tables is damaged")
    if version != schema.FORMAT or number(db, "PRAGMA application_id") != schema.APPLICATION:
        reasons.append("its first page is damaged")
    if path.stat().st_size <= CHECK_UP_TO or (left is not None and left.suspect):
        reasons += checking.structure(db)
    if reasons:
        raise Broken(reasons)
    if tip is None:
        raise Broken(["what it says about itself is damaged"])
    _check_rows(db, tip)
    _missing(path, tip, left, damage)
    return tip


def _check_rows(db: sqlite3.Connection, tip: Tip) -> None:
    """Raise Broken when rows are missing, or are not what they were."""
    reasons = []
    for table, rows in (("events", tip.events), ("settlements", tip.settled)):
        there = number(db, f"SELECT count(*) FROM {table} NOT INDEXED")
        if there != rows:
            reasons.append(f"of {checking.counted(rows, table)}, {there:,} can be found")
    damages = checking.bad_rows(db, checking.AT_START)
    bad = checking.bad_settlements(db, tip.low)
    if bad:
        damages.append(checking.Damage("settlements", bad))
    reasons += [damage.sentence() for damage in damages]
    if reasons:
        raise Broken(reasons)


def _missing(path: Path, tip: Tip, left: Left | None, damage: list[str]) -> None:
    """Say when the database is older than it was. Raises Broken if the log holds the rest."""
    known = 0
    if left is not None and (left.identity == tip.identity or not tip.identity):
        known = left.commits
    logged = newest_in_log(path, tip.identity)
    if max(known, logged - 1) <= tip.commits:
        return
    if logged > tip.commits:
        raise Broken(["its write-ahead log is damaged"])
    damage.append(
        f"The journal {path} is older than it was: its last {known - tip.commits:,} transactions"
        " are missing. Its write-ahead log was removed, or an old copy put in its place, or"
        " the power went and its durability is less than that."
    )


def newest_in_log(path: Path, identity: bytes) -> int:
    """The highest number of a transaction that the log knows, whether SQLite does or not."""
    newest = 0
    if files.beside(path, "-wal").exists():
        pages = Pages(path)
        for page in pages.logged():
            if identity in page:
                for _, values in pages.read(page).rows:
                    tip = schema.tip_of(values[1:])
                    if tip is not None and identity in (b"", tip.identity):
                        newest = max(newest, tip.commits)
    return newest

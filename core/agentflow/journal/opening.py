"""Opening: from a path to a database that can be written, and what was in it.

Everything is looked at with a connection that can't write, before anything is trusted: a
log that belongs to another database, say, must never reach this one. A database that is
damaged is set aside, and what can be read of it goes into a new one.
"""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from agentflow.errors import JournalUnusable
from agentflow.journal import files, leases, schema
from agentflow.journal.checking import Broken, printable
from agentflow.journal.inspection import foreign, inspect, look_at_log
from agentflow.journal.leases import Leases, Left
from agentflow.journal.records import Recovery
from agentflow.journal.recovery import read
from agentflow.journal.rest import PAGE
from agentflow.journal.salvage import salvage
from agentflow.journal.schema import Tip
from agentflow.journal.trouble import lies_in_the_file


class Opened(NamedTuple):
    """A database that is ready."""

    db: sqlite3.Connection
    tip: Tip
    leases: Leases
    recovery: Recovery


def open_database(path: Path, durability: str, now: float, page: int = PAGE) -> Opened:
    """Open the database at ``path``, which is locked. Raises JournalUnusable.

    Of the open events, the first ``page`` are read.
    """
    try:
        return _open(path, durability, now, page)
    except sqlite3.Error as error:
        raise JournalUnusable(str(path), _why(path, error)) from error
    except OSError as error:
        raise JournalUnusable(str(path), error.strerror or str(error)) from error


def _open(path: Path, durability: str, now: float, page: int) -> Opened:
    damage: list[str] = []
    lease_path = files.beside(path, ".leases")
    left = leases.read(lease_path)
    files.finish(path)
    fresh = not path.exists() or not path.stat().st_size
    recovery: Recovery | None = None
    try:
        if fresh:
            _nothing_there(path, left, damage)
        else:
            foreign(path, left is not None)
            look_at_log(path, damage)
            recovery = _look(path, left, damage, page)
    except Broken as broken:
        damage += salvage(path, broken.reasons, left, now)
        recovery = _look(path, left, damage, page)
    if recovery is None:
        _create(path)
    db = schema.connect(path, synchronous=schema.SYNCHRONOUS[durability])
    try:
        tip = schema.read_tip(db)
        if tip is None:
            raise JournalUnusable(str(path), "it has been changed while it was opened")
        if recovery is None:
            recovery = read(db, tip, path, page)
        recovery.damage = damage
        _begin(db, tip, recovery)
        taken = Leases(lease_path, tip.identity, tip.generation, tip.commits)
    except BaseException:
        db.close()
        raise
    return Opened(db, tip, taken, recovery)


def _nothing_there(path: Path, left: Left | None, damage: list[str]) -> None:
    """There is no database, or an empty file. Raises Broken when there was one."""
    log = files.beside(path, "-wal")
    if log.exists() and log.stat().st_size:
        raise Broken(["the file is missing; only its write-ahead log is there"])
    if left is not None and left.commits > 1:
        damage.append(
            f"There was a journal at {path} before, with {left.commits:,} transactions; its"
            " file is gone, and everything that was in it. A new one has been begun."
        )


def _look(path: Path, left: Left | None, damage: list[str], page: int) -> Recovery | None:
    """Read what is in the database; None when there are no tables yet. Raises Broken."""
    with closing(schema.connect_to_read(path)) as db:
        try:
            tip = inspect(path, db, left, damage)
            if tip is None:
                return None
            same = left is not None and (left.identity, left.generation) == (
                tip.identity, tip.generation,
            )  # fmt: skip
            if left is None or not same or tip.clean:
                return read(db, tip, path, page)
            return read(db, tip, path, page, left.seqs, left.ended)
        except Broken:
            raise
        except (sqlite3.DatabaseError, ValueError, TypeError) as error:
            if isinstance(error, sqlite3.Error) and not lies_in_the_file(error):
                raise
            raise Broken([f"it can't be read: {error}"]) from None


def _create(path: Path) -> None:
    """Make an empty journal: complete under another name, then in its place in one step."""
    new = files.beside(path, ".new")
    os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with closing(schema.connect(new)) as db:
        schema.create(db, os.urandom(16))
    for ending in ("-wal", "-shm"):
        files.beside(path, ending).unlink(missing_ok=True)
    new.replace(path)
    files.sync_folder(path.parent)


def _begin(db: sqlite3.Connection, tip: Tip, recovery: Recovery) -> None:
    """Note what ran when the process died, and that another one has the journal now."""
    tip.generation += 1
    tip.commits += 1
    tip.clean = 0
    db.execute("BEGIN IMMEDIATE")
    try:
        for seq, mark in recovery.marks.items():
            if mark.deliveries:
                row = (seq, mark.deliveries)
                crc = schema.crc_of("deliveries", *row)
                db.execute("INSERT OR REPLACE INTO deliveries VALUES (?, ?, ?)", (*row, crc))
            if mark.tries:
                values = (seq, mark.tries, mark.due)
                crc = schema.crc_of("retries", *values)
                db.execute("INSERT OR REPLACE INTO retries VALUES (?, ?, ?, ?)", (*values, crc))
        db.execute(schema.WRITE_TIP, tip.row())
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def open_again(
    path: Path, durability: str, db: sqlite3.Connection, tip: Tip, reasons: list[str], now: float
) -> tuple[sqlite3.Connection, list[str]]:
    """Another database in the place of ``db``, which was found damaged at work.

    In it is what can be read of the old one; what happened, in sentences. ``tip`` goes on.
    Raises JournalUnusable, sqlite3.Error and OSError; ``db`` is closed then.
    """
    db.close()
    left = Left(tip.identity, tip.generation, tip.commits, set(), Counter(), suspect=True)
    said = salvage(path, reasons, left, now)
    db = schema.connect(path, synchronous=schema.SYNCHRONOUS[durability])
    there = schema.read_tip(db)
    if there is None:
        db.close()
        raise JournalUnusable(str(path), "it has been changed while it was opened")
    schema.assign(tip, there)
    return db, said


def _why(path: Path, error: sqlite3.Error) -> str:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return "the disk is full"
    if code == sqlite3.SQLITE_BUSY:
        return "another program keeps the database locked"
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return "it can't be written"
    if code == sqlite3.SQLITE_CANTOPEN:
        return f"it can't be opened: {error} (may this user write in {path.parent}?)"
    return printable(str(error))

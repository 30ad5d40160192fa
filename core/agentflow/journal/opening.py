"""Opening: from a path to a database that can be written, and what was in it."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import NamedTuple

from agentflow.errors import JournalUnusable
from agentflow.journal import leases as lease_file
from agentflow.journal import schema
from agentflow.journal.leases import Leases
from agentflow.journal.records import Recovery
from agentflow.journal.recovery import read
from agentflow.journal.schema import Tip


class Opened(NamedTuple):
    """A database that is ready."""

    db: sqlite3.Connection
    tip: Tip
    leases: Leases
    recovery: Recovery
    settled: int
    """How many settled events there are."""


def open_database(path: Path, durability: str, max_bytes: int, now: float) -> Opened:
    """Open the database at ``path``, which is locked. Raises JournalUnusable."""
    db = schema.connect(
        path,
        synchronous=schema.SYNCHRONOUS[durability],
        pages=max(64, max_bytes // schema.PAGE),
    )
    try:
        if not schema.number(db, "SELECT count(*) FROM sqlite_master"):
            schema.create(db, os.urandom(16))
            path.chmod(0o600)
        tip = schema.read_tip(db)
        if tip is None:
            raise JournalUnusable(str(path), "damaged")
        beside = path.with_name(path.name + ".leases")
        left = lease_file.read(beside)
        running: set[int] = set()
        same = left is not None and (left.identity, left.generation) == (
            tip.identity,
            tip.generation,
        )
        if left is not None and same and not tip.clean:
            running = left.seqs
        recovery = read(db, tip, running)
        tip.generation += 1
        tip.clean = 0
        db.execute("BEGIN IMMEDIATE")
        for stored in recovery.open:
            if stored.seq in running:
                db.execute(
                    "INSERT OR REPLACE INTO deliveries VALUES (?, ?, ?)",
                    (
                        stored.seq,
                        stored.deliveries,
                        schema.crc_of(stored.seq, stored.deliveries),
                    ),
                )
        db.execute(schema.WRITE_TIP, tip.row())
        db.execute("COMMIT")
        leases = Leases(beside, tip.identity, tip.generation, tip.commits)
    except BaseException:
        db.close()
        raise
    return Opened(db, tip, leases, recovery, schema.number(db, "SELECT count(*) FROM settlements"))

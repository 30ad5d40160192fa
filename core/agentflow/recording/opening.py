"""Opening: from a path to a recording that can be written.

What lies there and is no recording, or a damaged one, is set aside, never written over.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from agentflow.errors import JournalInUse, RecordingUnusable
from agentflow.journal import files
from agentflow.journal.lock import Lock
from agentflow.journal.trouble import lies_in_the_file
from agentflow.recording import schema


class Opened(NamedTuple):
    """A recording that is ready: ``last`` is the number of its last story."""

    db: sqlite3.Connection
    lock: Lock
    last: int
    damage: list[str]


def open_to_write(path: Path) -> Opened:
    """Take the recording at ``path`` over, or begin one. Blocks. Raises RecordingUnusable."""
    try:
        files.make_folder(path)
        lock = Lock(path)
    except JournalInUse as error:
        raise RecordingUnusable(str(path), error.reason) from None
    except OSError as error:
        raise RecordingUnusable(str(path), error.strerror or str(error)) from error
    try:
        damage: list[str] = []
        if reason := _reason_against(path):
            kept = files.aside(path, time.time())
            _set_aside(path, kept)
            damage.append(f"{path} was set aside as {kept.name}: {reason}")
        if not path.exists() or not path.stat().st_size:
            create(path)
        db = schema.connect(path)
        return Opened(db, lock, schema.number(db, "SELECT max(last) FROM chunks"), damage)
    except sqlite3.Error as error:
        lock.release()
        raise RecordingUnusable(str(path), str(error)) from error
    except OSError as error:
        lock.release()
        raise RecordingUnusable(str(path), error.strerror or str(error)) from error
    except BaseException:
        lock.release()
        raise


def create(path: Path) -> None:
    """Make an empty recording for its owner's eyes alone. OSError, sqlite3.Error."""
    for ending in ("-wal", "-shm"):
        files.beside(path, ending).unlink(missing_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_CLOEXEC, 0o600))
    path.chmod(0o600)
    with closing(schema.connect(path)) as db:
        schema.create(db)


def _reason_against(path: Path) -> str:
    """Why what lies at ``path`` can't be gone on with; '' if it can, or nothing is there."""
    try:
        if not path.stat().st_size:
            return ""
    except FileNotFoundError:
        return ""
    try:
        with closing(schema.connect_to_read(path)) as db:
            reason = schema.why_not(db)
            if not reason:
                row = db.execute("SELECT last, body FROM chunks ORDER BY first DESC").fetchone()
                if row is not None and not isinstance(row[0], int):
                    reason = "it is damaged"
            return reason
    except sqlite3.Error as error:
        if not lies_in_the_file(error):
            raise
        return f"it is damaged ({error})"


def _set_aside(path: Path, kept: Path) -> None:
    for ending in ("-wal", ""):
        source = files.beside(path, ending)
        if source.exists():
            source.replace(files.beside(kept, ending))
    files.beside(path, "-shm").unlink(missing_ok=True)

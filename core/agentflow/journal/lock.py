"""Lock: one process at a time; the file says which one, and where to reach it."""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path
from typing import NamedTuple

from agentflow.errors import JournalInUse

_TRIES, _PAUSE = 15, 0.02
"""How often, and how many seconds apart, a lock is tried."""


class Owner(NamedTuple):
    """The process that has a journal open."""

    pid: int
    """0 if the file doesn't say."""
    started: float
    """When it opened the journal, in seconds since the epoch."""
    socket: str
    """Where it can be talked to, or ''."""


class Lock:
    """The lock of the journal at ``path``. Raises JournalInUse and OSError."""

    def __init__(self, path: Path) -> None:
        self._owner = Owner(os.getpid(), time.time(), "")
        self._file = os.open(_beside(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._take(path)
        except BaseException:
            os.close(self._file)
            raise
        self._write()

    def _take(self, path: Path) -> None:
        # Who only looks whose it is has the lock for a moment, too.
        for _ in range(_TRIES):
            try:
                return fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(_PAUSE)
        raise JournalInUse(str(path), _read(self._file).pid)

    def announce(self, socket: str) -> None:
        """Say where this process can be talked to."""
        self._owner = self._owner._replace(socket=socket)
        self._write()

    def release(self) -> None:
        """Let others have it. The file stays: to remove it would let two in."""
        if self._file >= 0:
            try:
                os.ftruncate(self._file, 0)
            except OSError:
                pass
            os.close(self._file)
            self._file = -1

    def _write(self) -> None:
        text = json.dumps(self._owner._asdict()).encode()
        try:
            os.pwrite(self._file, text, 0)
            os.ftruncate(self._file, len(text))
        except OSError:
            pass  # a full disk: the lock holds, it only can't say whose it is


def owner(path: Path | str) -> Owner | None:
    """The process that has the journal at ``path`` open; None when nobody has."""
    try:
        file = os.open(_beside(Path(path)), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(file)
    finally:
        os.close(file)
    return None


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".lock")


def _read(file: int) -> Owner:
    try:
        said = json.loads(os.pread(file, 65_536, 0))
        return Owner(int(said["pid"]), float(said["started"]), str(said["socket"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Owner(0, 0.0, "")

"""Leases: which events were running when the process died.

An mmap'd file beside the database: what is written to it outlives the process without a
system call, where a row would cost a commit before every run. It need not outlive a power
cut: then the event runs again without being counted.

The header also holds the number of the last commit. The database holds it too; if it
knows fewer, it has lost some.
"""

from __future__ import annotations

import mmap
import os
import struct
from array import array
from collections import Counter, deque
from pathlib import Path
from typing import NamedTuple

CELLS = 65_536
_HEADER = 4096
_FIXED = struct.Struct("<8s16sQQQ")  # magic, identity of the database, generation, commits, check
_MAGIC = b"aflease1"
_COMMITS = 32 // 8
"""Where the number of commits is, counted in words of eight bytes."""
_ENDED = 1 << 63
"""Added to the number of an event whose run has ended."""
_SUSPECT = 64 // 8
"""Where it stands that the database was found damaged."""


class Left(NamedTuple):
    """What another process left in the file."""

    identity: bytes
    generation: int
    commits: int
    seqs: set[int]
    """The events that were running."""
    ended: Counter[int]
    """How many runs of an event had ended; that may not have got to the database."""
    suspect: bool
    """Whether the database was found damaged at work."""


def read(path: Path) -> Left | None:
    """What the file holds; None if there is none, or it is not one of these."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    if len(content) < _HEADER or content[:8] != _MAGIC:
        return None
    _, identity, generation, commits, check = _FIXED.unpack_from(content)
    if check != _check(commits):
        commits = 0
    cells = Counter(array("Q", content[_HEADER : len(content) - len(content) % 8]))
    del cells[0]
    suspect = content[_SUSPECT * 8] == 1
    running = {cell for cell in cells if cell < _ENDED}
    # An event that has several cells runs by the last one; the runs of the others are over.
    ended = Counter({seq: cells[seq] - 1 for seq in running})
    ended.update({cell - _ENDED: number for cell, number in cells.items() if cell > _ENDED})
    return Left(identity, generation, commits, running, ended, suspect)


class Leases:
    """The cells: one for each event that is running. For the loop's thread alone."""

    def __init__(self, path: Path, identity: bytes, generation: int, commits: int) -> None:
        """Empty the file and take it over. Raises OSError, also for a full disk."""
        size = _HEADER + CELLS * 8
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            # Room for all of it now: a page that finds none later kills the process.
            os.posix_fallocate(file, 0, size)
            os.pwrite(file, _FIXED.pack(_MAGIC, identity, generation, commits, _check(commits)), 0)
            self._map = mmap.mmap(file, size)
        finally:
            os.close(file)
        self._words = memoryview(self._map).cast("Q")
        self._cells = self._words[_HEADER // 8 :]
        self._free = deque(range(CELLS))

    def take(self, seq: int) -> int:
        """Note that the event runs now. A cell, to be given back; -1 when none is free."""
        if not self._free:
            return -1
        cell = self._free.popleft()
        self._cells[cell] = seq
        return cell

    def give(self, cell: int) -> None:
        """Note that the run has ended. -1 does nothing."""
        if cell >= 0:
            self._cells[cell] = 0
            self._free.append(cell)

    def retire(self, cell: int) -> None:
        """As ``give``, but the note stays until the cell is taken again, as late as can be.

        For a run whose end is not on disk yet: should the process die now, it counts as
        one more try, but not as one that the process died of.
        """
        if cell >= 0:
            self._cells[cell] |= _ENDED
            self._free.append(cell)

    def committed(self, commits: int) -> None:
        """Note the number of the last commit."""
        self._words[_COMMITS] = commits
        self._words[_COMMITS + 1] = _check(commits)

    def suspect(self) -> None:
        """Note that the database has been found damaged: the next start looks closely."""
        self._words[_SUSPECT] = 1

    def close(self) -> None:
        """Leave the file as it is. ``take`` and ``give`` do nothing from now on."""
        cells = self._cells
        self._cells = memoryview(bytearray(CELLS * 8)).cast("Q")
        cells.release()
        self._words.release()
        self._map.close()


def _check(commits: int) -> int:
    return commits * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF

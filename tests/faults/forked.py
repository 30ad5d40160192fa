"""Work in many small pieces on all cores, in processes whose death is a finding of its own."""

from __future__ import annotations

import mmap
import os
import struct
import traceback
from collections.abc import Callable
from typing import NamedTuple

_CELL = struct.Struct("<qq")


class Finding(NamedTuple):
    """What went wrong at ``number``."""

    number: int
    what: str


def over(count: int, work: Callable[[int], None], processes: int, most: int = 5) -> list[Finding]:
    """Call ``work`` with every number below ``count``; what raised, or killed its process.

    Process p does p, p + processes and so on. After ``most`` findings it stops.
    """
    if processes == 1:
        return _strip(0, 1, count, work, most)
    strips = [_Strip(index, processes, count, work, most) for index in range(processes)]
    return [finding for strip in strips for finding in strip.findings()]


class _Strip:
    """One process's share; a process that dies is followed by another one, after the number."""

    def __init__(
        self, first: int, step: int, count: int, work: Callable[[int], None], most: int
    ) -> None:
        self._step, self._count, self._work, self._most = step, count, work, most
        self._cell = mmap.mmap(-1, _CELL.size)
        self._found: list[Finding] = []
        self._fork(first)

    def _fork(self, first: int) -> None:
        out, into = os.pipe()
        self._cell[:] = _CELL.pack(first, 0)
        self._pid = os.fork()
        if self._pid == 0:
            try:
                os.close(out)
                left = self._most - len(self._found)
                for finding in _strip(first, self._step, self._count, self._work, left, self._cell):
                    os.write(into, f"{finding.number} {finding.what}\0".encode("utf-8", "replace"))
                os._exit(0)
            finally:
                os._exit(1)
        os.close(into)
        self._out = out

    def findings(self) -> list[Finding]:
        """Wait for the end, and what was found."""
        while True:
            with os.fdopen(self._out, "rb") as pipe:
                text = pipe.read().decode("utf-8", "replace")
            for line in filter(None, text.split("\0")):
                number, _, what = line.partition(" ")
                self._found.append(Finding(int(number), what))
            _, status = os.waitpid(self._pid, 0)
            if status == 0 or len(self._found) >= self._most:
                return self._found
            at, _ = _CELL.unpack(self._cell[:])
            self._found.append(Finding(at, f"the process ended with status {status}"))
            self._fork(at + self._step)


def _strip(
    first: int,
    step: int,
    count: int,
    work: Callable[[int], None],
    most: int,
    cell: mmap.mmap | None = None,
) -> list[Finding]:
    found: list[Finding] = []
    for number in range(first, count, step):
        if cell is not None:
            cell[:] = _CELL.pack(number, 0)
        try:
            work(number)
        except BaseException:
            found.append(Finding(number, traceback.format_exc()[-3_000:]))
            if len(found) >= most:
                break
    return found

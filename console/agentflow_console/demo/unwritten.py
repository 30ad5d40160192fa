"""Unwritten: what the report file does not have yet, one line of JSON for each addition.

The report is written as a whole, so at most once a second. What is added in between is
kept here at once: an event must not end before what came of it is on disk.
"""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any


class Unwritten:
    """Lines in a file of their own, each appended in one piece.

    ``title`` is the first line: a file with another one is of another report, and is
    begun anew. Adding may be done from several threads at a time.
    """

    def __init__(self, path: Path, title: str) -> None:
        self.path = path
        self._title = title
        self._file = -1
        self._lock = threading.Lock()
        self.lines = 0
        """How many were added by this object."""

    def read(self) -> list[Any]:
        """What is in it, oldest first; what was torn by the end of a process is left out."""
        try:
            title, *lines = self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        if _decoded(title) != self._title:
            return []
        values = map(_decoded, lines)
        return [value for value in values if value is not None]

    def add(self, value: Any) -> None:
        """Append a line; it is on disk when this returns. Raises OSError."""
        with self._lock:
            if self._file < 0:
                self._begin()
            _append(self._file, value)
            self.lines += 1
            file = os.dup(self._file)
        try:
            os.fsync(file)  # outside of the lock: others go to the disk together with this one
        finally:
            os.close(file)

    def remove(self, lines: int) -> None:
        """Remove the file, unless more than ``lines`` were added by now."""
        with self._lock:
            if self.lines > lines:
                return
            self.path.unlink(missing_ok=True)
            if self._file >= 0:
                os.close(self._file)
                self._file = -1

    def _begin(self) -> None:
        self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        # A line that was torn is ended here; an empty one means nothing.
        if os.fstat(self._file).st_size:
            os.write(self._file, b"\n")
        else:
            _append(self._file, self._title)


def _append(file: int, value: Any) -> None:
    data = json.dumps(value).encode() + b"\n"
    if os.write(file, data) < len(data):
        raise OSError("there is no room for a line")


def _decoded(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None

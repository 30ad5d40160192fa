"""A process on a disk that is watched and can fail: see shim.c."""

from __future__ import annotations

import functools
import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

SOURCE = Path(__file__).with_name("shim.c")

WRITE, TRUNCATE, SYNC, CREATE, UNLINK, RENAME, MKDIR, MARK = range(1, 9)

_HEAD = struct.Struct("<BQQII")


class Record(NamedTuple):
    """One change, or one mark."""

    kind: int
    inode: int
    offset: int
    """Where it was written, or the new size."""
    name: str
    data: bytes


@functools.cache
def library() -> Path:
    """The compiled shim. Skips the test where it can't be made."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("there is no C compiler (cc) to build the failing disk with")
    made = Path(tempfile.mkdtemp(prefix="faults-")) / "shim.so"
    done = subprocess.run(
        [compiler, "-shared", "-fPIC", "-O2", "-o", made, SOURCE, "-ldl", "-lpthread"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"the failing disk does not build here: {done.stderr.splitlines()[:1]}")
    return made


class Disk:
    """The folder that is watched, and the switches of what fails on it."""

    def __init__(self, folder: Path, beside: Path) -> None:
        self.folder = folder
        self.log = beside / "disk.log"
        self._sync_fails = beside / "sync-fails"
        self._no_room = beside / "no-room"

    def environment(self, *, log: bool = False) -> dict[str, str]:
        """What a process needs in its environment to be on this disk."""
        return {
            **os.environ,
            "LD_PRELOAD": str(library()),
            "FAULTS_FOLDER": str(self.folder),
            "FAULTS_SYNC_FAILS": str(self._sync_fails),
            "FAULTS_NO_ROOM": str(self._no_room),
            **({"FAULTS_LOG": str(self.log)} if log else {}),
        }

    def fail_syncs(self) -> None:
        """From now on fsync and fdatasync are an I/O error."""
        self._sync_fails.touch()

    def fill(self) -> None:
        """From now on nothing more fits."""
        self._no_room.touch()

    def repair(self) -> None:
        """From now on everything works again."""
        self._sync_fails.unlink(missing_ok=True)
        self._no_room.unlink(missing_ok=True)


def read_log(path: Path) -> Iterator[Record]:
    """The changes and marks in their order."""
    data = path.read_bytes()
    at = 0
    while at < len(data):
        kind, inode, offset, name_length, length = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        name = data[at : at + name_length].decode()
        at += name_length
        yield Record(kind, inode, offset, name, data[at : at + length])
        at += length

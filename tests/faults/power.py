"""Power cuts: what may be on a disk that lost its power at some moment.

Everything up to a file's last fsync is there. Of what was written later, any part may be
there, whatever came first, and torn at any sector. Names last from the fsync of their folder
on; of later changes of names, the first few are there, as every file system with a log of
its own has it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from .shim import CREATE, MARK, MKDIR, RENAME, SYNC, TRUNCATE, UNLINK, WRITE, Record

SECTOR = 512

Change = Callable[[dict[str, int]], None]


class Original(NamedTuple):
    """A file, or a folder (without content), that was there before."""

    name: str
    inode: int
    content: bytes | None


def originals(root: Path) -> list[Original]:
    """What is in a folder, as it is before something happens to it."""
    return [
        Original(str(path), path.stat().st_ino, None if path.is_dir() else path.read_bytes())
        for path in sorted(root.resolve().rglob("*"))
    ]


class _File:
    """One file, under whatever name: what is safe, and what was written after that."""

    def __init__(self, content: bytes = b"") -> None:
        self.safe = bytearray(content)
        self.later: list[Record] = []

    def sync(self) -> None:
        for record in self.later:
            _apply(self.safe, record)
        self.later.clear()

    def after_cut(self, chance: random.Random | None) -> bytes:
        """What may be left of it; without ``chance``, all of it."""
        if not self.later:
            return bytes(self.safe)
        left = bytearray(self.safe)
        if chance is None:
            for record in self.later:
                _apply(left, record)
            return bytes(left)
        kept = [record for record in self.later if chance.random() < _SHARE[chance.randrange(4)]]
        if chance.random() < 0.5:
            chance.shuffle(kept)
        for record in kept:
            _apply(left, _torn(record, chance) if chance.random() < 0.3 else record)
        return bytes(left)


_SHARE = (0.1, 0.5, 0.9, 1.0)
"""How much of what was not made safe got there all the same."""


def _apply(content: bytearray, record: Record) -> None:
    end = record.offset if record.kind == TRUNCATE else record.offset + len(record.data)
    if end > len(content):
        content.extend(bytes(end - len(content)))
    if record.kind == TRUNCATE:
        del content[end:]
    else:
        content[record.offset : end] = record.data


def _torn(record: Record, chance: random.Random) -> Record:
    """The write up to some sector, or from one on."""
    if record.kind == TRUNCATE or len(record.data) <= SECTOR:
        return record
    first = SECTOR - record.offset % SECTOR
    cuts = range(first, len(record.data), SECTOR)
    at = chance.choice(cuts)
    if chance.random() < 0.7:
        return record._replace(data=record.data[:at])
    return record._replace(offset=record.offset + at, data=record.data[at:])


class _Folder:
    """The names in one folder: the safe ones, and the changes after that."""

    def __init__(self) -> None:
        self.safe: dict[str, int] = {}
        self.later: list[Change] = []

    def sync(self) -> None:
        for change in self.later:
            change(self.safe)
        self.later.clear()

    def after_cut(self, chance: random.Random | None) -> dict[str, int]:
        """The names that may be left: all up to some change; without ``chance``, all."""
        names = dict(self.safe)
        count = len(self.later)
        for change in self.later[: count if chance is None else chance.randint(0, count)]:
            change(names)
        return names


class Replay:
    """A disk that goes through a log of changes, and can lose its power at any point.

    ``before`` is what was in the folder ``root`` when the log began.
    """

    def __init__(self, root: Path, before: Iterable[Original] = ()) -> None:
        self._root = str(root.resolve())
        self._files: dict[int, _File] = {}
        self._folders: dict[str, _Folder] = {self._root: _Folder()}
        self._numbers: dict[int, int] = {}  # inodes are used again: numbers are not
        self.marks: list[str] = []
        for original in before:
            folder, _, name = original.name.rpartition("/")
            names = self._folders.setdefault(folder, _Folder()).safe
            if original.content is None:
                self._folders[original.name] = _Folder()
                names[name] = -1
            else:
                names[name] = self._numbers[original.inode] = len(self._files)
                self._files[names[name]] = _File(original.content)

    def go_on(self, records: Iterable[Record]) -> None:
        """Let these changes happen."""
        for record in records:
            self._do(record)

    def _do(self, record: Record) -> None:
        kind = record.kind
        if kind in (WRITE, TRUNCATE):
            self._file(record).later.append(record)
        elif kind == SYNC:
            if record.name in self._folders:
                self._folders[record.name].sync()
            else:
                self._file(record).sync()
        elif kind == MARK:
            self.marks.append(record.data.decode())
        else:
            self._rename(record)

    def _file(self, record: Record) -> _File:
        return self._files[self._numbers[record.inode]]

    def _rename(self, record: Record) -> None:
        folder, _, name = record.name.rpartition("/")
        changes = self._folders[folder].later
        if record.kind == CREATE:
            number = self._numbers[record.inode] = len(self._files)
            self._files[number] = _File()
            changes.append(lambda names: names.__setitem__(name, number))
        elif record.kind == MKDIR:
            self._folders[record.name] = _Folder()
            changes.append(lambda names: names.__setitem__(name, -1))
        elif record.kind == UNLINK:
            changes.append(lambda names: names.pop(name, None) and None)
        elif record.kind == RENAME:
            target = record.data.decode()
            assert target.rpartition("/")[0] == folder, "renamed into another folder"
            new = target.rpartition("/")[2]
            changes.append(
                lambda names: names.__setitem__(new, names.pop(name)) if name in names else None
            )

    def cut(self, target: Path, chance: random.Random) -> None:
        """Write into ``target`` what may be left if the power went now."""
        self._write(self._root, target, chance)

    def kill(self, target: Path) -> None:
        """Write into ``target`` what is left if the process dies now: everything."""
        self._write(self._root, target, None)

    def _write(self, folder: str, target: Path, chance: random.Random | None) -> None:
        target.mkdir(exist_ok=True)
        for name, number in self._folders[folder].after_cut(chance).items():
            if number < 0:
                self._write(f"{folder}/{name}", target / name, chance)
            else:
                (target / name).write_bytes(self._files[number].after_cut(chance))

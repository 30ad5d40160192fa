"""Pages: the rows of a SQLite file, read without SQLite.

For a damaged file: one bad page must not cost what stands on all the others. Every row
found is checked by who asks for it; so a page is read for whatever it may be.

The layout is described at https://www.sqlite.org/fileformat2.html.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from agentflow.journal.schema import PAGE

_LEAF, _INDEX_LEAF, _INTERIOR, _INDEX_INTERIOR = 13, 10, 5, 2
_ALMOST_LEAF = frozenset(_LEAF ^ 1 << bit for bit in range(8))
_ALMOST_INDEX_LEAF = frozenset(_INDEX_LEAF ^ 1 << bit for bit in range(8))
"""What a page's kind is when one of its bits has flipped. An overflow page's is 0."""
_WAL_HEADER, _FRAME_HEADER = 32, 24
_INTEGERS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_MOST_CELLS = 500


class Row(NamedTuple):
    """One row: of a table (its number and its values), or of an index (0 and the values)."""

    number: int
    values: list[Any]


class Found(NamedTuple):
    """What may stand on one page, and whether the page says the same throughout."""

    rows: list[Row]
    whole: bool


class Pages:
    """The pages of a database and of the write-ahead log beside it."""

    def __init__(self, path: Path) -> None:
        self._main = _content(path)
        self._log = _content(path.with_name(path.name + "-wal"))
        self._frames = self._newest_frames()
        count = len(self._main) // PAGE
        self.count = max(count, *self._frames) if self._frames else count
        self._free = self._free_pages()

    def __iter__(self) -> Iterator[list[bytes]]:
        """All pages in use, each as its versions, the newest first."""
        for number in range(1, self.count + 1):
            if number not in self._free:
                versions = self.versions(number)
                if versions:
                    yield versions

    def versions(self, number: int) -> list[bytes]:
        """What page ``number`` is and has been, the newest first."""
        found = [
            self._log[start : start + PAGE] for start in reversed(self._frames.get(number, []))
        ]
        start = (number - 1) * PAGE
        if start + PAGE <= len(self._main):
            found.append(self._main[start : start + PAGE])
        return found

    def logged(self) -> Iterator[bytes]:
        """Every page in the log, also of transactions that SQLite doesn't count."""
        for start in range(_WAL_HEADER, len(self._log) - _FRAME_HEADER - PAGE + 1,
                           _FRAME_HEADER + PAGE):  # fmt: skip
            yield self._log[start + _FRAME_HEADER : start + _FRAME_HEADER + PAGE]

    def read(self, page: bytes) -> Found:
        """What may be rows on ``page``; whole is False when it contradicts itself."""
        start = 100 if page[:15] == b"SQLite format 3" else 0
        kind = page[start]
        if kind == _LEAF:
            return self._cells(page, start, table=True, interior=False)
        if kind == _INDEX_LEAF:
            return self._cells(page, start, table=False, interior=False)
        if kind == _INDEX_INTERIOR:
            return self._cells(page, start, table=False, interior=True)
        # What stands on an inner page besides its pointers was deleted long ago.
        if kind in _ALMOST_LEAF and not (kind == _INTERIOR and _is_interior(page, start)):
            return self._cells(page, start, table=True, interior=False)
        if kind in _ALMOST_INDEX_LEAF:
            return self._cells(page, start, table=False, interior=False)
        return Found([], True)

    # -- where pages are ----------------------------------------------------------------

    def _newest_frames(self) -> dict[int, list[int]]:
        """Where in the log each page is, the oldest first: as far as the last transaction.

        The checksums of the log are not looked at: rows have their own.
        """
        log = self._log
        found: list[tuple[int, int]] = []
        ended = 0
        first = log[_WAL_HEADER + 8 : _WAL_HEADER + 16]
        own = log[16:24]
        for start in range(_WAL_HEADER, len(log) - _FRAME_HEADER - PAGE + 1, _FRAME_HEADER + PAGE):
            number, size = struct.unpack_from(">II", log, start)
            salt = log[start + 8 : start + 16]
            if not _alike(salt, first) and not _alike(salt, own):
                continue  # left over from an earlier round
            if 0 < number < 1 << 30:
                found.append((number, start + _FRAME_HEADER))
            if size:
                ended = len(found)
        frames: dict[int, list[int]] = {}
        for number, start in found[:ended]:
            frames.setdefault(number, []).append(start)
        return frames

    def _free_pages(self) -> set[int]:
        """The pages on the list of free ones, as far as that can be read."""
        free: set[int] = set()
        first = self.versions(1)
        if not first:
            return free
        trunk = int.from_bytes(first[0][32:36], "big")
        while 1 < trunk <= self.count and trunk not in free:
            versions = self.versions(trunk)
            if not versions:
                break
            free.add(trunk)
            following, leaves = struct.unpack_from(">II", versions[0])
            if leaves <= PAGE // 4 - 2:
                free.update(struct.unpack_from(f">{leaves}I", versions[0], 8))
            trunk = following
        return free

    # -- what stands on one -------------------------------------------------------------

    def _cells(self, page: bytes, start: int, *, table: bool, interior: bool) -> Found:
        count, content = struct.unpack_from(">HH", page, start + 3)
        array = start + (12 if interior else 8)
        rows: list[Row] = []
        used = array + 2 * count
        whole = count <= _MOST_CELLS
        for index in range(min(count, _MOST_CELLS)):
            cell = self._cell(page, array + 2 * index, table, interior)
            if cell is None:
                whole = False
            else:
                rows.append(cell[0])
                used += max(4, cell[1])
        used += _unused(page, start)
        if not whole or used != PAGE:
            # The count may be what is wrong: what stands behind it can be cells, too.
            whole = False
            most = min(_MOST_CELLS, max(0, (content or PAGE) - array) // 2)
            for index in range(min(count, _MOST_CELLS), most):
                cell = self._cell(page, array + 2 * index, table, interior)
                if cell is not None:
                    rows.append(cell[0])
        return Found(rows, whole)

    def _cell(
        self, page: bytes, pointer: int, table: bool, interior: bool
    ) -> tuple[Row, int] | None:
        """The row that ``pointer`` points to, and how many bytes of the page it takes."""
        try:
            begin = start = int.from_bytes(page[pointer : pointer + 2], "big")
            if interior:
                start += 4
            size, start = _varint(page, start)
            number = 0
            if table:
                number, start = _varint(page, start)
                local = _local(size, PAGE - 35)
            else:
                local = _local(size, (PAGE - 12) * 64 // 255 - 23)
            payload = page[start : start + local]
            if size > self.count * PAGE:
                return None
            if local < size:
                overflow = int.from_bytes(page[start + local : start + local + 4], "big")
                payload += self._overflow(overflow, size - local)
                local += 4
            if len(payload) < size:
                return None
            return Row(number, _record(payload)), start + local - begin
        except (IndexError, ValueError, struct.error):
            return None

    def _overflow(self, number: int, size: int) -> bytes:
        """``size`` bytes of the chain of pages that begins there. ValueError if it is shorter."""
        chain: list[bytes] = []
        for _ in range(-(-size // (PAGE - 4))):
            versions = self.versions(number) if 0 < number <= self.count else []
            if not versions:
                raise ValueError("the chain ends too early")
            number = int.from_bytes(versions[0][:4], "big")
            chain.append(versions[0][4:])
        return b"".join(chain)[:size]


def _content(path: Path) -> bytes | mmap.mmap:
    try:
        with path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError):  # ValueError: it is empty
        return b""


def _alike(salt: bytes, other: bytes) -> bool:
    """Whether they differ by a flipped bit at most; those of two logs differ by more."""
    return sum(one == two for one, two in zip(salt, other, strict=True)) >= 6


def _local(size: int, most: int) -> int:
    """How much of a row of so many bytes stands on its own page."""
    if size <= most:
        return size
    least = (PAGE - 12) * 32 // 255 - 23
    local = least + (size - least) % (PAGE - 4)
    return local if local <= most else least


def _unused(page: bytes, start: int) -> int:
    """The bytes of a page that belong to no cell."""
    block, count, content, fragments = struct.unpack_from(">HHHB", page, start + 1)
    array = start + (12 if page[start] in (_INTERIOR, _INDEX_INTERIOR) else 8)
    unused = int(fragments) + (content or 65_536) - array - 2 * int(count)
    for _ in range(PAGE // 4):
        if not 0 < block <= PAGE - 4:
            break
        block, size = struct.unpack_from(">HH", page, block)
        unused += size
    return unused


def _is_interior(page: bytes, start: int) -> bool:
    """Whether a page says throughout that it is an inner page of a table."""
    used = 0
    try:
        [count] = struct.unpack_from(">H", page, start + 3)
        for index in range(min(count, PAGE)):
            cell = int.from_bytes(page[start + 12 + 2 * index : start + 14 + 2 * index], "big")
            used += _varint(page, cell + 4)[1] - cell
    except IndexError:
        return False
    return start + 12 + 2 * int(count) + used + _unused(page, start) == PAGE


def _varint(data: bytes, start: int) -> tuple[int, int]:
    value = 0
    for index in range(8):
        byte = data[start + index]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, start + index + 1
    return value << 8 | data[start + 8], start + 9


def _record(payload: bytes) -> list[Any]:
    end, at = _varint(payload, 0)
    start = end
    values: list[Any] = []
    while at < end:
        kind, at = _varint(payload, at)
        if kind >= 12:
            size = (kind - 12) // 2
            raw = payload[start : start + size]
            if len(raw) < size:
                raise ValueError("a row ends too early")
            values.append(raw if kind % 2 == 0 else raw.decode())
        elif kind == 0:
            size = 0
            values.append(None)
        elif kind in (8, 9):
            size = 0
            values.append(kind - 8)
        elif kind == 7:
            size = 8
            values.append(struct.unpack(">d", payload[start : start + 8])[0])
        else:
            size = _INTEGERS.get(kind, 0)
            if not size:
                raise ValueError("no such kind of value")
            values.append(int.from_bytes(payload[start : start + size], "big", signed=True))
        start += size
    return values

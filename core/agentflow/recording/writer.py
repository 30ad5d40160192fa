"""Writer: the thread that packs what was handed over and puts it into the file."""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from agentflow.recording import encoding, schema
from agentflow.recording.encoding import Ended
from agentflow.recording.opening import Opened
from agentflow.recording.records import Frame, News, VersionRecord
from agentflow.recording.retention import Retention

CHUNK = 256
"""Stories in one chunk, at most."""

LINGER = 0.25
"""Seconds that stories are waited for until a chunk is written with what there is."""

MOST, MOST_BYTES = 50_000, 64_000_000
"""Stories, and bytes of their states, that may wait; what is beyond is counted as missed."""

_encode = msgspec.msgpack.Encoder().encode


class Told(NamedTuple):
    """A frame, and what came up before it."""

    frame: Frame
    news: News


class Writer:
    """Takes what is put into ``stories`` and ``others`` to the disk, in a thread of its own.

    ``offset`` is what turns the engine's times into the time of day.
    """

    def __init__(self, opened: Opened, offset: float, retention: Retention) -> None:
        self.stories: deque[Ended] = deque()
        self.others: deque[Told | VersionRecord] = deque()
        self.missed = 0
        self.written = opened.last
        self.shift = 0
        """What is added to the numbers of configuration versions."""
        self._db, self._lock = opened.db, opened.lock
        self._offset = offset
        self._last = 0.0
        self._added = self._taken = 0  # bytes of states, by the loop and by the thread
        self._retention = retention
        self._failed: Callable[[str], None]
        self._some = threading.Event()
        self._full = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="recording", daemon=True)

    def start(self, failed: Callable[[str], None]) -> None:
        """Begin. ``failed`` is called in the thread, with a clause, if it can't go on."""
        self._failed = failed
        self._thread.start()

    def add(self, ended: Ended) -> None:
        """Hand a story over. For the loop's thread: never blocks."""
        waiting, size = len(self.stories), ended.size
        if waiting >= MOST or self._added + size - self._taken > MOST_BYTES:
            self.missed += 1
            return
        self._added += size
        self.stories.append(ended)
        if not waiting:
            self._some.set()
        elif waiting == CHUNK:
            self._full.set()

    def tell(self, other: Told | VersionRecord) -> None:
        """Hand over something else."""
        self.others.append(other)
        self._some.set()

    def close(self) -> None:
        """Write what is left and let go of the file. Blocks."""
        self._closing = True
        self._some.set()
        self._full.set()
        if self._thread.ident is None:
            self._let_go()  # it has never begun
        else:
            self._thread.join()

    # -- in the thread ------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._closing:
                self._some.wait()
                self._some.clear()
                if not self._closing:
                    self._full.wait(LINGER)
                    self._full.clear()
                self._write_all()
                self._retention.look(self._db)
            self._write_all()
            self._end()
        except Exception as error:  # whatever it was: the engine must not notice
            self.stories.clear()
            self.others.clear()
            self._let_go()
            self._failed(_sentence(error))

    def _write_all(self) -> None:
        while self.stories or self.others:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                if self.stories:
                    self._write_chunk()
                while self.others:
                    self._write_other(self.others.popleft())
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _write_chunk(self) -> None:
        stories = self.stories
        batch = [stories.popleft() for _ in range(min(len(stories), CHUNK))]
        offset = self._offset
        bodies: list[bytes] = []
        keys: set[int] = set()
        earliest, began, failed = batch[0].execution.accepted, 0.0, 0
        for ended in batch:
            execution = ended.execution
            # Some end together and are handed over in another order: this one is what counts.
            self._last = max(self._last, execution.ended)
            began = began or self._last
            earliest = min(earliest, execution.accepted)
            failed += bool(execution.error)
            keys.update(encoding.keys(execution))
            bodies.append(encoding.encode_story(ended, self._last, self.shift))
        first = self.written + 1
        self.written += len(batch)
        row = (first, self.written, earliest + offset, began + offset, self._last + offset, failed)
        body = schema.pack(encoding.join(offset, bodies))
        found = schema.keys_of(keys)
        self._insert("chunks", (*row, found, body, schema.crc_of(body, *row)))
        self._taken += sum(ended.size for ended in batch)

    def _write_other(self, other: Told | VersionRecord) -> None:
        if isinstance(other, VersionRecord):
            body, number = _encode(other), other.number + self.shift
            self._insert("versions", (number, body, schema.crc_of(body, number)))
            return
        frame, news = other
        streams = (
            (schema.POINT, news.points), (schema.LOG, news.log), (schema.AUDIT, news.audit),
            (schema.DEAD, news.dead), (schema.CONFIG, news.config),
        )  # fmt: skip
        for stream, content in streams:
            if content:
                body = schema.pack(_encode(content))
                crc = schema.crc_of(body, stream, frame.time)
                row = (None, stream, frame.time, schema.count_of(content), body, crc)
                self._insert("news", row)
        body = schema.pack(_encode(frame))
        self._insert("frames", (None, frame.time, body, schema.crc_of(body, frame.time)))
        if self.missed:
            self._insert("facts", ("missed", self.missed))

    def _insert(self, table: str, row: tuple[Any, ...]) -> None:
        marks = ",".join("?" * len(row))
        self._db.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", row)

    def _end(self) -> None:
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._let_go()

    def _let_go(self) -> None:
        try:
            self._db.close()
        finally:
            self._lock.release()


def _sentence(error: Exception) -> str:
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_FULL:
            return "the disk is full"
        return f"the disk: {error}"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return f"{type(error).__name__}: {error}"

"""Export: a stretch of time or some sessions of a recording, as one file of the same format."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from contextlib import closing
from math import inf
from pathlib import Path
from typing import Any

import msgspec

from agentflow.errors import RecordingUnusable
from agentflow.journal import files
from agentflow.recording import schema
from agentflow.recording.opening import create
from agentflow.recording.reading import Recording
from agentflow.recording.records import DeadChange, Frame

BATCH = 256
"""Stories in one chunk, where chunks have to be made anew."""

_encode = msgspec.msgpack.Encoder().encode


def export(
    recording: Recording,
    path: Path,
    *,
    start: float = 0.0,
    end: float = inf,
    sessions: Collection[str] = (),
) -> int:
    """Write what ended from ``start`` to ``end`` into a new file at ``path``; how many events.

    With ``sessions`` only theirs, and nothing that tells of others. The configurations that
    they ran under go along. Raises FileExistsError, OSError and RecordingUnusable.
    """
    if path.exists():
        raise FileExistsError(17, "there is a file already", str(path))
    new = files.beside(path, ".new")
    new.unlink(missing_ok=True)
    try:
        create(new)
        with closing(schema.connect(new)) as db:
            count = _Export(recording, db, start, end, frozenset(sessions)).write()
            db.execute("PRAGMA journal_mode=DELETE")  # one file, with nothing beside it
        new.replace(path)
    except sqlite3.Error as error:
        raise RecordingUnusable(str(path), str(error)) from error
    finally:
        files.remove(new)
    return count


class _Export:
    def __init__(
        self,
        recording: Recording,
        db: sqlite3.Connection,
        start: float,
        end: float,
        sessions: frozenset[str],
    ) -> None:
        self._from = recording
        self._db = db
        self._start, self._end = start, end
        self._sessions = sessions
        self._count = 0
        self._versions: set[int] = set()

    def write(self) -> int:
        """Everything; how many stories."""
        self._db.execute("BEGIN IMMEDIATE")
        first, last = self._write_stories()
        if self._sessions and self._count:
            # Only as long as they lived.
            self._start, self._end = max(self._start, first), min(self._end, last)
        if self._count or not self._sessions:
            self._write_frames()
            self._write_news()
        self._write_versions()
        self._insert("facts", ("export", 1))
        self._db.execute("COMMIT")
        return self._count

    def _write_stories(self) -> tuple[float, float]:
        """From the earliest acceptance to the last end."""
        chunks = self._from.chunks
        first, last = inf, 0.0
        for index in range(chunks.since(self._start), len(chunks.places)):
            place = chunks.places[index]
            if place.began > self._end:
                break
            kept = [
                (story, raw)
                for story, raw in chunks.with_bodies(index)
                if self._start <= story.ended <= self._end
                and (not self._sessions or story.session in self._sessions)
            ]
            if not kept:
                continue
            stories = [story for story, _ in kept]
            self._versions.update(story.version for story in stories)
            earliest = min(story.accepted for story in stories)
            row = (
                self._count + 1, self._count + len(kept), earliest, stories[0].ended,
                stories[-1].ended, sum(bool(story.error) for story in stories),
            )  # fmt: skip
            keys = {schema.key_of(text) for story in stories for text in (story.id, story.session)}
            body = schema.pack(_encode((chunks.offset(index), [raw for _, raw in kept])))
            self._insert("chunks", (*row, schema.keys_of(keys), body, schema.crc_of(body, *row)))
            self._count += len(kept)
            first, last = min(first, earliest), max(last, stories[-1].ended)
        return first, last

    def _write_frames(self) -> None:
        before = self._from.frame(self._start)
        times = [time for time in self._from.frame_times if self._start < time <= self._end]
        frames = [before] if before is not None else []
        for time in times:
            frame = self._from.frame(time)
            if frame is not None:
                frames.append(frame)
        for frame in frames:
            if self._sessions:
                frame = self._narrowed(frame)
            body = schema.pack(_encode(frame))
            self._insert("frames", (None, frame.time, body, schema.crc_of(body, frame.time)))

    def _narrowed(self, frame: Frame) -> Frame:
        live = [row for row in frame.snapshot.live if row.session in self._sessions]
        return Frame(frame.time, msgspec.structs.replace(frame.snapshot, live=live))

    def _write_news(self) -> None:
        streams = self._from.streams
        begin, _ = streams.config(self._start)
        if begin is not None:
            self._tell(schema.CONFIG, self._start, begin)
        rows = streams.dead(self._start)
        self._tell(schema.DEAD, self._start, self._mine(DeadChange(rows, [], True)))
        wanted = [schema.POINT, schema.CONFIG, schema.DEAD]
        if not self._sessions:
            wanted += [schema.LOG, schema.AUDIT]
        for stream, time, content in streams.between(self._start, self._end):
            if stream in wanted:
                self._tell(stream, time, self._mine(content))

    def _mine(self, content: Any) -> Any:
        if not self._sessions or not isinstance(content, DeadChange):
            return content
        rows = [row for row in content.rows if row.session in self._sessions]
        return DeadChange(rows, content.gone, content.full)

    def _tell(self, stream: int, time: float, content: Any) -> None:
        body = schema.pack(_encode(content))
        crc = schema.crc_of(body, stream, time)
        self._insert("news", (None, stream, time, schema.count_of(content), body, crc))

    def _write_versions(self) -> None:
        for number, version in self._from.versions.items():
            if not self._sessions or number in self._versions:
                body = _encode(version)
                self._insert("versions", (number, body, schema.crc_of(body, number)))

    def _insert(self, table: str, row: tuple[Any, ...]) -> None:
        marks = ",".join("?" * len(row))
        self._db.execute(f"INSERT INTO {table} VALUES ({marks})", row)

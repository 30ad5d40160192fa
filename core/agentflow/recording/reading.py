"""Reading: what is in a recording, also while an engine goes on writing it."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import msgspec

from agentflow.errors import RecordingUnusable
from agentflow.event import Event
from agentflow.journal.codec import fields_in
from agentflow.recording import schema
from agentflow.recording.chunks import Chunks
from agentflow.recording.database import Database
from agentflow.recording.records import Frame, Story, VersionRecord, event_of
from agentflow.recording.streams import Streams
from agentflow.recording.versions import read_versions
from agentflow.telemetry.snapshot import SessionRow

_frame = msgspec.msgpack.Decoder(Frame)


class Span(NamedTuple):
    """From when to when, in seconds since the epoch."""

    start: float
    end: float


class Recording:
    """A recording, to be read from beginning to end or at any place.

    ``open`` it, and ``close`` it again; a context manager. ``refresh`` takes in what an
    engine has written since. For one thread. Methods raise RecordingUnusable when the file
    can't be read any more; parts that are damaged are left out, and named by ``damage``.
    """

    def __init__(self, db: Database) -> None:
        self.path = db.path
        self._db = db
        self.chunks = Chunks(db)
        self.streams = Streams(db)
        self._frames: list[tuple[float, int]] = []  # time (never falling) and number
        self._bad_frames: set[int] = set()
        self._open_frames: dict[int, Frame] = {}
        self._take_in_frames()

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Recording:
        """The recording at ``path``. Raises RecordingUnusable."""
        db = Database(Path(path))
        try:
            return cls(db)
        except BaseException:
            db.close()
            raise

    def __enter__(self) -> Recording:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def refresh(self) -> None:
        """Take in what was written since the last look."""
        self.chunks.refresh()
        self.streams.refresh()
        self._take_in_frames()

    # -- what there is ------------------------------------------------------------------

    @property
    def span(self) -> Span:
        """From the first moment that is known of to the last one."""
        places, frames = self.chunks.places, self._frames
        starts = [frames[0][0]] if frames else []
        ends = [frames[-1][0]] if frames else []
        if places:
            # A long wait before the first end is no part of what was recorded.
            starts.append(places[0].began if frames else places[0].accepted)
            ends.append(places[-1].ended)
        return Span(min(starts), max(ends)) if starts else Span(0.0, 0.0)

    @property
    def count(self) -> int:
        """How many stories there are."""
        return sum(place.last - place.first + 1 for place in self.chunks.places)

    @property
    def failed(self) -> int:
        """How many of them ended as dead letters."""
        return sum(place.failed for place in self.chunks.places)

    @property
    def versions(self) -> dict[int, VersionRecord]:
        """The configurations that ran, by number."""
        return read_versions(self._db.db)

    @property
    def missed(self) -> int:
        """Events that ended faster than they could be written."""
        return int(self._db.fact("missed", 0))

    @property
    def damage(self) -> list[str]:
        """What is missing because it can't be read, as far as was looked, in sentences."""
        found = []
        if chunks := len(self.chunks.damaged):
            found.append(f"{chunks} of {len(self.chunks.places)} pieces of events are damaged")
        if frames := len(self._bad_frames):
            found.append(f"{frames} of {len(self._frames)} frames are damaged")
        if self.streams.damaged:
            found.append(f"{len(self.streams.damaged)} pieces of the log and its like are damaged")
        return found

    # -- stories ------------------------------------------------------------------------

    def stories(self, first: int = 1, last: int | None = None) -> Iterator[Story]:
        """The stories with these numbers, in the order in which they ended."""
        index = self.chunks.of(first)
        while index < len(self.chunks.places):
            if last is not None and self.chunks.places[index].first > last:
                return
            for story in self.chunks.stories(index):
                if story.number >= first and (last is None or story.number <= last):
                    yield story
            index += 1

    def between(self, start: float, end: float) -> Iterator[Story]:
        """The stories that ended after ``start`` and not after ``end``."""
        for index in range(self.chunks.until(start), len(self.chunks.places)):
            if self.chunks.places[index].began > end:
                return
            for story in self.chunks.stories(index):
                if start < story.ended <= end:
                    yield story

    def sessions(self) -> list[SessionRow]:
        """Every session that something ended of, the latest first. Reads everything."""
        found: dict[str, list[Any]] = {}
        for index in range(len(self.chunks.places)):
            chunk = self.chunks.chunk(index)
            offset = chunk.offset
            for stored in chunk.stored:
                _, _, target, _, session, _, metadata = fields_in(stored.event)
                accepted = stored.accepted + offset
                row = found.get(session)
                if row is None:
                    row = found[session] = [0, 0, accepted + 1, 0.0, "", ""]
                row[0] += 1
                row[1] += bool(stored.error)
                if accepted < row[2]:
                    row[2], row[4], row[5] = accepted, metadata.get("route") or target, stored.mode
                row[3] = max(row[3], stored.ended + offset)
        rows = [
            SessionRow(session, events, 0, dead, start, last, target, mode)
            for session, (events, dead, start, last, target, mode) in found.items()
        ]
        return sorted(rows, key=lambda row: row.last, reverse=True)

    def session(self, session_id: str) -> list[Story]:
        """The stories of one session, in the order in which they were accepted."""
        found = [
            story
            for index in self.chunks.with_key(session_id)
            for story in self.chunks.stories(index)
            if story.session == session_id
        ]
        return sorted(found, key=lambda story: (story.accepted, story.seq, story.number))

    def story(self, event_id: str) -> Story | None:
        """The (last) story of one event; None if it has not ended in this recording."""
        found = None
        for index in self.chunks.with_key(event_id):
            for story in self.chunks.stories(index):
                if story.id == event_id:
                    found = story
        return found

    def event_of(self, story: Story) -> Event:
        """The event that a story is about. Raises ValueError if it can't be read."""
        return event_of(story)

    # -- frames -------------------------------------------------------------------------

    @property
    def frame_times(self) -> list[float]:
        """When frames were taken, the earliest first."""
        return [time for time, _ in self._frames]

    @property
    def frame_count(self) -> int:
        """How many frames there are."""
        return len(self._frames)

    def frame(self, at: float) -> Frame | None:
        """The last frame that was taken by then; None if there is none."""
        return self._whole_frame(bisect_right(self._frames, (at, 1 << 62)) - 1, -1)

    def frame_after(self, at: float) -> Frame | None:
        """The first frame that was taken after that; None if there is none."""
        return self._whole_frame(bisect_right(self._frames, (at, 1 << 62)), 1)

    def _whole_frame(self, index: int, step: int) -> Frame | None:
        """The frame of this index, or the next one in that direction that is not damaged."""
        while 0 <= index < len(self._frames):
            number = self._frames[index][1]
            frame = self._open_frames.get(number)
            if frame is None and number not in self._bad_frames:
                frame = self._read_frame(number)
            if frame is not None:
                if number not in self._open_frames and len(self._open_frames) > 4:
                    self._open_frames.clear()
                self._open_frames[number] = frame
                return frame
            index += step
        return None

    def _read_frame(self, number: int) -> Frame | None:
        try:
            row = self._db.first("SELECT time, body, crc FROM frames WHERE number = ?", (number,))
            if row is None:  # too old by now
                return None
            time, body, crc = row
            if crc == schema.crc_of(body, time):
                return _frame.decode(schema.unpack(body))
        except (TypeError, ValueError, RecordingUnusable):
            pass
        self._bad_frames.add(number)
        return None

    def _take_in_frames(self) -> None:
        latest, after = self._frames[-1] if self._frames else (0.0, 0)
        for number, time in self._db.ask(
            "SELECT number, time FROM frames WHERE number > ? ORDER BY number", (after,)
        ):
            latest = max(latest, time)
            self._frames.append((latest, number))

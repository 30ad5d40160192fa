"""Chunks: from stored bytes back to stories, and where in a recording each chunk is."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from agentflow.errors import RecordingUnusable
from agentflow.journal.codec import extension, fields_in, id_in
from agentflow.recording import schema
from agentflow.recording.database import Database
from agentflow.recording.records import Note, Output, Run, Story

_CACHED = 96


class Stored(msgspec.Struct, array_like=True, gc=False):
    """A story as it is stored: see ``encoding.story_fields``."""

    seq: int
    event: bytes
    accepted: float
    started: float
    ended: float
    mode: str
    version: int
    at: str
    error: str
    attempt: int
    runs: list[Run]
    outputs: list[tuple[dict[str, Any] | None, dict[str, str] | None, str, str, bool] | None] | None
    notes: list[Note] | None
    children: list[str] | None
    emitters: list[int] | None
    state: dict[str, Any] | None
    meta: dict[str, str] | None
    whole: bool
    nested: bool


_chunk = msgspec.msgpack.Decoder(tuple[float, list[Stored]], ext_hook=extension)
_pieces = msgspec.msgpack.Decoder(tuple[float, list[msgspec.Raw]])


class Chunk:
    """The stories of one chunk, as they are stored; made readable when somebody wants to read."""

    __slots__ = ("_stories", "first", "offset", "stored")

    def __init__(self, first: int, offset: float, stored: list[Stored]) -> None:
        self.first = first
        self.offset = offset
        """What turns the times in ``stored`` into seconds since the epoch."""
        self.stored = stored
        self._stories: list[Story] | None = None

    @property
    def stories(self) -> list[Story]:
        """All of them."""
        if self._stories is None:
            self._stories = [
                _story(fields, self.first + place, self.offset)
                for place, fields in enumerate(self.stored)
            ]
        return self._stories

    def story(self, place: int) -> Story:
        """One of them."""
        if self._stories is not None:
            return self._stories[place]
        return _story(self.stored[place], self.first + place, self.offset)

    def ended_by(self, time: float) -> int:
        """How many of them, from the first, had ended by then."""
        # Added, not taken away: what is rounded must be rounded as it is in the stories.
        offset = self.offset
        return bisect_right(self.stored, time, key=lambda stored: stored.ended + offset)


class Place(NamedTuple):
    """Where a chunk is: its stories, and times in seconds since the epoch."""

    first: int
    last: int
    accepted: float
    began: float
    ended: float
    failed: int


class Chunks:
    """The chunks of one recording. Methods raise RecordingUnusable.

    ``damaged`` counts those that could not be read; their stories are missing.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self.places: list[Place] = []
        self.damaged: set[int] = set()
        self._firsts: list[int] = []
        self._ends: list[float] = []  # never falling, though a clock may have been set back
        self._keys: list[bytes] = []  # of the first chunks, as far as somebody has looked
        self._open: OrderedDict[int, Chunk] = OrderedDict()
        self.refresh()

    def refresh(self) -> None:
        """Take in what was written since."""
        after = self._firsts[-1] if self._firsts else 0
        latest = self._ends[-1] if self._ends else 0.0
        for row in self._db.ask(
            "SELECT first, last, accepted, began, ended, failed FROM chunks"
            " WHERE first > ? ORDER BY first",
            (after,),
        ):
            place = Place(*row)
            latest = max(latest, place.ended)
            self.places.append(place)
            self._firsts.append(place.first)
            self._ends.append(latest)

    def until(self, time: float) -> int:
        """How many chunks, from the first, have ended by then: the next one may have begun."""
        return bisect_right(self._ends, time)

    def since(self, time: float) -> int:
        """The index of the first chunk with a story that ended then or later."""
        return bisect_left(self._ends, time)

    def of(self, number: int) -> int:
        """The index of the chunk with this story, or of the first one behind it."""
        index = bisect_right(self._firsts, number) - 1
        return index + 1 if index >= 0 and self.places[index].last < number else max(index, 0)

    def chunk(self, index: int) -> Chunk:
        """A chunk; one without stories if it is damaged."""
        first = self._firsts[index]
        found = self._open.get(first)
        if found is None:
            found = self._open[first] = self._read(self.places[index])
            if len(self._open) > _CACHED:
                self._open.popitem(last=False)
        else:
            self._open.move_to_end(first)
        return found

    def stories(self, index: int) -> list[Story]:
        """The stories of a chunk; [] if it is damaged."""
        return self.chunk(index).stories

    def with_bodies(self, index: int) -> list[tuple[Story, msgspec.Raw]]:
        """The stories of a chunk, each with its stored form; [] if it is damaged."""
        stories = self.stories(index)
        return list(zip(stories, self._raw(index)[1], strict=True)) if stories else []

    def offset(self, index: int) -> float:
        """What turns the times in a chunk's stored stories into seconds since the epoch."""
        return self._raw(index)[0]

    def _raw(self, index: int) -> tuple[float, list[msgspec.Raw]]:
        first = self._firsts[index]
        row = self._db.first("SELECT body FROM chunks WHERE first = ?", (first,))
        return _pieces.decode(schema.unpack(row[0])) if row is not None else (0.0, [])

    def with_key(self, text: str) -> Iterator[int]:
        """The indexes of the chunks that may hold a story with this id or session."""
        self._read_keys()
        wanted = schema.key_of(text).to_bytes(4, "little")
        for index, keys in enumerate(self._keys):
            if wanted in keys:
                yield index

    def at_hand(self, event_id: str) -> Story | None:
        """The story of an event, if it is in one of the chunks that were looked at last."""
        wanted = event_id.encode("utf-8", "surrogatepass")
        for chunk in reversed(self._open.values()):
            for place, stored in enumerate(chunk.stored):
                if wanted in stored.event and id_in(stored.event) == event_id:
                    return chunk.story(place)
        return None

    def _read_keys(self) -> None:
        known = len(self._keys)
        if known == len(self.places):
            return
        first = self._firsts[known]
        found = dict(self._db.ask("SELECT first, keys FROM chunks WHERE first >= ?", (first,)))
        self._keys += [found.get(first, b"") for first in self._firsts[known:]]

    def _read(self, place: Place) -> Chunk:
        try:
            row = self._db.first("SELECT body, crc FROM chunks WHERE first = ?", (place.first,))
            if row is None:  # too old by now: deleted while it was looked at
                return Chunk(place.first, 0.0, [])
            body, crc = row
            if crc != schema.crc_of(body, *place):
                raise ValueError("its checksum does not fit")
            offset, stored = _chunk.decode(schema.unpack(body))
            return Chunk(place.first, offset, stored)
        except (ValueError, TypeError, RecordingUnusable):
            self.damaged.add(place.first)
            return Chunk(place.first, 0.0, [])


def _story(stored: Stored, number: int, offset: float) -> Story:
    id, _, target, _, session, data, metadata = fields_in(stored.event)
    state = data if stored.state is None else stored.state
    runs = [
        Run(agent, start + offset, end + offset, attempts, error, before, meta)
        for agent, start, end, attempts, error, before, meta in stored.runs
    ]
    notes = [
        Note(kind, name, start + offset, end + offset if end else 0.0, status, error)
        for kind, name, start, end, status, error in stored.notes or ()
    ]
    children = stored.children or []
    return Story(
        number, stored.seq, id, session, metadata.get("route") or target, stored.event,
        stored.accepted + offset, stored.started + offset if stored.started else 0.0,
        stored.ended + offset, stored.mode, stored.version, stored.at, stored.error,
        stored.attempt, runs, _outputs(stored, state), notes, children,
        stored.emitters or [-1] * len(children), state, stored.meta or {}, stored.whole,
        stored.nested, metadata.get("parent_event", ""),
    )  # fmt: skip


def _outputs(stored: Stored, state: dict[str, Any]) -> list[Output | None]:
    """What each run ended with.

    Where nothing was kept, nothing stood between two runs: what one ended with is what the
    next one was given, and what the last one ended with is the event's final state.
    """
    found: list[Output | None] = []
    runs, kept = stored.runs, stored.outputs or []
    for place, run in enumerate(runs):
        output = kept[place] if place < len(kept) else None
        following = runs[place + 1] if place + 1 < len(runs) else None
        if output is not None:
            values, meta, error, error_type, whole = output
            if values is None:
                values = {} if error or following is not None else state
                whole = whole and (bool(error) or stored.whole)
            found.append(Output(run.agent, values, meta or {}, error, error_type, whole))
        elif run.error:
            found.append(None)
        elif following is None:
            found.append(Output(run.agent, state, stored.meta or {}, whole=stored.whole))
        else:
            meta = dict(following.before_meta or {})
            if stored.mode == "loop" and "loop_iteration" in meta:
                meta["loop_iteration"] = str(place + 1)  # the next round has its own
            found.append(Output(run.agent, following.before, meta))
    return found

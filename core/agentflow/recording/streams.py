"""Streams: log lines, points, operators' actions, dead letters and configurations, by time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from agentflow.errors import RecordingUnusable
from agentflow.recording import schema
from agentflow.recording.database import Database
from agentflow.recording.records import DeadChange
from agentflow.telemetry.snapshot import AuditRow, Config, DeadRow, LogRow, Point

_TYPES: dict[int, msgspec.msgpack.Decoder[Any]] = {
    schema.POINT: msgspec.msgpack.Decoder(list[Point]),
    schema.LOG: msgspec.msgpack.Decoder(list[LogRow]),
    schema.AUDIT: msgspec.msgpack.Decoder(list[AuditRow]),
    schema.DEAD: msgspec.msgpack.Decoder(DeadChange),
    schema.CONFIG: msgspec.msgpack.Decoder(Config),
}


_CACHED = 5_000
"""Pieces that are kept in memory."""


class Piece(NamedTuple):
    """Some rows of a stream: when they were written, and how many there are with them."""

    time: float
    number: int
    total: int
    """Rows of the stream, from the first one in this recording to the last one in here."""
    complete: bool
    """Whether nothing before it is needed."""


class Streams:
    """The streams of one recording. Methods raise RecordingUnusable."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._pieces: dict[int, list[Piece]] = {stream: [] for stream in _TYPES}
        self._last = 0
        self._known: dict[int, Any] = {}
        self.damaged: set[int] = set()
        self.refresh()

    def refresh(self) -> None:
        """Take in what was written since."""
        for number, stream, time, count in self._db.ask(
            "SELECT number, stream, time, count FROM news WHERE number > ? ORDER BY number",
            (self._last,),
        ):
            self._last = number
            pieces = self._pieces.get(stream)
            if pieces is None:
                continue
            before = pieces[-1] if pieces else Piece(0.0, 0, 0, True)
            pieces.append(Piece(max(time, before.time), number, before.total + count, not count))

    def points(self, until: float, limit: int, since: float = 0.0) -> list[Point]:
        """The last points by then, at most ``limit`` and after ``since``, oldest first."""
        begin = self._until(schema.POINT, since)
        return [p for p in self._tail(schema.POINT, until, limit, begin) if p.time > since]

    def log(self, until: float, limit: int) -> tuple[list[LogRow], int]:
        """The last log lines by then, and how many there were."""
        return self._tail(schema.LOG, until, limit), self._total(schema.LOG, until)

    def audit(self, until: float, limit: int) -> tuple[list[AuditRow], int]:
        """What operators did last by then, and how much they did."""
        return self._tail(schema.AUDIT, until, limit), self._total(schema.AUDIT, until)

    def dead_revision(self, until: float) -> int:
        """The revision of the list of dead letters then."""
        return self._until(schema.DEAD, until)

    def dead(self, until: float) -> list[DeadRow]:
        """The dead letters as they were then."""
        pieces = self._pieces[schema.DEAD]
        end = begin = self._until(schema.DEAD, until)
        while begin > 0:
            begin -= 1
            if pieces[begin].complete:
                break
        rows: dict[int, DeadRow] = {}
        for change in self._load(schema.DEAD, begin, end):
            if change.full:
                rows = {}
            rows.update((row.number, row) for row in change.rows)
            for number in change.gone:
                rows.pop(number, None)
        return list(rows.values())

    def config(self, until: float) -> tuple[Config | None, int]:
        """The configuration that ran then, and its revision. The first one, before that."""
        end = self._until(schema.CONFIG, until)
        pieces = self._pieces[schema.CONFIG]
        if not pieces:
            return None, 0
        place = max(end - 1, 0)
        return next(iter(self._load(schema.CONFIG, place, place + 1)), None), max(end, 1)

    def between(self, start: float, end: float) -> Iterator[tuple[int, float, Any]]:
        """Everything that was written after ``start`` and not after ``end``, by stream."""
        for stream, pieces in self._pieces.items():
            begin, last = self._until(stream, start), self._until(stream, end)
            for piece, content in zip(
                pieces[begin:last], self._load(stream, begin, last, gaps=True), strict=True
            ):
                if content is not None:
                    yield stream, piece.time, content

    def _tail(self, stream: int, until: float, limit: int, begin: int = 0) -> list[Any]:
        pieces = self._pieces[stream]
        end = self._until(stream, until)
        if end <= begin:
            return []
        wanted = pieces[end - 1].total - limit
        begin = max(begin, bisect_right(pieces, wanted, hi=end, key=lambda piece: piece.total))
        rows = [row for rows in self._load(stream, begin, end) for row in rows]
        return rows[max(len(rows) - limit, 0) :]

    def _total(self, stream: int, until: float) -> int:
        end = self._until(stream, until)
        return self._pieces[stream][end - 1].total if end else 0

    def _until(self, stream: int, time: float) -> int:
        return bisect_right(self._pieces[stream], time, key=lambda piece: piece.time)

    def _load(self, stream: int, begin: int, end: int, *, gaps: bool = False) -> list[Any]:
        """The content of these pieces; what is damaged is left out, or None with ``gaps``."""
        pieces = self._pieces[stream][begin:end]
        missing = [piece.number for piece in pieces if piece.number not in self._known]
        if missing:
            if len(self._known) > _CACHED:
                self._known.clear()
                missing = [piece.number for piece in pieces]
            self._read(stream, missing)
        found = [self._known.get(piece.number) for piece in pieces]
        return found if gaps else [content for content in found if content is not None]

    def _read(self, stream: int, numbers: list[int]) -> None:
        try:
            rows = list(
                self._db.ask(
                    "SELECT number, time, body, crc FROM news WHERE stream = ? AND number"
                    " BETWEEN ? AND ?",
                    (stream, numbers[0], numbers[-1]),
                )
            )
        except RecordingUnusable:
            self.damaged.update(numbers)
            return
        for number, time, body, crc in rows:
            if number in self._known:
                continue
            try:
                if crc != schema.crc_of(body, stream, time):
                    raise ValueError("its checksum does not fit")
                self._known[number] = _TYPES[stream].decode(schema.unpack(body))
            except (TypeError, ValueError):
                self.damaged.add(number)

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

    def points(self, until: float, limit: int) -> list[Point]:
        """The last points by then, at most ``limit``, oldest first."""
        return self._tail(schema.POINT, until, limit)

    def log(self, until: float, limit: int) -> tuple[list[LogRow], int]:
        """The last log lines by then, and how many there were."""
        return self._tail(schema.LOG, until, limit), self._total(schema.LOG, until)

    def audit(self, until: float, limit: int) -> tuple[list[AuditRow], int]:
        """What operators did last by then, and how much they did."""
        return self._tail(schema.AUDIT, until, limit), self._total(schema.AUDIT, until)

    def dead(self, until: float) -> tuple[list[DeadRow], int]:
        """The dead letters as they were then, and the revision of that list."""
        pieces = self._pieces[schema.DEAD]
        end = self._until(schema.DEAD, until)
        begin = end
        while begin > 0:
            begin -= 1
            if pieces[begin].complete:
                break
        rows: dict[int, DeadRow] = {}
        for piece in pieces[begin:end]:
            change = self._read(piece, schema.DEAD)
            if change is None:
                continue
            if change.full:
                rows = {}
            rows.update((row.number, row) for row in change.rows)
            for number in change.gone:
                rows.pop(number, None)
        return list(rows.values()), end

    def config(self, until: float) -> tuple[Config | None, int]:
        """The configuration that ran then, and its revision. The first one, before that."""
        end = self._until(schema.CONFIG, until)
        pieces = self._pieces[schema.CONFIG]
        if not pieces:
            return None, 0
        return self._read(pieces[max(end - 1, 0)], schema.CONFIG), max(end, 1)

    def between(self, start: float, end: float) -> Iterator[tuple[int, float, Any]]:
        """Everything that was written after ``start`` and not after ``end``, by stream."""
        for stream, pieces in self._pieces.items():
            for piece in pieces[self._until(stream, start) : self._until(stream, end)]:
                content = self._read(piece, stream)
                if content is not None:
                    yield stream, piece.time, content

    def _tail(self, stream: int, until: float, limit: int) -> list[Any]:
        pieces = self._pieces[stream]
        found: list[list[Any]] = []
        have = 0
        for index in range(self._until(stream, until) - 1, -1, -1):
            rows = self._read(pieces[index], stream) or []
            found.append(rows)
            have += len(rows)
            if have >= limit:
                break
        rows = [row for rows in reversed(found) for row in rows]
        return rows[max(len(rows) - limit, 0) :]

    def _total(self, stream: int, until: float) -> int:
        end = self._until(stream, until)
        return self._pieces[stream][end - 1].total if end else 0

    def _until(self, stream: int, time: float) -> int:
        return bisect_right(self._pieces[stream], time, key=lambda piece: piece.time)

    def _read(self, piece: Piece, stream: int) -> Any:
        try:
            row = self._db.first(
                "SELECT time, body, crc FROM news WHERE number = ?", (piece.number,)
            )
            if row is None:
                return None
            time, body, crc = row
            if crc == schema.crc_of(body, stream, time):
                return _TYPES[stream].decode(schema.unpack(body))
        except (TypeError, ValueError, RecordingUnusable):
            pass
        self.damaged.add(piece.number)
        return None

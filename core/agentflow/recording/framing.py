"""Framing: which of the snapshots of an engine are worth keeping, and what is news in them."""

from __future__ import annotations

import msgspec

from agentflow.recording.records import DeadChange, Frame, News
from agentflow.recording.writer import Told
from agentflow.telemetry.snapshot import Cursor, DeadRow, Snapshot

HEARTBEAT = 10.0
"""Seconds after which a frame is kept although nothing has happened."""

SETTLING = 10.0
"""Seconds that rates take to come to rest when nothing happens any more."""

_COMPLETE_EVERY = 500
"""Changes of the dead letters after which their whole list is kept once more."""

_NONE_ENDED = 2**62
"""More events than there can be: their stories are kept elsewhere."""

LIVE = 400
"""Events that have not ended, at most, in one frame."""


class Framing:
    """Makes frames of the snapshots of one engine.

    What is from before ``since`` (seconds since the epoch) is no news: the engine remembers
    it from an earlier life, which has its own recording, or none.
    """

    def __init__(self, since: float) -> None:
        self._since = since
        self._cursor = Cursor(event=_NONE_ENDED, limit=LIVE)
        self._dead: dict[int, DeadRow] = {}
        self._changes = -1  # since the whole list was kept; -1 for never
        self._point = 0.0
        self._seen: object = None
        self._calm_since = 0.0
        self._written = 0.0

    @property
    def cursor(self) -> Cursor:
        """What the next snapshot is to be taken since."""
        return self._cursor

    def look(self, snapshot: Snapshot, *, last: bool = False) -> Told | None:
        """The frame to keep of this snapshot; None if nothing has happened."""
        now = snapshot.time
        seen = _essence(snapshot)
        if seen != self._seen:
            self._seen, self._calm_since = seen, now
        calm = now - self._calm_since > SETTLING
        if calm and not last and 0 <= now - self._written < HEARTBEAT:
            return None
        self._written = now
        since = self._since
        news = News(
            [point for point in snapshot.points if point.time >= since],
            [row for row in snapshot.log if row.time >= since],
            [row for row in snapshot.audit if row.time >= since],
            self._dead_change(snapshot.dead),
            snapshot.config,
        )
        point = snapshot.points[-1].time if snapshot.points else self._cursor.point
        self._cursor = Cursor(
            event=_NONE_ENDED, log=snapshot.log_cursor, audit=snapshot.audit_cursor,
            point=point, dead=snapshot.dead_revision, versions=snapshot.config_revision,
            limit=LIVE,
        )  # fmt: skip
        bare = msgspec.structs.replace(
            snapshot, settled=[], settled_missed=0, points=[], log=[], audit=[], dead=None,
            config=None,
        )  # fmt: skip
        return Told(Frame(now, bare), news)

    def _dead_change(self, rows: list[DeadRow] | None) -> DeadChange | None:
        if rows is None:
            return None
        before, self._dead = self._dead, {row.number: row for row in rows}
        changed = [row for row in rows if before.get(row.number) != row]
        gone = [number for number in before if number not in self._dead]
        if 0 <= self._changes < _COMPLETE_EVERY:
            self._changes += len(changed) + len(gone)
            return DeadChange(changed, gone)
        self._changes = 0
        return DeadChange(rows, [], True)


def _essence(snapshot: Snapshot) -> object:
    """What must differ for something to have happened."""
    return (
        snapshot.counts, snapshot.paused, snapshot.mode, snapshot.version, snapshot.pace,
        snapshot.log_cursor, snapshot.audit_cursor, snapshot.dead_revision,
        snapshot.config_revision, snapshot.alerts, snapshot.blocked,
        [(row.seq, row.state, row.at, row.attempt) for row in snapshot.live],
        [(row.name, row.state) for row in snapshot.agents or ()],
    )  # fmt: skip

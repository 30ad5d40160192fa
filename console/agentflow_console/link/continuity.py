"""Continuity: one stream of snapshots from one engine after another.

An engine that was started again after a death counts its log and its settled events from
one again. Here its numbers are moved behind those of the one before, so that
whoever watches keeps what it has and gets what is new, once.
"""

from __future__ import annotations

import msgspec

from agentflow.telemetry.snapshot import Cursor, Snapshot


class Continuity:
    """Translates between the numbers of the screen and those of the engine that is there now.

    The audit of operators survives in the journal and keeps its numbers.
    """

    def __init__(self) -> None:
        self._last: Snapshot | None = None  # in the screen's numbers
        self._event = self._log = self._dead = self._config = self._breakpoints = 0
        self._open: set[int] = set()  # events that the engine before had not ended, as far as seen

    def begin(self) -> None:
        """Another engine is there, and counts from one."""
        last = self._last
        if last is None:
            return
        self._open = {row.seq for row in last.live}
        self._event = last.settled_cursor
        self._log = last.log_cursor
        # Revisions begin at 0 with each engine: another one is never taken for the same.
        self._dead = last.dead_revision + 1
        self._config = last.config_revision + 1
        self._breakpoints = last.breakpoints_revision + 1

    @property
    def event_base(self) -> int:
        """What to take off a settle order before it is said to the engine."""
        return self._event

    def to_engine(self, cursor: Cursor) -> Cursor:
        """The cursor in the engine's own numbers."""
        return msgspec.structs.replace(
            cursor,
            event=max(cursor.event - self._event, 0),
            log=max(cursor.log - self._log, 0),
            dead=max(cursor.dead - self._dead, -1),
            versions=max(cursor.versions - self._config, -1),
            breakpoints=max(cursor.breakpoints - self._breakpoints, -1),
        )

    def to_screen(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot in the screen's numbers."""
        moved = msgspec.structs.replace(
            snapshot,
            settled_cursor=snapshot.settled_cursor + self._event,
            settled_missed=snapshot.settled_missed + self._unseen(snapshot),
            log=[msgspec.structs.replace(row, seq=row.seq + self._log) for row in snapshot.log]
            if self._log
            else snapshot.log,
            log_cursor=snapshot.log_cursor + self._log,
            dead_revision=snapshot.dead_revision + self._dead,
            config_revision=snapshot.config_revision + self._config,
            breakpoints_revision=snapshot.breakpoints_revision + self._breakpoints,
        )
        self._last = moved
        return moved

    def _unseen(self, snapshot: Snapshot) -> int:
        """How many events ended in the last moment of the engine before, which nobody saw."""
        before, self._open = self._open, set()
        if not before or snapshot.live_total > len(snapshot.live):
            return 0
        seen = {row.seq for row in snapshot.live} | {row.seq for row in snapshot.settled}
        return len(before - seen)

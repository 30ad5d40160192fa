"""RecordedLink: the same link to a recorded engine, at a moment that can be moved."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from agentflow.control import Answer, DeadDetail, EventDetail, Related, SpanDetail, StopDetail
from agentflow.control.replaying import REFUSED, Replay
from agentflow.errors import RecordingUnusable
from agentflow.recording import Recording
from agentflow.telemetry.snapshot import (
    Blocked,
    Cursor,
    EventRow,
    SessionPage,
    Snapshot,
    SpanCursor,
    SpanPage,
)
from agentflow_console.link.protocol import LinkError

T = TypeVar("T")

SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)

_REFRESH = 1.0  # seconds between two looks at what an engine has written since


class RecordedLink:
    """A recording as if its engine ran: every pane is as it was at the moment ``at``.

    Virtual time goes on while it is ``playing``, ``speed`` seconds of it in a second, and
    stands still at the end. ``at`` is where it begins, in seconds since the epoch; None is
    the beginning. Nothing can be changed, and closing it ends no engine.
    """

    deaths: Sequence[str] = ()
    blocked: Blocked | None = None
    journal = ""
    operator = ""
    seconds_left = 0.0
    left: int | None = None
    owned = False
    process = 0
    started = True
    reason = ""

    def __init__(
        self,
        recording: Recording,
        *,
        at: float | None = None,
        speed: float = 1.0,
        playing: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.recording = recording
        self.replay = Replay(recording)
        self.status = "starting"
        self.speed = speed
        self.playing = playing
        self._clock = clock
        self._since = self._refreshed = clock()
        self._at = recording.span.start
        if at is not None:
            self.seek(at)

    # -- the moment ---------------------------------------------------------------------

    @property
    def at(self) -> float:
        """The moment that is shown, in seconds since the epoch."""
        now = self._clock()
        if self.playing:
            self._at += (now - self._since) * self.speed
            end = self.recording.span.end
            if self._at >= end:
                self._at, self.playing = end, False
        self._since = now
        return self._at

    def seek(self, at: float) -> None:
        """Show another moment; before the beginning and behind the end there is none."""
        span = self.recording.span
        self._at = min(max(at, span.start), span.end)
        self._since = self._clock()

    def toggle(self) -> None:
        """Play, or stop; at the end play from the beginning."""
        at = self.at
        if not self.playing and at >= self.recording.span.end:
            self.seek(self.recording.span.start)
        self.playing = not self.playing

    def step(self, direction: int) -> bool:
        """Go to where the next event ended, or the one before, and stop; False if none did."""
        at, self.playing = self.at, False
        found = self.replay.after(at) if direction > 0 else self.replay.before(at)
        if found is not None:
            self.seek(found)
        return found is not None

    def faster(self, steps: int) -> None:
        """Change the speed by so many steps."""
        _ = self.at
        near = min(range(len(SPEEDS)), key=lambda place: abs(SPEEDS[place] - self.speed))
        self.speed = SPEEDS[min(max(near + steps, 0), len(SPEEDS) - 1)]

    # -- as a link ----------------------------------------------------------------------

    async def start(self) -> None:
        """It is there at once."""
        self.status = "connected"

    async def pull(self, cursor: Cursor) -> Snapshot:
        """How the engine was, and what happened since the cursor."""
        return self.look(cursor)

    def look(self, cursor: Cursor) -> Snapshot:
        """The same at once. Raises LinkError."""
        now = self._clock()
        if now - self._refreshed > _REFRESH:
            self._refreshed = now
            self._read(self.recording.refresh)
        return self._read(lambda: self._moved().snapshot(cursor))

    async def page(self, before: int, limit: int) -> list[EventRow]:
        """Settled events that were accepted before number ``before``, at most ``limit``."""
        return self._read(lambda: self._moved().page(before, limit))

    async def event(self, event_id: str) -> EventDetail | None:
        """One event in full, as it stood; None if it had not been accepted."""
        return self._read(lambda: self._moved().event(event_id))

    async def session(self, session_id: str, cursor: SpanCursor) -> SpanPage:
        """The spans of one session, as they stood, that are new since the cursor."""
        return self._read(lambda: self._moved().session(session_id, cursor))

    async def span(self, event_id: str, span_id: str) -> SpanDetail | None:
        """One span in full, as it stood."""
        return self._read(lambda: self._moved().span(event_id, span_id))

    async def related(self, event_id: str, span_id: str) -> Related | None:
        """What caused a span and what it had caused."""
        return self._read(lambda: self._moved().related(event_id, span_id))

    async def sessions(self, query: str = "", limit: int = 200) -> SessionPage:
        """The sessions that a filter lets through, newest first."""
        return self._read(lambda: self._moved().sessions(query, limit))

    async def stop(self, number: int) -> StopDetail | None:
        """None: of a stop there is only the row."""
        return None

    async def dead_letter(self, number: int) -> DeadDetail | None:
        """One dead letter in full; None if there was no such number."""
        return self._read(lambda: self._moved().dead_letter(number))

    async def command(self, name: str, **arguments: Any) -> Answer:
        """Refused: what has happened can't be changed."""
        return Answer(False, REFUSED)

    async def close(self, *, drain: bool = True) -> None:
        """Let go of the file."""
        self.status = "closed"
        self.recording.close()

    def _moved(self) -> Replay:
        self.replay.at = self.at
        return self.replay

    def _read(self, look: Callable[[], T]) -> T:
        if self.status == "closed":
            raise LinkError("the recording is closed")
        try:
            return look()
        except RecordingUnusable as error:
            raise LinkError(str(error)) from error

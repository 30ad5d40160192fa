"""Replaying: a recording answers as an engine's control does, at any moment of it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from math import inf

import msgspec

from agentflow.control import rows
from agentflow.control.observer import Observer
from agentflow.control.past import Past, row_of
from agentflow.control.relations import Relations
from agentflow.control.sessions import FROM_THE_START, Sessions
from agentflow.control.words import (
    Answer,
    Command,
    DeadDetail,
    EventDetail,
    Related,
    SpanDetail,
    StopDetail,
)
from agentflow.engine.handover import version_of
from agentflow.engine.history import Version
from agentflow.journal.codec import id_in
from agentflow.recording import Frame, Recording, Story
from agentflow.recording.chunks import Chunk
from agentflow.telemetry.health import Health
from agentflow.telemetry.snapshot import (
    Counts,
    Cursor,
    EventRow,
    SessionPage,
    Snapshot,
    SpanCursor,
    SpanPage,
)

POINTS, LINES, ACTIONS = 600, 500, 500
"""Rows of each stream in one snapshot, at most."""

LOOK_BACK = 2_000
"""Stories before the moment whose sessions are listed."""

_NEAR = 40
"""Chunks behind the moment that are looked through where there are no frames."""

_CACHED = 6_000
_WHOLE = 400  # rows of events when everything is sent anew


class Replay:
    """A recorded engine ``at`` one moment, in seconds since the epoch. Nothing can be changed.

    A control's ``snapshot``, ``event`` and so on, with the moment in place of now: what ended
    is exact, what had not ended is as the nearest frame saw it. A snapshot whose cursor
    lies behind the moment, or too far before it, is ``whole``.
    """

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.at = recording.span.start
        self._past = Past(self._version)
        self._observer = Observer(self._past.runner())
        self._relations = Relations(self._past.runner())
        self._open: tuple[object, list[EventRow]] = ((), [])
        self._session: tuple[object, list[Story]] = ((), [])
        self._backs = 0
        self._rows: OrderedDict[int, EventRow] = OrderedDict()
        self._last = self.at

    # -- where it is --------------------------------------------------------------------

    def settled(self, at: float) -> int:
        """The number of the last story that had ended by then; 0 for none."""
        chunks = self.recording.chunks
        index = chunks.until(at)
        number = chunks.places[index - 1].last if index else 0
        if index < len(chunks.places) and chunks.places[index].began <= at:
            chunk = chunks.chunk(index)
            if ended := chunk.ended_by(at):
                number = chunk.first + ended - 1
        return number

    def after(self, at: float) -> float | None:
        """When the next event ended after that time; None if none did."""
        story = next(self.recording.stories(self.settled(at) + 1), None)
        return story.ended if story is not None else None

    def before(self, at: float) -> float | None:
        """When the last event ended before that time; None if none did."""
        number = self.settled(at)
        while number > 0:
            story = next(self.recording.stories(number, number), None)
            if story is not None and story.ended < at:
                return story.ended
            number -= 1
        return None

    def failures(self) -> list[float]:
        """When, within a fraction of a second, events ended as dead letters."""
        return [place.ended for place in self.recording.chunks.places if place.failed]

    # -- as a control -------------------------------------------------------------------

    def snapshot(self, cursor: Cursor) -> Snapshot:
        """The engine then, with what was new since ``cursor``."""
        at = self.at
        number = self.settled(at)
        back = self._goes_back()
        whole = back or not cursor.event <= number <= cursor.event + cursor.limit
        if whole:
            cursor = Cursor(limit=max(cursor.limit, _WHOLE))
        recording, streams = self.recording, self.recording.streams
        frame = recording.frame(at)
        shown = frame or recording.frame_after(at)
        bare = shown.snapshot if shown is not None else _NOTHING
        first = max(cursor.event, number - cursor.limit) + 1
        live = self._live(frame, at)
        counts = self._counts(frame, at, number, live)
        dead_revision = streams.dead_revision(at)
        config, config_revision = streams.config(at)
        lines, total = streams.log(at, LINES)
        actions, acted = streams.audit(at, ACTIONS)
        health = bare.health
        return msgspec.structs.replace(
            bare,
            time=at,
            counts=counts,
            read_only=True,
            live=live[: cursor.limit],
            live_total=counts.queued + counts.held + counts.running,
            settled=self._settled(first, number),
            settled_cursor=number,
            settled_missed=0,
            agents=bare.agents if cursor.tables else None,
            hooks=bare.hooks if cursor.tables else None,
            modes=bare.modes if cursor.tables else None,
            points=streams.points(at, POINTS, cursor.point),
            log=lines[-(total - cursor.log) :] if total > cursor.log else [],
            log_cursor=total,
            log_missed=0,
            audit=actions[-(acted - cursor.audit) :] if acted > cursor.audit else [],
            audit_cursor=acted,
            dead=None if dead_revision == cursor.dead else streams.dead(at),
            dead_revision=dead_revision,
            config=None if config_revision == cursor.versions else config,
            config_revision=config_revision,
            health=health if health is not None and health.time != cursor.health else None,
            whole=whole,
            recording="",
        )

    def page(self, before: int, limit: int) -> list[EventRow]:
        """Up to ``limit`` events that ended by then, accepted before number ``before``."""
        number = self.settled(self.at)
        found = [row for row in self._settled(number - LOOK_BACK, number) if row.seq < before]
        return sorted(found, key=lambda row: row.seq)[-limit:]

    def event(self, event_id: str) -> EventDetail | None:
        """One event in full, as it stood then; None if it had not been accepted."""
        return self._observer.event(event_id) if self._show_event(event_id) else None

    def session(self, session_id: str, cursor: SpanCursor = FROM_THE_START) -> SpanPage:
        """The waterfall of one session, as it stood then."""
        self._show_session(session_id)
        self._goes_back()
        sessions = Sessions(self._past.runner())
        sessions.engine = -1 - self._backs  # while it goes on, positions stay what they are
        return sessions.page(session_id, cursor)

    def span(self, event_id: str, span_id: str) -> SpanDetail | None:
        """One span in full, as it stood then."""
        return self._relations.span(event_id, span_id) if self._show_event(event_id) else None

    def related(self, event_id: str, span_id: str) -> Related | None:
        """What caused a span and what it had caused, in the same session."""
        return self._relations.related(event_id, span_id) if self._show_event(event_id) else None

    def sessions(self, query: str = "", limit: int = 200) -> SessionPage:
        """The sessions that something had happened in shortly before, the latest first."""
        number = self.settled(self.at)
        stories = self.recording.stories(max(1, number - LOOK_BACK + 1), number)
        self._past.show(self.at, stories, self._live_now())
        return Sessions(self._past.runner()).search(query, limit)

    def dead_letter(self, number: int) -> DeadDetail | None:
        """One dead letter in full; None if there was none of that number."""
        letters = self.recording.streams.dead(self.at)
        row = next((letter for letter in letters if letter.number == number), None)
        if row is None:
            return None
        story = self.recording.story(row.event_id)
        event = {} if story is None else rows.plain(self.recording.event_of(story).to_dict())
        return DeadDetail(row, event, row.error, row.error)

    def health(self) -> Health | None:
        """How the system was."""
        frame = self.recording.frame(self.at)
        return frame.snapshot.health if frame is not None else None

    def stop(self, number: int) -> StopDetail | None:
        """None: of a stop there is only the row."""
        return None

    async def execute(self, command: Command) -> Answer:
        """Refused: what has happened can't be changed."""
        return Answer(False, REFUSED)

    # -- what stood open then -------------------------------------------------------------

    def _live_now(self) -> list[EventRow]:
        return self._live(self.recording.frame(self.at), self.at)

    def _live(self, frame: Frame | None, at: float) -> list[EventRow]:
        """The events that had not ended, the newest first: what the frames before and behind
        saw, and what has a story that tells it exactly."""
        moment = (at, len(self.recording.chunks.places), self.recording.frame_count)
        if self._open[0] == moment:
            return self._open[1]
        following = self.recording.frame_after(at)
        found: dict[str, EventRow] = {}
        if frame is not None:
            found = {row.id: _waiting(row, at) for row in frame.snapshot.live}
        if following is not None:
            for row in following.snapshot.live:
                if row.time <= at and row.id not in found:
                    found[row.id] = _waiting(row, at)
        begin = frame.time if frame is not None else at
        end = following.time if following is not None else inf
        for chunk, place in self._around(begin, at, end):
            stored = chunk.stored[place]
            if stored.ended + chunk.offset <= at:
                found.pop(id_in(stored.event), None)
            elif stored.accepted + chunk.offset <= at:
                row = row_of(stored, chunk.offset, at)
                found[row.id] = row
        live = sorted(found.values(), key=lambda row: row.seq, reverse=True)
        self._open = (moment, live)
        return live

    def _around(self, begin: float, at: float, end: float) -> Iterator[tuple[Chunk, int]]:
        """Where the stories are that ended after ``begin`` and before ``end``, or soon after
        ``at``."""
        chunks = self.recording.chunks
        index = chunks.until(begin)
        last = min(chunks.until(at) + _NEAR, len(chunks.places))
        while index < last and chunks.places[index].began <= end:
            chunk = chunks.chunk(index)
            for place in range(chunk.ended_by(begin), len(chunk.stored)):
                yield chunk, place
            index += 1

    def _counts(self, frame: Frame | None, at: float, number: int, live: list[EventRow]) -> Counts:
        """Where every event was then: exact in what had ended, since the frame before."""
        if frame is None:
            running = sum(row.state == "running" for row in live)
            return Counts(number + len(live), len(live) - running, 0, running, number, 0)
        base = frame.snapshot.counts
        ended = dead = fresh = 0
        for chunk, place in self._around(frame.time, at, at):
            stored = chunk.stored[place]
            if stored.ended + chunk.offset <= at:
                ended += 1
                dead += bool(stored.error)
                fresh += stored.accepted + chunk.offset > frame.time
        fresh += sum(row.time > frame.time for row in live)
        still = max(base.queued + base.held + base.running + fresh - ended, 0)
        running = min(sum(row.state == "running" for row in live), still)
        held = min(base.held, still - running)
        succeeded, failed = base.succeeded + ended - dead, base.dead + dead
        return Counts(
            still + succeeded + failed, still - running - held, held, running, succeeded, failed
        )

    # -- rows ---------------------------------------------------------------------------

    def _settled(self, first: int, last: int) -> list[EventRow]:
        """The rows of the stories with these numbers; a row of an ended event never changes."""
        chunks = self.recording.chunks
        found = []
        index = chunks.of(max(first, 1))
        while index < len(chunks.places) and chunks.places[index].first <= last:
            chunk = chunks.chunk(index)
            index += 1
            begin = max(first - chunk.first, 0)
            for place in range(begin, min(last - chunk.first + 1, len(chunk.stored))):
                number = chunk.first + place
                row = self._rows.get(number)
                if row is None:
                    row = self._rows[number] = row_of(chunk.stored[place], chunk.offset, inf)
                    if len(self._rows) > _CACHED:
                        self._rows.popitem(last=False)
                found.append(row)
        return found

    def _show_event(self, event_id: str) -> bool:
        """Have the session of an event seen; False if it had not been accepted."""
        story = self.recording.chunks.at_hand(event_id) or self.recording.story(event_id)
        if story is not None:
            self._show_session(story.session)
            return story.accepted <= self.at
        row = next((row for row in self._live_now() if row.id == event_id), None)
        if row is not None:
            self._show_session(row.session)
        return row is not None

    def _goes_back(self) -> bool:
        """Whether time has gone back since the last look."""
        back, self._last = self.at < self._last, self.at
        self._backs += back
        return back

    def _version(self, number: int) -> Version | None:
        record = self.recording.versions.get(number)
        return None if record is None else version_of(msgspec.to_builtins(record))

    def _show_session(self, session_id: str) -> None:
        seen = (session_id, len(self.recording.chunks.places))
        if self._session[0] != seen:
            stories = self.recording.session(session_id)
            stories.sort(key=lambda story: story.number)
            self._session = (seen, stories)
        stories = self._session[1]
        live = [row for row in self._live_now() if row.session == session_id]
        self._past.show(self.at, stories, live)


REFUSED = "This is a replay: what has happened can't be changed."


def _waiting(row: EventRow, at: float) -> EventRow:
    return msgspec.structs.replace(row, duration=max(at - row.time, 0.0))


_NOTHING = Snapshot(
    time=0.0, counts=Counts(), rate=0.0, paused=False, read_only=True, mode="", version=0,
    name="", live=[], live_total=0, settled=[], settled_cursor=0, settled_missed=0, agents=[],
    hooks=[], modes=[], points=[], log=[], log_cursor=0, log_missed=0, audit=[], audit_cursor=0,
    dead=[], dead_revision=0, config=None, config_revision=0, alerts=[], pid=0, memory=0,
)  # fmt: skip

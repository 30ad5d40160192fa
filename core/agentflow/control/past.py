"""Past: executions made of recorded stories, as they stood at some moment.

An observer looks at them as it does at those of a running engine.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, cast

from agentflow.control.rows import clean, one_line
from agentflow.engine.execution import Execution
from agentflow.event import Event
from agentflow.frozen import is_small
from agentflow.journal.codec import decode, fields_in
from agentflow.recording.chunks import Stored
from agentflow.recording.records import Story, event_of
from agentflow.telemetry.rings import Ring
from agentflow.telemetry.snapshot import EventRow
from agentflow.telemetry.trace import bounded

if TYPE_CHECKING:
    from agentflow.engine import Runner
    from agentflow.engine.history import Version

_KNOWN = 12_000
"""Ended executions that are kept in memory."""


class Past:
    """What observers ask of a runner, about some executions ``at`` that time.

    Times are seconds since the epoch: nothing has to be added to them. ``version`` finds a
    configuration that ran.
    """

    wall_offset = 0.0
    version = -1
    parallel: tuple[str, ...] = ()

    def __init__(self, version: Callable[[int], Version | None]) -> None:
        self.at = 0.0
        self.guards: list[PastGuard] = []
        self.dead_letters: list[object] = []
        self.settled: Ring[Execution] = Ring(0)
        self._find_version = version
        self._live: list[Execution] = []
        self._known: OrderedDict[int, Execution] = OrderedDict()

    def show(self, at: float, stories: Iterable[Story], rows: Iterable[EventRow] = ()) -> None:
        """Have these stories seen as they stood ``at`` that time, in the order of their ends.

        ``rows`` is all that is known of events that have no story.
        """
        self.at = at
        self.guards = []
        self._live = []
        ended = []
        known = set()
        for story in stories:
            if story.accepted > at:
                continue
            known.add(story.id)
            if story.ended <= at:
                ended.append(self._ended(story))
                continue
            execution = execution_at(story, at)
            self._live.append(execution)
            self.guards += [PastGuard(execution, *run) for run in running_at(story, at)]
        self._live += [execution_of(row) for row in rows if row.id not in known]
        self._live.sort(key=lambda execution: execution.seq, reverse=True)
        self.settled = Ring(len(ended))
        for execution in ended:
            self.settled.append(execution)

    def _ended(self, story: Story) -> Execution:
        execution = self._known.get(story.number)
        if execution is None:
            execution = self._known[story.number] = execution_at(story, story.ended)
            if len(self._known) > _KNOWN:
                self._known.popitem(last=False)
        return execution

    # -- as a runner ----------------------------------------------------------------------

    @property
    def dispatcher(self) -> Past:
        """It is its own, as it is its own telemetry, plan, history and breakpoints."""
        return self

    telemetry = plan = history = breakpoints = dispatcher

    def now(self) -> float:
        """The moment."""
        return self.at

    def latest(self, limit: int) -> list[Execution]:
        """What had not ended, the newest first."""
        return self._live[:limit]

    def executions(self, session_id: str | None = None) -> list[Execution]:
        """Those of one session, or all."""
        return [
            execution
            for execution in (*self.settled.items, *reversed(self._live))
            if session_id is None or execution.event.session_id == session_id
        ]

    def find(self, number: int) -> Version | None:
        """The configuration of this number."""
        return self._find_version(number)

    def stopped(self, execution: Execution) -> None:
        """Where a breakpoint had stopped it is not known in full."""
        return

    def runner(self) -> Runner:
        """The same, in the eyes of those who ask."""
        return cast("Runner", self)


class PastGuard:
    """One agent that was at work then."""

    def __init__(self, execution: Execution, agent: str, since: float) -> None:
        self._frame = (agent, since, execution)

    def frames(self) -> list[tuple[str, float, Execution]]:
        """Which one, since when, for what."""
        return [self._frame]


def execution_at(story: Story, at: float) -> Execution:
    """A story as it stood ``at`` that time, which is not before it was accepted."""
    event = event_of(story)
    execution = Execution(event, story.seq, 2, story.accepted, nested=story.nested)
    if story.started and story.started <= at:
        execution.started = story.started
        execution.label = (story.mode, story.version)
    if story.ended <= at:
        execution.runs, execution.notes = tuple(story.runs), list(story.notes) or None
        execution.ended = execution.last = story.ended
        execution.error, execution.at, execution.attempt = story.error, story.at, story.attempt
        execution.children = list(story.children) or None
        execution.view = bounded(story.state)
        return execution
    execution.runs = tuple(run for run in story.runs if run.end <= at)
    execution.notes = [
        note if note.end <= at else note._replace(end=0.0, status=note.kind)
        for note in story.notes
        if note.start <= at
    ] or None
    running = running_at(story, at)
    execution.at = running[-1][0] if running else execution.runs[-1][0] if execution.runs else ""
    for note in story.notes:
        if note.kind in ("held", "retrying") and note.start <= at < (note.end or story.ended):
            execution.waits = note.kind
    return execution


def row_of(stored: Stored, offset: float, at: float) -> EventRow:
    """The row of an event as it stood ``at`` that time, from its stored form.

    It is what ``event_row`` would make of it; ``offset`` turns its times into seconds since
    the epoch. Hundreds are made for a frame.
    """
    id, _, target, source, session, data, metadata = fields_in(stored.event)
    then = at - offset
    ended = stored.ended + offset <= at
    place, state = stored.at, "dead" if stored.error else "succeeded"
    if not ended:
        place, state = _open_state(stored, then)
    elif not place and stored.runs:
        place = stored.runs[-1][0]
    started = ended or bool(stored.started and stored.started <= then)
    return EventRow(
        stored.seq,
        id,
        session,
        stored.accepted + offset,
        source,
        metadata.get("route") or target,
        clean(place),
        stored.mode if started else "",
        state,
        (stored.ended if ended else then) - stored.accepted,
        stored.attempt if ended else 1,
        decode(stored.event).priority if "priority" in metadata else "normal",
        stored.version if started else 0,
        metadata.get("parent_event", ""),
        one_line(data if is_small(data) else bounded(data)),
        stored.error if ended else "",
    )


def _open_state(stored: Stored, then: float) -> tuple[str, str]:
    """Where an event was that had not ended, and in which state."""
    running = [run.agent for run in stored.runs if run.start <= then < run.end]
    before = [run.agent for run in stored.runs if run.end <= then]
    place = running[-1] if running else before[-1] if before else ""
    for note in stored.notes or ():
        if note.kind in ("held", "retrying") and note.start <= then < (note.end or stored.ended):
            return place, note.kind
    if not stored.started or stored.started > then:
        return place, "queued"
    if len(running) > 1:
        place = f"{running[0]} +{len(running) - 1}"
    return place, "running"


def running_at(story: Story, at: float) -> list[tuple[str, float]]:
    """The agents that were at work for it then, and since when."""
    return [(run.agent, run.start) for run in story.runs if run.start <= at < run.end]


def execution_of(row: EventRow) -> Execution:
    """As much as a row tells of an event that has not ended in the recording."""
    event = Event(
        row.target,
        {"…": row.data} if row.data else {},
        {"parent_event": row.parent} if row.parent else {},
        source=row.source,
        session_id=row.session,
        id=row.id,
    )
    execution = Execution(event, row.seq, 2, row.time)
    execution.at, execution.label = row.at, (row.mode, row.version)
    execution.started = row.time if row.state in ("running", "retrying") else 0.0
    execution.waits = row.state if row.state in ("held", "retrying") else ""
    return execution

"""Recorded: the stories of a recording, as what a run of their events needs to know.

Every event has a place: the session of the root event that led to it, and the path from that
root. The same thing caused in the same way has the same place in every run, so places are
what two runs are compared by.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from math import inf
from typing import NamedTuple

from agentflow.event import Event
from agentflow.recording.records import NOBODY, Note, Output, Run, Story, event_of

ABANDONED = "abandoned"
DROPPED = "DroppedAtBreakpoint: "
_ENGINES_NOTES = ("retrying", "held", "late", ABANDONED)
_MOMENT = 1e-6
_VETO = re.compile(r"EventVetoed: vetoed by hook (['\"])(.*)\1: (.*)", re.DOTALL)


class Place(NamedTuple):
    """Where in a run an event stands: the session of its root, and how it came of that."""

    session: str
    path: str


class Child(NamedTuple):
    """An event that a handler emitted or requested, in seconds since its run began."""

    event_id: str
    at: float
    nested: bool
    ended: float


class Attempt(NamedTuple):
    """One try of a run: how long it took, its error ("" for none), and the wait after it.

    ``again`` is whether another try followed. Times are in seconds.
    """

    began: float
    seconds: float
    error: str
    error_type: str
    waited: float
    again: bool


class RecordedRun:
    """One run of an agent, in the recording. ``output`` is None where it isn't known."""

    __slots__ = ("attempts", "children", "output", "run")

    def __init__(self, run: Run, output: Output | None, notes: Sequence[Note]) -> None:
        self.run = run
        self.output = output
        self.children: list[Child] = []
        self.attempts = list(_attempts(run, output, notes))

    def attempt(self, number: int) -> Attempt | None:
        """The try of this number, counted from 1."""
        return self.attempts[number - 1] if number <= len(self.attempts) else None


def _attempts(run: Run, output: Output | None, notes: Sequence[Note]) -> Iterator[Attempt]:
    retries = [
        note
        for note in notes
        if note.kind == "retrying"
        and note.name.startswith(f"{run.agent} after attempt ")
        and run.start - _MOMENT <= note.start <= run.end + _MOMENT
    ]
    began = run.start
    for note in retries:
        began += _held(run.agent, notes, began, note.start)
        yield Attempt(
            began - run.start, note.start - began, note.error, "", note.end - note.start, True
        )
        began = note.end
    began += _held(run.agent, notes, began, run.end)
    error_type = output.error_type if output is not None else ""
    yield Attempt(began - run.start, run.end - began, run.error, error_type, 0.0, False)


def _held(agent: str, notes: Iterable[Note], start: float, end: float) -> float:
    """For how long a run was held before its handler began: that is no time of the agent's."""
    return sum(
        max(0.0, min(note.end, end) - max(note.start, start))
        for note in notes
        if note.kind == "held" and (note.name == agent or note.name.startswith("breakpoint "))
    )


class RecordedEvent:
    """One event of the recording with its place, and its runs by agent and occurrence."""

    __slots__ = ("event", "parent", "place", "runs", "story")

    def __init__(self, story: Story, event: Event) -> None:
        self.story = story
        self.event = event
        self.place = Place("", "")
        self.parent: RecordedEvent | None = None
        self.runs: dict[tuple[str, int], RecordedRun] = {}
        for run, output in self.steps():
            self.runs[run.agent, self._times(run.agent) + 1] = RecordedRun(run, output, story.notes)

    def steps(self) -> list[tuple[Run, Output | None]]:
        """Its runs, with those that were given up because they ignored their cancellation."""
        story = self.story
        outputs = [*story.outputs, *([None] * (len(story.runs) - len(story.outputs)))]
        found: list[tuple[Run, Output | None]] = list(zip(story.runs, outputs, strict=True))
        for note in story.notes:
            if note.kind == ABANDONED and note.name:
                run = Run(note.name, note.start, note.end, 1, note.error, {}, None)
                found.append((run, None))
        return found

    def _times(self, agent: str) -> int:
        return sum(known == agent for known, _ in self.runs)

    @property
    def wait(self) -> float:
        """Seconds between its acceptance and its start."""
        return max(0.0, self.story.started - self.story.accepted) if self.story.started else 0.0

    @property
    def called_back(self) -> bool:
        """Whether callbacks, or somebody at a breakpoint, could have changed its state."""
        return any(note.kind not in _ENGINES_NOTES for note in self.story.notes)

    @property
    def dropped(self) -> bool:
        """Whether an operator ended it at a breakpoint."""
        return self.story.error.startswith(DROPPED)

    @property
    def vetoed(self) -> tuple[str, str] | None:
        """Name and reason of the callback that said no to it."""
        found = _VETO.fullmatch(self.story.error)
        return (found[2], found[3]) if found else None


class Book:
    """The events of some sessions, by id and by place; ``roots`` were caused by none of them."""

    def __init__(self, stories: Iterable[Story]) -> None:
        self.events: dict[str, RecordedEvent] = {}
        self.places: dict[Place, RecordedEvent] = {}
        self.roots: list[RecordedEvent] = []
        for story in stories:
            self.events[story.id] = RecordedEvent(story, event_of(story))
        self._link()

    def run(self, event_id: str, agent: str, occurrence: int) -> RecordedRun | None:
        """What the agent did for this event, the first time, the second time …"""
        told = self.events.get(event_id)
        return told.runs.get((agent, occurrence)) if told is not None else None

    def _link(self) -> None:
        labels: dict[str, str] = {}
        for told in self.events.values():
            for child, label in _children(told, self.events):
                child.parent = told
                labels[child.story.id] = label
        in_order = sorted(self.events.values(), key=lambda told: _arrival(told.story))
        self.roots = [told for told in in_order if told.parent is None]
        counts: dict[str, int] = {}
        for told in self.roots:
            session = told.event.session_id
            number = counts[session] = counts.get(session, 0) + 1
            told.place = Place(session, str(number))
        for told in in_order:
            self._place(told, labels)

    def _place(self, told: RecordedEvent, labels: dict[str, str]) -> None:
        """Give an event its place, after those that it came of."""
        unplaced = []
        at: RecordedEvent | None = told
        while at is not None and not at.place.path and at not in unplaced:
            unplaced.append(at)
            at = at.parent
        for event in reversed(unplaced):
            above = event.parent.place if event.parent else Place(event.event.session_id, "?")
            path = free(f"{above.path}/{labels[event.story.id]}", above.session, self.places)
            event.place = Place(above.session, path)
            self.places[event.place] = event
        if told.parent is None:
            self.places[told.place] = told


def free(path: str, session: str, taken: Iterable[Place]) -> str:
    """``path``, numbered if something of the same session has it already."""
    number, wanted = 1, path
    places = taken if isinstance(taken, dict) else set(taken)
    while Place(session, path) in places:
        number += 1
        path = f"{wanted}({number})"
    return path


def engine_label(parent: Event, child: Event) -> str:
    """How an event that the engine itself made came of its parent."""
    if child.metadata.get("broadcast_id") == parent.id:
        return f"broadcast:{child.target}"
    if child.metadata.get("system") == "true" and "error_category" in child.metadata:
        return "error"
    return "route"


def emitted_label(agent: str, occurrence: int, number: int) -> str:
    """How an event that a handler emitted came of its parent."""
    times = f"#{occurrence}" if occurrence > 1 else ""
    return f"{agent}{times}.{number}"


def _children(
    told: RecordedEvent, events: dict[str, RecordedEvent]
) -> Iterator[tuple[RecordedEvent, str]]:
    """The recorded events that this one caused, and how; notes them with the runs."""
    story = told.story
    emitters = [*story.emitters, *([NOBODY] * (len(story.children) - len(story.emitters)))]
    runs = _runs_by_index(told)
    for child_id, emitter in zip(story.children, emitters, strict=False):
        child = events.get(child_id)
        if child is None or child is told:
            continue
        if emitter not in runs:
            yield child, engine_label(told.event, child.event)
            continue
        agent, occurrence, run = runs[emitter]
        run.children.append(
            Child(
                child_id,
                max(0.0, child.story.accepted - run.run.start),
                child.story.nested,
                max(0.0, child.story.ended - run.run.start),
            )
        )
        yield child, emitted_label(agent, occurrence, len(run.children))


def _runs_by_index(told: RecordedEvent) -> dict[int, tuple[str, int, RecordedRun]]:
    found = {}
    for index, ((agent, occurrence), run) in enumerate(told.runs.items()):
        found[index] = (agent, occurrence, run)
    return found


def _arrival(story: Story) -> tuple[float, int]:
    return story.accepted, story.seq


def families(stories: Iterable[Story]) -> list[list[Story]]:
    """The stories in groups that have nothing to do with each other.

    A group is a session, or several where an event of one caused an event of another; groups
    and what is in them in the order of arrival.
    """
    known = sorted(stories, key=_arrival)
    heads: dict[str, str] = {}

    def head(session: str) -> str:
        while (above := heads.setdefault(session, session)) != session:
            heads[session] = session = heads.setdefault(above, above)
        return session

    session_of = {story.id: story.session for story in known}
    for story in known:
        head(story.session)
        for child in story.children:
            if child in session_of:
                heads[head(session_of[child])] = head(story.session)
    groups: dict[str, list[Story]] = {}
    for story in known:
        groups.setdefault(head(story.session), []).append(story)
    return list(groups.values())


def chosen(
    stories: Iterable[Story],
    sessions: Iterable[str] = (),
    start: float = -inf,
    end: float = inf,
) -> list[Story]:
    """Those of ``stories`` that belong to these sessions (all if none is named) and came of an
    event accepted from ``start`` to ``end``, in seconds since the epoch; each event once.
    """
    known = {story.id: story for story in stories}
    parents = {child: story for story in known.values() for child in story.children}
    wanted = set(sessions)

    def root_of(story: Story) -> Story:
        seen: set[str] = set()
        while story.id in parents and story.id not in seen:
            seen.add(story.id)
            story = parents[story.id]
        return story

    return [
        story
        for story in known.values()
        if (not wanted or story.session in wanted or root_of(story).session in wanted)
        and start <= root_of(story).accepted <= end
    ]

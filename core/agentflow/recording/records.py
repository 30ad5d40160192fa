"""Records: what a recording holds, as plain data. Times are seconds since the epoch."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from agentflow.event import Event
from agentflow.journal.codec import decode
from agentflow.telemetry.snapshot import (
    AuditRow,
    Config,
    DeadRow,
    LogRow,
    Point,
    Snapshot,
)

NOBODY = -1
"""Who caused a child that no agent run emitted: the engine itself (a route, a broadcast, an
error handler)."""


class Run(NamedTuple):
    """One run of an agent: when, how often it was tried, and what it was given.

    ``error`` is '' or "TypeName: message". ``before`` and ``before_meta`` are the state that
    it was given, cut where it was large.
    """

    agent: str
    start: float
    end: float
    attempts: int
    error: str
    before: dict[str, Any]
    before_meta: dict[str, str] | None


class Note(NamedTuple):
    """Something else that happened on the way: a hook, a hold, a retry."""

    kind: str
    name: str
    start: float
    end: float
    """0 while it lasted still at the event's end."""
    status: str
    error: str


class Output(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What a handler's run ended with, before any callback saw it.

    After a failure ``values`` and ``meta`` are empty; ``error`` is "TypeName: message" and
    ``error_type`` the full name of its class. ``whole`` is False when a value was too large
    or can't be kept as it is: then this is only what could be.
    """

    agent: str
    values: dict[str, Any]
    meta: dict[str, str]
    error: str = ""
    error_type: str = ""
    whole: bool = True


class Story(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One event from its acceptance to its end.

    ``number`` counts the ends, from 1, over the whole recording; ``seq`` is the engine's own
    number of the event. ``event`` is the body that ``journal.codec`` writes. ``outputs`` go
    with ``runs``, None where nothing is known of what a run ended with. ``children`` are the
    ids of the events that it caused, and ``emitters`` says for each the place in ``runs`` of
    the run whose handler emitted or requested it, NOBODY for the engine's own.
    ``state`` and ``meta`` are what it ended with, ``whole`` whether that is all of it.
    ``nested`` is whether it ran inside its parent, as part of the parent's run.
    """

    number: int
    seq: int
    id: str
    session: str
    target: str
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
    outputs: list[Output | None]
    notes: list[Note]
    children: list[str]
    emitters: list[int]
    state: dict[str, Any]
    meta: dict[str, str]
    whole: bool
    nested: bool
    parent: str


class VersionRecord(msgspec.Struct, frozen=True):
    """A configuration that ran: its text, what was laid over it, and what was said instead.

    ``overlay`` is path and text of a second file, ``overrides`` values by dotted key.
    """

    number: int
    time: float
    cause: str
    differences: list[str]
    path: str
    text: str
    overlay: tuple[str, str] | None
    overrides: dict[str, Any]


class DeadChange(msgspec.Struct, array_like=True, frozen=True):
    """How the list of dead letters changed: what is new or marked, and what is gone.

    ``full`` is True when ``rows`` is the whole list.
    """

    rows: list[DeadRow]
    gone: list[int] = []
    full: bool = False


class Frame(msgspec.Struct, array_like=True, frozen=True):
    """The engine at one moment, without its ended events and without what is news.

    What is news since the last frame (log lines, points, operators' actions, dead letters,
    the configuration) is kept beside it; ``snapshot`` has those fields empty.
    """

    time: float
    snapshot: Snapshot


class News(msgspec.Struct, array_like=True, frozen=True):
    """What came up between two frames."""

    points: list[Point] = []
    log: list[LogRow] = []
    audit: list[AuditRow] = []
    dead: DeadChange | None = None
    config: Config | None = None


def event_of(story: Story) -> Event:
    """The event that a story is about. Raises ValueError if it can't be read."""
    return decode(story.event)

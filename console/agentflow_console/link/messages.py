"""Messages: everything that crosses a link, as plain tagged data."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from agentflow.telemetry.snapshot import Blocked, Counts, Cursor, ProblemRow, SpanCursor


class Request(msgspec.Struct, frozen=True, tag=True):
    """Base of what the console asks. ``number`` comes back with the reply."""

    number: int


class Pull(Request, frozen=True, tag=True):
    """A snapshot since the cursor."""

    cursor: Cursor


class Page(Request, frozen=True, tag=True):
    """Older settled events."""

    before: int
    limit: int


class ShowEvent(Request, frozen=True, tag=True):
    """One event in full."""

    event_id: str


class ShowSession(Request, frozen=True, tag=True):
    """More of the spans of a session."""

    session_id: str
    cursor: SpanCursor


class ShowSpan(Request, frozen=True, tag=True):
    """One span in full."""

    event_id: str
    span_id: str


class ShowRelated(Request, frozen=True, tag=True):
    """What caused a span, and what it caused."""

    event_id: str
    span_id: str


class ListSessions(Request, frozen=True, tag=True):
    """The newest sessions that a filter lets through."""

    query: str
    limit: int


class ShowDeadLetter(Request, frozen=True, tag=True):
    """One dead letter in full."""

    dead_letter: int


class ShowStop(Request, frozen=True, tag=True):
    """One stopped event in full."""

    stop: int


class ShowHealth(Request, frozen=True, tag=True):
    """How the engine is."""


class Execute(Request, frozen=True, tag=True):
    """A command of the operator's."""

    name: str
    arguments: dict[str, Any]
    operator: str


class HandOver(Request, frozen=True, tag=True):
    """Stop working and give away everything that is not finished."""


class TakeOver(Request, frozen=True, tag=True):
    """Go on with what another engine gave away."""

    handover: dict[str, Any]


class RefuseCode(Request, frozen=True, tag=True):
    """Changed handler code can't be used, and this is why: the operator should see it."""

    text: str


class Report(Request, frozen=True, tag=True):
    """Something for the engine's log. ``level`` is debug to error."""

    level: str
    text: str


class Stop(Request, frozen=True, tag=True):
    """End, finishing what is queued first if ``drain``. Without, it also cuts a drain short."""

    drain: bool


AnyRequest: TypeAlias = (
    Pull
    | Page
    | ShowEvent
    | ShowSession
    | ShowSpan
    | ShowRelated
    | ListSessions
    | ShowDeadLetter
    | ShowStop
    | ShowHealth
    | Execute
    | HandOver
    | TakeOver
    | RefuseCode
    | Report
    | Stop
)


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The engine is up: the first message of its side.

    ``drain_timeout`` is in seconds. ``journal`` is the path of the file that keeps what it
    has accepted, '' if there is none.
    """

    pid: int
    drain_timeout: float
    journal: str = ""


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The engine can't start, and this is why: its first and last message."""

    message: str
    problems: list[ProblemRow] = []


class Reply(msgspec.Struct, frozen=True, tag=True):
    """The answer to one request. The body's type is known from the request."""

    number: int
    body: msgspec.Raw


class Refusal(msgspec.Struct, frozen=True, tag=True):
    """A request that could not be answered at all."""

    number: int
    message: str


class Stuck(msgspec.Struct, frozen=True, tag=True):
    """Pushed by the watchdog: what blocks the engine's loop, or None when it goes round again."""

    blocked: Blocked | None


class CodeChanged(msgspec.Struct, frozen=True, tag=True):
    """Pushed by the engine: handler code beside its file was saved."""

    paths: list[str]


class Draining(msgspec.Struct, frozen=True, tag=True):
    """Pushed by the engine: it takes in nothing new and ends after ``timeout`` seconds at most."""

    timeout: float


class Ended(msgspec.Struct, frozen=True, tag=True):
    """The engine has stopped in good order, with these counts: its last message."""

    counts: Counts


FromEngine: TypeAlias = Ready | Failed | Reply | Refusal | Stuck | CodeChanged | Draining | Ended
Push: TypeAlias = Stuck | CodeChanged | Draining | Ended

"""Command, Answer and the details of one thing, as plain data."""

from __future__ import annotations

from typing import Any

import msgspec

from agentflow.telemetry.snapshot import (
    BreakpointRow,
    DeadRow,
    EventRow,
    SpanRow,
    StopRow,
)

WHY_LIMIT = 500
"""Characters of an operator's reason that are kept."""


class Command(msgspec.Struct, frozen=True):
    """Something an operator wants done."""

    name: str
    arguments: dict[str, Any] = {}
    operator: str = ""


class Answer(msgspec.Struct, frozen=True):
    """What came of a command: ``message`` is one plain sentence."""

    ok: bool
    message: str
    data: Any = None


class Deed(msgspec.Struct, frozen=True):
    """What came of a command, and what the audit should know of it beside the answer.

    ``change`` is what changed in short, ``about`` what to look at ("event:ID", "agent:NAME",
    "version:3", "dead:7"), ``undid`` what the row was about that this takes back.
    """

    answer: Answer
    change: str = ""
    about: str = ""
    undid: str = ""


class EventDetail(msgspec.Struct, frozen=True):
    """One event in full."""

    row: EventRow
    event: dict[str, Any]
    state: dict[str, Any] | None
    meta: dict[str, str]
    error_trace: str
    children: list[str]
    spans: list[SpanRow]


class DeadDetail(msgspec.Struct, frozen=True):
    """One dead letter in full."""

    row: DeadRow
    event: dict[str, Any]
    error: str
    error_trace: str


class SpanDetail(msgspec.Struct, frozen=True):
    """One span of a session in full.

    ``before`` and ``after`` are the state (of an event: its data, and the state that it ended
    with), bounded; None where it was not kept. ``known_from`` says where ``after`` is known
    from: "own" (this very run), "next" (the state before the next run, so what callbacks did
    between them is in it), "final" (what the event ended with), "together" (what the parallel
    runs made together), "same" (the run failed, and its changes were dropped) or "".
    """

    span: SpanRow
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    before_meta: dict[str, str] | None = None
    after_meta: dict[str, str] | None = None
    known_from: str = ""


class SpanRef(msgspec.Struct, frozen=True):
    """A span somewhere, and what it is to the one that was asked about.

    ``relation``: "emitted", "requested", "replay" (of or by an operator), "part".
    """

    session: str
    event_id: str
    span_id: str
    name: str
    status: str
    relation: str


class Related(msgspec.Struct, frozen=True):
    """What caused a span, and what it caused. ``said`` is why there is no cause, if so.

    A replay has two causes: what caused the original, and the original itself.
    """

    causes: list[SpanRef]
    effects: list[SpanRef]
    said: str = ""


class StopDetail(msgspec.Struct, frozen=True):
    """One event that is stopped at a breakpoint, in full.

    ``coming`` are lines on what comes next, ``callbacks`` those that would be called first,
    ``cause`` the event that caused it, if there is one and it is remembered.
    """

    row: StopRow
    event: dict[str, Any]
    state: dict[str, Any]
    meta: dict[str, str]
    error_trace: str
    cause: EventRow | None
    coming: list[str]
    callbacks: list[str]
    breakpoint: BreakpointRow | None

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

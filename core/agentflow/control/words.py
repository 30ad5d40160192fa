"""Command, Answer and the details of one thing, as plain data."""

from __future__ import annotations

from typing import Any

import msgspec

from agentflow.telemetry.snapshot import DeadRow, EventRow, SpanRow


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

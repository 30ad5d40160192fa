"""Answering: from a request to what the engine's control says, on the engine's own loop."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from agentflow.control import (
    Answer,
    Command,
    DeadDetail,
    EventDetail,
    Related,
    SpanDetail,
    StopDetail,
)
from agentflow.telemetry.health import Health
from agentflow.telemetry.snapshot import (
    Cursor,
    EventRow,
    SessionPage,
    Snapshot,
    SpanCursor,
    SpanPage,
)
from agentflow_console.link.messages import (
    AnyRequest,
    Execute,
    ListSessions,
    Page,
    Pull,
    ShowDeadLetter,
    ShowEvent,
    ShowHealth,
    ShowRelated,
    ShowSession,
    ShowSpan,
    ShowStop,
)


class Answers(Protocol):
    """What an engine's control offers (``agentflow.control.Control``)."""

    def snapshot(self, cursor: Cursor) -> Snapshot: ...
    def page(self, before: int, limit: int) -> list[EventRow]: ...
    def event(self, event_id: str) -> EventDetail | None: ...
    def session(self, session_id: str, cursor: SpanCursor, /) -> SpanPage: ...
    def span(self, event_id: str, span_id: str, /) -> SpanDetail | None: ...
    def related(self, event_id: str, span_id: str, /) -> Related | None: ...
    def sessions(self, query: str, limit: int, /) -> SessionPage: ...
    def dead_letter(self, number: int) -> DeadDetail | None: ...
    def stop(self, number: int) -> StopDetail | None: ...
    def health(self) -> Health | None: ...
    async def execute(self, command: Command) -> Answer: ...


def look_up(control: Answers, request: AnyRequest, cost: float = 0.0) -> Any:
    """The answer to a request that only reads. Raises TypeError for one that does more.

    ``cost`` is the share of a core that answering has taken lately.
    """
    match request:
        case Pull(cursor=cursor):
            return msgspec.structs.replace(control.snapshot(cursor), engine_cost=cost)
        case Page(before=before, limit=limit):
            return control.page(before, limit)
        case ShowEvent(event_id=event_id):
            return control.event(event_id)
        case ShowSession(session_id=session_id, cursor=since):
            return control.session(session_id, since)
        case ShowSpan(event_id=event_id, span_id=span_id):
            return control.span(event_id, span_id)
        case ShowRelated(event_id=event_id, span_id=span_id):
            return control.related(event_id, span_id)
        case ListSessions(query=query, limit=limit):
            return control.sessions(query, limit)
        case ShowDeadLetter(dead_letter=number):
            return control.dead_letter(number)
        case ShowStop(stop=number):
            return control.stop(number)
        case ShowHealth():
            return control.health()
        case _:
            raise TypeError(f"{type(request).__name__} is not a request to read")


async def execute(control: Answers, request: Execute) -> Answer:
    """What came of a command."""
    return await control.execute(Command(request.name, request.arguments, request.operator))

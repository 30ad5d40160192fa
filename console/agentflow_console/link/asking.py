"""AskingLink: the calls of a link as requests, for whoever carries them."""

from __future__ import annotations

import getpass
from itertools import count
from typing import Any

import msgspec

from agentflow.control import (
    Answer,
    DeadDetail,
    EventDetail,
    Related,
    SpanDetail,
    StopDetail,
)
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
    ShowRelated,
    ShowSession,
    ShowSpan,
    ShowStop,
)

_snapshot = msgspec.msgpack.Decoder(Snapshot)
_rows = msgspec.msgpack.Decoder(list[EventRow])
_event: msgspec.msgpack.Decoder[EventDetail | None] = msgspec.msgpack.Decoder(EventDetail | None)
_spans = msgspec.msgpack.Decoder(SpanPage)
_span: msgspec.msgpack.Decoder[SpanDetail | None] = msgspec.msgpack.Decoder(SpanDetail | None)
_related: msgspec.msgpack.Decoder[Related | None] = msgspec.msgpack.Decoder(Related | None)
_sessions = msgspec.msgpack.Decoder(SessionPage)
_dead_letter: msgspec.msgpack.Decoder[DeadDetail | None] = msgspec.msgpack.Decoder(
    DeadDetail | None
)
_stop: msgspec.msgpack.Decoder[StopDetail | None] = msgspec.msgpack.Decoder(StopDetail | None)
_answer = msgspec.msgpack.Decoder(Answer)


def operator_name() -> str:
    """Who sits at the console, for the audit."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name at all
        return "operator"


class AskingLink:
    """What every link does alike: a subclass only says how a request is carried."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self.operator = operator_name()
        """In whose name commands are given."""

    async def _ask(self, request: AnyRequest) -> bytes | memoryview:
        """The body of the engine's reply. Raises LinkError when there is none."""
        raise NotImplementedError

    async def pull(self, cursor: Cursor) -> Snapshot:
        """What the engine is now, and what happened since the cursor."""
        return _snapshot.decode(await self._ask(Pull(next(self._numbers), cursor)))

    async def page(self, before: int, limit: int) -> list[EventRow]:
        """Settled events older than the settle order ``before``, at most ``limit``."""
        return _rows.decode(await self._ask(Page(next(self._numbers), before, limit)))

    async def event(self, event_id: str) -> EventDetail | None:
        """One event in full; None if the engine no longer has it."""
        return _event.decode(await self._ask(ShowEvent(next(self._numbers), event_id)))

    async def session(self, session_id: str, cursor: SpanCursor) -> SpanPage:
        """The spans of one session that are new since the cursor, oldest first."""
        request = ShowSession(next(self._numbers), session_id, cursor)
        return _spans.decode(await self._ask(request))

    async def span(self, event_id: str, span_id: str) -> SpanDetail | None:
        """One span in full; None if the engine no longer has it."""
        return _span.decode(await self._ask(ShowSpan(next(self._numbers), event_id, span_id)))

    async def related(self, event_id: str, span_id: str) -> Related | None:
        """What caused a span and what it caused; None if the engine no longer has it."""
        request = ShowRelated(next(self._numbers), event_id, span_id)
        return _related.decode(await self._ask(request))

    async def sessions(self, query: str = "", limit: int = 200) -> SessionPage:
        """The sessions that a filter lets through, newest first."""
        return _sessions.decode(await self._ask(ListSessions(next(self._numbers), query, limit)))

    async def dead_letter(self, number: int) -> DeadDetail | None:
        """One dead letter in full; None if there is no such number."""
        return _dead_letter.decode(await self._ask(ShowDeadLetter(next(self._numbers), number)))

    async def stop(self, number: int) -> StopDetail | None:
        """One stopped event in full; None if it isn't stopped any more."""
        return _stop.decode(await self._ask(ShowStop(next(self._numbers), number)))

    async def command(self, name: str, **arguments: Any) -> Answer:
        """Have the engine do something, in the name of this operator."""
        request = Execute(next(self._numbers), name, arguments, self.operator)
        return _answer.decode(await self._ask(request))

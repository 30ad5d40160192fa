"""SessionSpans: all the spans of one session, fetched page by page, and only what is new."""

from __future__ import annotations

from collections.abc import Callable

from agentflow.telemetry.snapshot import SpanCursor, SpanRow
from agentflow_console.link.protocol import Link

MOST = 100_000
"""Spans of one session that a screen takes in."""


class SessionSpans:
    """What is known of the session that was asked for last.

    An event that has ended does not change: what is fetched again is only what has ended
    since, and what goes on.
    """

    def __init__(self, link: Link, begun: Callable[[str, list[SpanRow]], object]) -> None:
        """``begun`` is given the first page of a session that has more."""
        self._link = link
        self._begun = begun
        self._session = ""
        self._cursor = SpanCursor()
        self._by_event: dict[str, list[SpanRow]] = {}
        self._all: list[SpanRow] = []
        self._count = 0
        self.cut = False
        """Whether there are more spans than are taken in."""

    async def fetch(self, session: str) -> list[SpanRow]:
        """The session's spans; the same list again when nothing has changed."""
        if session != self._session:
            self._begin(session, SpanCursor())
        changed, more = False, True
        while more:
            page = await self._link.session(session, self._cursor)
            if session != self._session:  # somebody wants another one by now
                return []
            if page.cursor.engine != self._cursor.engine and self._cursor.engine:
                self._begin(session, page.cursor)
                changed = True
            self._cursor = page.cursor
            changed = self._take(page.spans) or changed
            self.cut = self._count > MOST
            more = page.more and not self.cut
            if more and not self._all:
                self._all = list(page.spans)
                self._begun(session, self._all)
        if changed:
            self._all = [span for spans in self._by_event.values() for span in spans][:MOST]
        return self._all

    def _begin(self, session: str, cursor: SpanCursor) -> None:
        self._session, self._cursor = session, cursor
        self._by_event, self._all, self._count, self.cut = {}, [], 0, False

    def _take(self, spans: list[SpanRow]) -> bool:
        """Put what is known of these events in the place of what was; whether that changed."""
        fresh: dict[str, list[SpanRow]] = {}
        for span in spans:
            fresh.setdefault(span.event_id, []).append(span)
        known, changed = self._by_event, False
        for event, found in fresh.items():
            before = known.get(event)
            if before != found:
                known[event] = found
                self._count += len(found) - len(before or ())
                changed = True
        return changed

"""Testing: a link to an engine that stands still, for tests of screens without an engine."""

from __future__ import annotations

import asyncio
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
from agentflow.filters import SESSIONS, Filter
from agentflow.telemetry.planned import Preview
from agentflow.telemetry.snapshot import (
    Blocked,
    Counts,
    Cursor,
    EventRow,
    SessionPage,
    SessionRow,
    Snapshot,
    SpanCursor,
    SpanPage,
    SpanRow,
)
from agentflow_console.link.asking import operator_name

_NOTHING = Snapshot(
    time=0.0,
    counts=Counts(),
    rate=0.0,
    paused=False,
    read_only=False,
    mode="route",
    version=1,
    name="still",
    live=[],
    live_total=0,
    settled=[],
    settled_cursor=0,
    settled_missed=0,
    agents=None,
    hooks=None,
    modes=None,
    points=[],
    log=[],
    log_cursor=0,
    log_missed=0,
    audit=[],
    audit_cursor=0,
    dead=None,
    dead_revision=0,
    config=None,
    config_revision=0,
    alerts=[],
    pid=1,
    memory=0,
)


_CHANGE = Preview(
    version=1, next=2, differences=["mode route → sequential"], before="route: to the agent",
    after="sequential: a", appear=[], disappear=[], change=[], touches=[], untouched=0,
    counts=Counts(), sessions=0, loads=[], problems=[],
)  # fmt: skip


class StillLink:
    """A link whose engine does nothing but answer with what it was given.

    The first pull gets ``snapshot``, those after it the same without what is news. ``give``
    has the next pull get another one. Commands are kept in ``commands`` and get ``answer``.
    """

    def __init__(self, snapshot: Snapshot | None = None, **fields: Any) -> None:
        self._next = msgspec.structs.replace(snapshot or _NOTHING, **fields)
        self.status = "starting"
        self.reason = ""
        self.started = True
        self.deaths: list[str] = []
        self.journal = ""
        self.seconds_left = 0.0
        self.left: int | None = None
        self.owned = True
        self.process = 0
        self.blocked: Blocked | None = None
        self.answer = Answer(True, "Done.")
        self.operator = operator_name()
        self.preview = _CHANGE
        self.refuse_plans = ""
        self.details: dict[str, EventDetail] = {}
        self.dead_details: dict[int, DeadDetail] = {}
        self.stop_details: dict[int, StopDetail] = {}
        self.spans: dict[str, list[SpanRow]] = {}
        self.span_details: dict[str, SpanDetail] = {}
        self.relations: dict[str, Related] = {}
        self.session_rows: list[SessionRow] = []
        self.commands: list[tuple[str, dict[str, Any]]] = []
        self.pulls = 0
        self.closed = False
        self.closings: list[bool] = []  # for each ``close``, whether it was to drain
        self.drained = asyncio.Event()  # cleared: a drain goes on until there is one without
        self.drained.set()
        self.open = asyncio.Event()  # cleared: the engine does not answer
        self.open.set()

    async def start(self) -> None:
        """It is there at once."""
        self.status = "connected"

    def give(self, **fields: Any) -> None:
        """Change the snapshot, for the pulls from now on."""
        self._next = msgspec.structs.replace(self._next, **fields)

    async def pull(self, cursor: Cursor) -> Snapshot:
        """The snapshot; what it says as news is said once."""
        await self.open.wait()
        self.pulls += 1
        given = self._next
        self._next = msgspec.structs.replace(given, settled=[], points=[], log=[], audit=[])
        return given

    async def page(self, before: int, limit: int) -> list[EventRow]:
        """There is nothing older."""
        return []

    async def event(self, event_id: str) -> EventDetail | None:
        """What ``details`` has."""
        await self.open.wait()
        return self.details.get(event_id)

    async def session(self, session_id: str, cursor: SpanCursor) -> SpanPage:
        """What ``spans`` has."""
        await self.open.wait()
        return SpanPage(SpanCursor(1, 1), self.spans.get(session_id, []))

    async def span(self, event_id: str, span_id: str) -> SpanDetail | None:
        """What ``span_details`` has."""
        await self.open.wait()
        return self.span_details.get(span_id)

    async def related(self, event_id: str, span_id: str) -> Related | None:
        """What ``relations`` has."""
        await self.open.wait()
        return self.relations.get(span_id)

    async def sessions(self, query: str = "", limit: int = 200) -> SessionPage:
        """What ``session_rows`` has, as far as the filter lets it through."""
        passing = Filter.parse(query, SESSIONS)
        found = [row for row in self.session_rows if passing.matches(row)]
        total = len(self.session_rows)
        return SessionPage(found[:limit], len(found), total, total)

    async def dead_letter(self, number: int) -> DeadDetail | None:
        """What ``dead_details`` has."""
        return self.dead_details.get(number)

    async def stop(self, number: int) -> StopDetail | None:
        """What ``stop_details`` has."""
        return self.stop_details.get(number)

    async def command(self, name: str, **arguments: Any) -> Answer:
        """Keep it, and answer with ``answer``; a question for a plan gets ``preview``."""
        await self.open.wait()
        if name == "plan" and self.refuse_plans:
            return Answer(False, self.refuse_plans)
        if name == "plan":
            return Answer(True, "", msgspec.to_builtins(self.preview))
        self.commands.append((name, arguments))
        return self.answer

    async def close(self, *, drain: bool = True) -> None:
        """It is gone, when ``drained`` lets a drain end."""
        self.closings.append(drain)
        if drain:
            self.status = "draining"
            await self.drained.wait()
        self.drained.set()
        self.status, self.closed = "closed", True

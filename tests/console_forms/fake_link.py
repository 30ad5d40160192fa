"""FakeLink: an engine that is a few lists, for looking at screens and answering forms.

It keeps what it was asked, in ``commands``, and answers from ``answers`` by command name.
``hold`` keeps every answer back until it is released.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import msgspec

from agentflow.control import Answer, DeadDetail, EventDetail
from agentflow.telemetry.snapshot import (
    AgentRow,
    AuditRow,
    Blocked,
    Config,
    Counts,
    Cursor,
    DeadRow,
    EventRow,
    HookRow,
    LogRow,
    ModeRow,
    Point,
    SessionRow,
    Snapshot,
    SpanRow,
)
from agentflow_console.link.protocol import LinkError

NOW = 1_763_726_671.0


@dataclass
class FakeLink:
    """A Link whose engine never changes by itself."""

    live: list[EventRow] = field(default_factory=list)
    settled: list[EventRow] = field(default_factory=list)
    agents: list[AgentRow] = field(default_factory=list)
    hooks: list[HookRow] = field(default_factory=list)
    modes: list[ModeRow] = field(default_factory=list)
    dead: list[DeadRow] = field(default_factory=list)
    dead_details: dict[int, DeadDetail] = field(default_factory=dict)
    details: dict[str, EventDetail] = field(default_factory=dict)
    spans: dict[str, list[SpanRow]] = field(default_factory=dict)
    session_rows: list[SessionRow] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    log: list[LogRow] = field(default_factory=list)
    audit: list[AuditRow] = field(default_factory=list)
    config: Config | None = None
    counts: Counts = field(default_factory=Counts)
    read_only: bool = False
    paused: bool = False
    mode: str = "route"
    alerts: list[str] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)
    commands: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    lost: str = ""
    hold: asyncio.Event | None = None
    status: str = "starting"
    reason: str = ""
    blocked: Blocked | None = None
    revision: int = 1
    now: float = NOW

    async def start(self) -> None:
        """There is nothing to bring up."""
        self.status = "connected"

    async def pull(self, cursor: Cursor) -> Snapshot:
        """Everything at the first time, and what is newer than the cursor after that."""
        self._reach()
        first = cursor.dead != self.revision
        return Snapshot(
            time=self.now,
            counts=self.counts,
            rate=0.0,
            paused=self.paused,
            read_only=self.read_only,
            mode=self.mode,
            version=self.config.version if self.config else 1,
            name="fake",
            live=self.live,
            live_total=len(self.live),
            settled=self.settled if not cursor.event else [],
            settled_cursor=len(self.settled),
            settled_missed=0,
            agents=self.agents,
            hooks=self.hooks,
            modes=self.modes,
            points=[point for point in self.points if point.time > cursor.point],
            log=[row for row in self.log if row.seq > cursor.log],
            log_cursor=max((row.seq for row in self.log), default=0),
            log_missed=0,
            audit=[row for row in self.audit if row.seq > cursor.audit],
            audit_cursor=max((row.seq for row in self.audit), default=0),
            dead=self.dead if first else None,
            dead_revision=self.revision,
            config=self.config if first else None,
            config_revision=self.revision,
            alerts=self.alerts,
            pid=1,
            memory=0,
        )

    async def page(self, before: int, limit: int) -> list[EventRow]:
        """Nothing is older than what was sent."""
        return []

    async def event(self, event_id: str) -> EventDetail | None:
        """The detail that was put in."""
        self._reach()
        return self.details.get(event_id)

    async def session(self, session_id: str) -> list[SpanRow]:
        """The spans that were put in."""
        self._reach()
        return self.spans.get(session_id, [])

    async def sessions(self, limit: int = 200) -> list[SessionRow]:
        """The sessions that were put in."""
        self._reach()
        return self.session_rows[:limit]

    async def dead_letter(self, number: int) -> DeadDetail | None:
        """The detail that was put in."""
        self._reach()
        return self.dead_details.get(number)

    async def command(self, name: str, **arguments: Any) -> Answer:
        """Keep it, check that it could cross a wire, answer what was put in, else yes."""
        self._reach()
        msgspec.msgpack.encode(arguments)
        self.commands.append((name, arguments))
        if self.hold is not None:
            await self.hold.wait()
        if self.read_only:
            return Answer(False, "Read-only: nothing was changed.")
        return self.answers.get(name, Answer(True, f"{name} is done."))

    async def close(self, *, drain: bool = True) -> None:
        """There is nothing to stop."""
        self.status = "closed"

    def _reach(self) -> None:
        if self.lost:
            raise LinkError(self.lost)

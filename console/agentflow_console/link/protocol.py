"""Link: what a screen may ask of an engine, wherever that engine runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from agentflow.control import (
    Answer,
    DeadDetail,
    EventDetail,
    Related,
    SpanDetail,
    StopDetail,
)
from agentflow.telemetry.snapshot import (
    Blocked,
    Cursor,
    EventRow,
    ProblemRow,
    SessionPage,
    Snapshot,
    SpanCursor,
    SpanPage,
)


class LinkError(Exception):
    """The engine can't be reached. The message is a sentence for the operator.

    ``problems`` is what is wrong with the configuration, if that is the reason.
    """

    def __init__(self, message: str, problems: Sequence[ProblemRow] = ()) -> None:
        self.problems = list(problems)
        super().__init__(message)


class Link(Protocol):
    """A connection to one engine. Every call but ``start`` may raise LinkError when it is lost."""

    operator: str
    """In whose name commands are given."""

    async def start(self) -> None:
        """Bring the engine up. Raises LinkError with the reason if it can't start."""

    async def pull(self, cursor: Cursor) -> Snapshot:
        """What the engine is now, and what happened since the cursor."""

    async def page(self, before: int, limit: int) -> list[EventRow]:
        """Settled events older than the settle order ``before``, at most ``limit``."""

    async def event(self, event_id: str) -> EventDetail | None:
        """One event in full; None if the engine no longer has it."""

    async def session(self, session_id: str, cursor: SpanCursor) -> SpanPage:
        """The spans of one session that are new since the cursor, oldest first."""

    async def span(self, event_id: str, span_id: str) -> SpanDetail | None:
        """One span in full; None if the engine no longer has it."""

    async def related(self, event_id: str, span_id: str) -> Related | None:
        """What caused a span and what it caused; None if the engine no longer has it."""

    async def sessions(self, query: str = "", limit: int = 200) -> SessionPage:
        """The sessions that a filter lets through, newest first."""

    async def dead_letter(self, number: int) -> DeadDetail | None:
        """One dead letter in full; None if there is no such number."""

    async def stop(self, number: int) -> StopDetail | None:
        """One stopped event in full; None if it isn't stopped any more."""

    async def command(self, name: str, **arguments: Any) -> Answer:
        """Have the engine do something, in the name of this operator."""

    async def close(self, *, drain: bool = True) -> None:
        """Stop the engine, finishing what is queued first if ``drain``.

        While it drains, reading goes on. Safe to call again: without ``drain`` that cuts the
        drain short.
        """

    @property
    def blocked(self) -> Blocked | None:
        """The code that keeps the engine's loop from going round, while it does."""

    @property
    def status(self) -> str:
        """starting, connected, restarting, draining, lost or closed."""

    @property
    def started(self) -> bool:
        """Whether the engine ever came up."""

    @property
    def reason(self) -> str:
        """Why the engine was lost, or died and is started again; '' while it is there."""

    @property
    def deaths(self) -> Sequence[str]:
        """For each time that the engine was started again after a death: how it had died."""

    @property
    def journal(self) -> str:
        """The path of what keeps accepted events on disk; '' if nothing does."""

    @property
    def seconds_left(self) -> float:
        """Until a drain that is under way is given up; 0 when there is none."""

    @property
    def left(self) -> int | None:
        """Events that were not finished at the end; None before, or if nobody can know."""

    @property
    def owned(self) -> bool:
        """Whether closing the link ends the engine; else it is somebody else's and goes on."""

    @property
    def process(self) -> int:
        """Id of the engine's process; 0 if it is this one."""

"""Link: what a screen may ask of an engine, wherever that engine runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from agentflow.control import Answer, DeadDetail, EventDetail
from agentflow.telemetry.snapshot import (
    Blocked,
    Cursor,
    EventRow,
    ProblemRow,
    SessionRow,
    Snapshot,
    SpanRow,
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

    async def start(self) -> None:
        """Bring the engine up. Raises LinkError with the reason if it can't start."""

    async def pull(self, cursor: Cursor) -> Snapshot:
        """What the engine is now, and what happened since the cursor."""

    async def page(self, before: int, limit: int) -> list[EventRow]:
        """Settled events older than the settle order ``before``, at most ``limit``."""

    async def event(self, event_id: str) -> EventDetail | None:
        """One event in full; None if the engine no longer has it."""

    async def session(self, session_id: str) -> list[SpanRow]:
        """The spans of one session, oldest first."""

    async def sessions(self, limit: int = 200) -> list[SessionRow]:
        """The sessions seen last, newest first."""

    async def dead_letter(self, number: int) -> DeadDetail | None:
        """One dead letter in full; None if there is no such number."""

    async def command(self, name: str, **arguments: Any) -> Answer:
        """Have the engine do something, in the name of this operator."""

    async def close(self, *, drain: bool = True) -> None:
        """Stop the engine, finishing what is queued first if ``drain``. Safe to call twice."""

    @property
    def blocked(self) -> Blocked | None:
        """The code that keeps the engine's loop from going round, while it does."""

    @property
    def status(self) -> str:
        """starting, connected, lost or closed."""

    @property
    def started(self) -> bool:
        """Whether the engine ever came up."""

    @property
    def reason(self) -> str:
        """Why the engine was lost, as a sentence; '' while it is not."""

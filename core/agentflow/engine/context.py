"""RunContext: what a handler that takes a third argument gets."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from math import inf
from typing import TYPE_CHECKING

from agentflow.agent import AgentResult
from agentflow.event import Event

if TYPE_CHECKING:
    from agentflow.engine.execution import Execution


class RunContext:
    """The context of one attempt of one agent run; see ``agentflow.Context``."""

    __slots__ = ("_dispatcher", "_execution", "_key", "_limit", "agent", "attempt")

    def __init__(self, execution: Execution, agent: str, attempt: int, limit: float) -> None:
        self._execution = execution
        self._dispatcher = execution.work.dispatcher
        self._limit = limit
        self._key = execution.key_of(agent)
        self.agent = agent
        self.attempt = attempt

    @property
    def event(self) -> Event:
        """The event that is being handled."""
        return self._execution.event

    @property
    def deadline(self) -> datetime | None:
        """When this run will be cancelled (UTC), or None if nothing limits it."""
        if self._limit == inf:
            return None
        clock = self._dispatcher.clock
        return datetime.fromtimestamp(clock.time() + self._limit - clock.monotonic(), UTC)

    @property
    def idempotency_key(self) -> str:
        """The same text for every attempt of the same piece of work."""
        return self._key

    @property
    def logger(self) -> logging.Logger:
        """A logger named after the agent."""
        return logging.getLogger(f"agentflow.agent.{self.agent}")

    async def emit(self, event: Event) -> str:
        """Queue another event, as caused by this one; its id.

        Its source is this agent unless it names one. Raises QueueFull.
        """
        return await self._dispatcher.emit_from(self._execution, self.caused(event))

    async def request(self, event: Event) -> AgentResult:
        """Run another event now, as part of this one, and return what came of it."""
        return await self._dispatcher.run_nested(self._execution, self.caused(event))

    def caused(self, event: Event) -> Event:
        """``event`` as one that this agent has caused."""
        parent = self._execution.event
        fields: dict[str, object] = {}
        if not event.source or event.source == parent.target:
            fields["source"] = self.agent
        if not event.parent_event:
            # Not made with event.child: still a link of this chain, or loops go unseen.
            fields["metadata"] = {**event.metadata, **parent.lineage(event.metadata)}
            if event.session_id == event.id:
                fields["session_id"] = parent.session_id
        return event.replace(**fields) if fields else event

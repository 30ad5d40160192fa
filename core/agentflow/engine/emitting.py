"""Emitting: the ways into a runner for an event."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from agentflow.agent import AgentResult
from agentflow.engine.admission import check
from agentflow.engine.ledger import PATIENCE
from agentflow.engine.parts import Parts
from agentflow.errors import QueueFull, RunnerNotRunning
from agentflow.event import Event
from agentflow.resilience import DeadLetter
from agentflow.resilience.dead_letters import replay_of


class Emitting(Parts):
    """The side of a runner that takes events."""

    async def emit(self, event: Event, *, feed: tuple[str, int] | None = None) -> str:
        """Accept an event; its id. With a journal, it is on disk when this returns.

        Waits up to a second for room in the queue. An event that the journal has had
        before (by its id, or by metadata ``idempotency_key``) is not accepted again: the
        id is the earlier one's. ``feed`` is the name of where events come from and how
        many came from there, this one included: kept together with the event.

        Raises QueueFull, InvalidEvent, RunnerNotRunning before start and after stop,
        JournalFull and JournalFailed.
        """
        dispatcher = self.dispatcher
        if self._status != "running":
            self._refuse_work()
        if dispatcher.accepted - dispatcher.done + dispatcher.arriving >= dispatcher.queue_size:
            await self._room_for(event)
        if dispatcher.intake is not None:
            return await dispatcher.intake.emit(event, feed)
        dispatcher.accept(event)
        if self.subscribers.entries:
            self.subscribers.publish(event)
        return event.id

    async def _room_for(self, event: Event) -> None:
        """Wait for room. Raises QueueFull, and at once what would be raised with room too."""
        dispatcher = self.dispatcher
        if dispatcher.has_room():
            return
        check(event)
        if not await dispatcher.wait_for_room(PATIENCE):
            dispatcher.refused += 1
            raise QueueFull(dispatcher.queue_size)
        if self._status != "running":
            self._refuse_work()

    def try_emit(self, event: Event) -> str:
        """Accept an event now or raise QueueFull at once; its id.

        With a journal it is on disk a moment later; ``flush`` waits for that. Raises
        InvalidEvent, RunnerNotRunning before start and after stop, JournalFull and
        JournalFailed.
        """
        dispatcher = self.dispatcher
        if self._status != "running" or not dispatcher.has_room():
            self._refuse_at_once()
        if dispatcher.intake is not None:
            dispatcher.intake.try_emit(event)
            return event.id
        dispatcher.accept(event)
        if self.subscribers.entries:
            self.subscribers.publish(event)
        return event.id

    def submit(self, event: Event, *, feed: tuple[str, int] | None = None) -> asyncio.Future[str]:
        """Accept an event now; the future has its id when it is on disk.

        For who sends many events without waiting for each. Raises QueueFull at once, and
        what ``emit`` raises; JournalFull and JournalFailed may also come by the future.
        """
        dispatcher = self.dispatcher
        if self._status != "running" or not dispatcher.has_room():
            self._refuse_at_once()
        if dispatcher.intake is not None:
            return dispatcher.intake.submit(event, feed)
        dispatcher.accept(event)
        if self.subscribers.entries:
            self.subscribers.publish(event)
        accepted: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        accepted.set_result(event.id)
        return accepted

    async def room(self) -> None:
        """Wait until there is room for another event."""
        while not await self.dispatcher.wait_for_room(PATIENCE):
            continue

    async def flush(self) -> None:
        """Wait until everything that happened so far is on disk, if there is a journal.

        Raises JournalFailed when it can't get there.
        """
        if self.dispatcher.intake is not None:
            await self.dispatcher.intake.flush()

    async def request(self, event: Event) -> AgentResult:
        """Accept an event and wait for its outcome. A failure is in ``result.error``.

        Raises QueueFull, InvalidEvent and RunnerNotRunning if it could not be accepted.
        From inside a handler it runs at once, as part of the event being handled.
        """
        dispatcher = self.dispatcher
        if self._status != "running":
            self._refuse_work()
        inside = dispatcher.execution_here()
        if inside is not None:
            return await dispatcher.run_nested(inside, event)
        await self._room_for(event)
        if dispatcher.intake is not None:
            return await dispatcher.intake.request(event)
        waiter: asyncio.Future[AgentResult] = asyncio.get_running_loop().create_future()
        dispatcher.accept(event, waiter)
        if self.subscribers.entries:
            self.subscribers.publish(event)
        return await waiter

    async def replay(self, letter: DeadLetter, data: Mapping[str, Any] | None = None) -> str:
        """Emit the event of a dead letter again, with other ``data`` if given; the new id."""
        event_id = await self.emit(replay_of(letter.event, data))
        self.dispatcher.dead_letters.mark(letter, "replayed")
        if self._keeping is not None:
            self._keeping.journal.mark_dead(letter.number, "replayed")
        return event_id

    def _refuse_at_once(self) -> None:
        """Raise what stands in the way of an event that doesn't wait, if anything does."""
        if self._status != "running":
            self._refuse_work()
        if not self.dispatcher.has_room():
            self.dispatcher.refused += 1
            raise QueueFull(self.dispatcher.queue_size)

    def _refuse_work(self) -> None:
        if self._status == "stopping" and self.dispatcher.execution_here() is not None:
            return
        state = {"new": "has not been started", "stopping": "is stopping"}
        raise RunnerNotRunning(f"the runner {state.get(self._status, 'has been stopped')}")

"""Journaling: the engine's side of the journal. Nothing is queued before it is on disk.

An event on its way in is written first and queued when that is committed. An event's end
goes to the disk in one piece with the events that it caused, so that it can't happen
twice. Which events are running stands among the leases: what the process took along when
it died is known by that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec

from agentflow.agent import AgentResult
from agentflow.engine.admission import rank_of
from agentflow.engine.execution import Execution
from agentflow.errors import InvalidEvent, Restored
from agentflow.event import Event
from agentflow.journal import DeadRecord, Journal
from agentflow.journal.codec import decode
from agentflow.resilience import DeadLetter
from agentflow.resilience.dead_letters import describe, trace_text
from agentflow.state import State

if TYPE_CHECKING:
    from agentflow.engine.dispatcher import Dispatcher


class Arrival(msgspec.Struct, eq=False):
    """An event on its way to the disk, and who waits for it to be there, or for its outcome."""

    event: Event
    told: asyncio.Future[str] | None = None
    waiter: asyncio.Future[AgentResult] | None = None


class Confirmed(msgspec.Struct, eq=False):
    """The end of event ``seq`` is on disk: for when nothing else may start before."""

    seq: int


class Intake:
    """Writes what goes in and what comes out; one for each runner with a journal."""

    def __init__(
        self,
        journal: Journal,
        dispatcher: Dispatcher,
        publish: Callable[[Event], None],
        report: Callable[[str, str], None],
    ) -> None:
        self.journal = journal
        self._dispatcher = dispatcher
        self._publish = publish
        self._report = report

    # -- in -----------------------------------------------------------------------------

    async def emit(
        self, event: Event, feed: tuple[str, int] | None = None, key: str | None = None
    ) -> str:
        """Accept an event; its id, once it is on disk.

        An event that was accepted before, or has the idempotency key of one that was, is
        not accepted again: the id is that of the earlier one. Raises InvalidEvent,
        JournalFull and JournalFailed.
        """
        return await self.submit(event, feed, key)

    def submit(
        self, event: Event, feed: tuple[str, int] | None = None, key: str | None = None
    ) -> asyncio.Future[str]:
        """Like ``emit``, for who doesn't wait: the future has the id once it is on disk."""
        told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._submit(Arrival(event, told), feed, key)
        return told

    def try_emit(self, event: Event) -> None:
        """Accept an event that is on disk a moment later. Raises as ``emit`` does."""
        self._submit(Arrival(event))

    async def request(self, event: Event) -> AgentResult:
        """Accept an event and wait for its outcome. Raises as ``emit`` does."""
        loop = asyncio.get_running_loop()
        told: asyncio.Future[str] = loop.create_future()
        waiter: asyncio.Future[AgentResult] = loop.create_future()
        self._submit(Arrival(event, told, waiter))
        await told
        return await waiter

    def _submit(
        self, arrival: Arrival, feed: tuple[str, int] | None = None, key: str | None = None
    ) -> None:
        event = arrival.event
        rank = rank_of(event)
        self.journal.accept(event, rank, arrival, feed, key)
        self._dispatcher.arriving += 1

    def deliver(self, results: list[tuple[object, int, str | BaseException | None]]) -> None:
        """The journal has committed, or could not: queue what is on disk, tell who waits."""
        dispatcher = self._dispatcher
        for arrival, seq, outcome in results:
            if not isinstance(arrival, Arrival):
                self._answer(arrival, outcome)
                continue
            dispatcher.arriving -= 1
            event, told = arrival.event, arrival.told
            if outcome is None:
                # Who waits is told first: a handler that blocks the loop would keep it back.
                if told is not None and not told.done():
                    told.set_result(event.id)
                if dispatcher.backlog.unread is None:
                    dispatcher.accept(event, arrival.waiter, seq)
                else:
                    dispatcher.accept_late(event, arrival.waiter, seq)
                self._publish(event)
            elif isinstance(outcome, str):
                self._is_duplicate(arrival, outcome)
            elif told is not None and not told.done():
                told.set_exception(outcome)
            else:
                self._report("error", f"event {event.id} could not be kept: {outcome}")
        if dispatcher._room:
            dispatcher.look_room()
        dispatcher.look_idle()

    def _answer(self, ticket: object, outcome: str | BaseException | None) -> None:
        """What was said before ``ticket`` is on disk, or can't get there."""
        if isinstance(ticket, asyncio.Future):
            if ticket.done():
                return
            if isinstance(outcome, BaseException):
                ticket.set_exception(outcome)
            else:
                ticket.set_result(None)
        elif isinstance(outcome, BaseException):
            return  # a lease goes on counting, and a suspect is not cleared
        elif isinstance(ticket, int):
            self.journal.leases.give(ticket)
        elif isinstance(ticket, Confirmed):
            self._dispatcher.acquit(ticket.seq)

    def _is_duplicate(self, arrival: Arrival, earlier: str) -> None:
        """It was accepted before: its sender gets the earlier one's id."""
        if arrival.told is not None and not arrival.told.done():
            arrival.told.set_result(earlier)
        if arrival.waiter is not None and not arrival.waiter.done():
            error = InvalidEvent("id", f"this event was accepted before, as {earlier}")
            arrival.waiter.set_result(AgentResult(State(arrival.event.data), error))

    def key_of(self, run: str, event: Event) -> str | None:
        """The idempotency key of an event that a handler emits, ``run`` being the key of that.

        When the handler runs again and emits the same, it is there already; when it emits
        something else, that is another event.
        """
        content = (event.target, event.session_id, event.data, event.metadata)
        try:
            body = msgspec.msgpack.encode(content, enc_hook=repr)
        except (ValueError, TypeError, OverflowError, RecursionError):
            return None  # it will be refused, with the reason
        return f"{run}/{blake2b(body, digest_size=8).hexdigest()}"

    async def flush(self) -> None:
        """Wait until everything that was said so far is on disk. Raises JournalFailed."""
        told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.journal.flush(told)
        await told

    def number(self) -> int:
        """A number for an execution that has no place in the journal of its own."""
        return self.journal.reserve()

    # -- while it runs ------------------------------------------------------------------

    def lease(self, execution: Execution) -> None:
        """It begins, or goes on: should the process die now, that is known."""
        if execution.lease < 0 and not execution.nested:
            execution.lease = self.journal.leases.take(execution.seq)

    def unlease(self, execution: Execution) -> None:
        """It only waits now: a death of the process has nothing to do with it."""
        if execution.lease >= 0:
            work = execution.work
            retrying = work is not None and work.parked_retry
            begun = execution.runs or (work is not None and work.begun)
            if begun and not retrying:
                self._keep_tries(execution, execution.attempt, 0.0)
            if begun or retrying:
                # The attempt counts by its lease until it counts by what has just been said.
                self.journal.flush(execution.lease)
            else:
                self.journal.leases.give(execution.lease)
            execution.lease = -1
        if execution.seq in self._dispatcher.suspects:
            self._dispatcher.acquit(execution.seq)

    def keep_retry(self, execution: Execution, attempt: int, due: float) -> None:
        """``attempt`` has failed and the next one is due at ``due`` (monotonic seconds)."""
        self._keep_tries(execution, attempt, due + self._dispatcher.wall_offset)

    def edited(self, execution: Execution, event: Event) -> None:
        """An operator has edited its event: should it run again, then as it is now.

        Raises InvalidEvent for what can't be kept.
        """
        if not execution.nested:
            self.journal.rewrite(execution.seq, event)

    def interrupted(self, execution: Execution) -> None:
        """A stop without drain has cut it short: when it runs again, that is another attempt."""
        if execution.lease >= 0:
            self._keep_tries(execution, execution.attempt, 0.0)
            self.unlease(execution)
        execution.outbox = None

    def _keep_tries(self, execution: Execution, tries: int, due: float) -> None:
        if not execution.nested:
            self.journal.retry(execution.seq, tries - execution.deaths, due)

    # -- out ----------------------------------------------------------------------------

    def caused(self, execution: Execution, event: Event) -> None:
        """``execution`` has caused ``event``: they go to the disk together. Raises InvalidEvent."""
        arrival = Arrival(event)
        if execution.nested or (execution.ended and execution.outbox is None):
            self._submit(arrival)
            return
        rank = rank_of(event)
        record = self.journal.prepare(event, rank, arrival)
        if execution.outbox is None:
            execution.outbox = []
        execution.outbox.append(record)

    def settle(self, execution: Execution, state: State, letter: DeadLetter | None) -> None:
        """It has ended: write that down, with its dead letter and the events that it caused."""
        dispatcher, journal = self._dispatcher, self.journal
        dead = None if letter is None else record_of(letter, journal)
        if execution.nested:
            if dead is not None:
                journal.bury(dead)
            return
        event = execution.event
        session = event.session_id
        children, execution.outbox = execution.outbox, None
        if children:
            dispatcher.arriving += len(children)
        own = "session_id" not in event.metadata and session == event.id
        journal.settle(
            execution.seq,
            execution.ended + dispatcher.wall_offset,
            dead is None,
            None if own else session,
            None if own else state._values,
            dead,
            children or (),
        )
        if execution.lease >= 0:
            # Counts as running until it is overwritten: by then its end is long on disk.
            journal.leases.retire(execution.lease)
            execution.lease = -1
        if dispatcher.suspects:
            dispatcher.hold_back()
            journal.flush(Confirmed(execution.seq))


def record_of(letter: DeadLetter, journal: Journal) -> DeadRecord:
    """A dead letter as it is kept."""
    return DeadRecord(
        letter.number,
        journal.body_of(letter.event),
        describe(letter.error),
        trace_text(letter.error),
        letter.agent,
        letter.attempts,
        letter.config_version,
        letter.time,
        letter.status,
    )


def letter_of(record: DeadRecord) -> DeadLetter:
    """A dead letter as it was kept."""
    return DeadLetter(
        decode(record.event),
        Restored(record.error, record.trace),
        record.agent,
        record.attempts,
        record.config_version,
        record.number,
        record.time,
        record.status,
    )

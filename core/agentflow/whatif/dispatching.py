"""Dispatching: events on their way through the sandbox, as they were in the recording.

The real dispatcher does the work. This one sees to what must be the same every time: ids and
times of new events, when events begin, and whether a recorded failure is tried again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, NamedTuple
from uuid import UUID

from agentflow.engine.dispatcher import Dispatcher
from agentflow.engine.execution import Execution
from agentflow.engine.guards import Guard
from agentflow.engine.plan import PlannedAgent
from agentflow.errors import EventVetoed, NotRecorded, ProcessDied
from agentflow.event import Event
from agentflow.resilience import RetryPolicy
from agentflow.state import State
from agentflow.telemetry.metrics import Meter
from agentflow.whatif.again import error_again
from agentflow.whatif.alike import same_event
from agentflow.whatif.recorded import Book, Place, RecordedEvent, emitted_label, engine_label, free

_TELL = 100  # events between two words on how far it has come


class Ended(NamedTuple):
    """An event that has come to its end in the sandbox. ``offset`` makes its times wall times."""

    execution: Execution
    place: Place
    parent: str
    state: State
    offset: float


class SandboxDispatcher(Dispatcher):
    """A dispatcher for a run after a recording. Give it its ``book`` before it starts."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.book = Book(())
        self.recorded_retries: dict[str, RetryPolicy] = {}
        """The retry policies that the recording was made under, by agent."""
        self.places: dict[str, Place] = {}
        """Where the events of this run stand, by id."""
        self.taken: dict[Place, str] = {}
        self.parents: dict[str, str] = {}
        self.ended: list[Ended] = []
        self.progress: Callable[[int], object] = lambda ended: None
        """Told how many events have ended, from time to time."""

    # -- in -------------------------------------------------------------------------------

    def christen(self, parent: Execution, event: Event, label: str) -> Event:
        """``event`` with the id and time that belong to its place in the run."""
        above = self.places[parent.event.id]
        place = Place(above.session, free(f"{above.path}/{label}", above.session, self.taken))
        told = self.book.places.get(place)
        if told is not None:
            if same_event(told.event, event):
                self.take_place(told.event, place, above.path)
                return told.event
            event_id, timestamp = told.event.id, told.event.timestamp
        else:
            event_id = _identity(place)
            timestamp = datetime.fromtimestamp(self.clock.time(), UTC)
        own_session = event.session_id == event.id
        named: dict[str, Any] = {"session_id": event_id} if own_session else {}
        event = event.replace(id=event_id, timestamp=timestamp, **named)
        self.take_place(event, place, above.path)
        return event

    def take_place(self, event: Event, place: Place, parent: str) -> None:
        """Note where ``event`` stands; ``parent`` is the path of what caused it."""
        self.places[event.id] = place
        self.taken[place] = event.id
        self.parents[event.id] = parent

    def child_of_run(
        self, parent: Execution, agent: str, occurrence: int, number: int, event: Event
    ) -> Event:
        """``event`` as the one that a handler emits or requests; ``number`` counts from 1."""
        return self.christen(parent, event, emitted_label(agent, occurrence, number))

    def add_child(self, execution: Execution, event: Event) -> None:
        """Accept an event that ``execution`` caused."""
        if event.id not in self.places:
            event = self.christen(execution, event, engine_label(execution.event, event))
        super().add_child(execution, event)

    # -- one event --------------------------------------------------------------------------

    def handle(self, execution: Execution, guard: Guard) -> Awaitable[None]:
        """Run one execution to its end, when it is time for it."""
        return self._handle(execution, guard)

    async def _handle(self, execution: Execution, guard: Guard) -> None:
        told = self.book.events.get(execution.event.id)
        if told is not None:
            left = execution.accepted + told.wait - self.now()
            if left > 0:
                await asyncio.sleep(left)
            if told.story.error.startswith("ProcessDied: "):
                self.fail(execution, ProcessDied(self.max_deaths))
                return
        await super().handle(execution, guard)

    async def orchestrate(
        self, execution: Execution, guard: Guard, *rest: Any, **named: Any
    ) -> None:
        """Run one execution to its end; what a callback refused then is refused again."""
        told = self.book.events.get(execution.event.id)
        if told is not None and told.vetoed is not None:
            self._refuse(execution, told, EventVetoed(*told.vetoed))
            return
        if told is not None and told.dropped and not told.runs:
            self._refuse(execution, told, error_again(told.story.error))
            return
        await super().orchestrate(execution, guard, *rest, **named)

    def _refuse(self, execution: Execution, told: RecordedEvent, error: Exception) -> None:
        choice = self.plan.pick(execution.event)
        execution.label = choice.label
        execution.started = execution.last = self.now()
        self.settle(execution, choice.meter, State(told.story.state, told.story.meta), error, "")

    def settle(
        self,
        execution: Execution,
        meter: Meter,
        state: State,
        error: BaseException | None,
        agent: str,
    ) -> None:
        """An execution has ended: keep all of it."""
        super().settle(execution, meter, state, error, agent)
        event_id = execution.event.id
        self.ended.append(
            Ended(
                execution,
                self.places.get(event_id, Place(execution.event.session_id, "?")),
                self.parents.get(event_id, ""),
                state.clone(),
                self.wall_offset,
            )
        )
        if len(self.ended) % _TELL == 0:
            self.progress(len(self.ended))

    # -- retries ------------------------------------------------------------------------------

    def retry_delay(
        self, execution: Execution, agent: PlannedAgent, error: BaseException, attempt: int
    ) -> float | None:
        """Seconds until the next attempt, or None: as in the recording, where the policy is.

        Whether an error could be mended by trying again is known there by what was done.
        """
        if isinstance(error, NotRecorded):
            return None
        times = sum(run[0] == agent.name for run in execution.runs) + 1
        run = self.book.run(execution.event.id, agent.name, times)
        tried = run.attempt(attempt) if run is not None else None
        if run is None or tried is None or not tried.error:
            return super().retry_delay(execution, agent, error, attempt)
        before = self.recorded_retries.get(agent.name)
        if tried.again and attempt <= agent.retry.max_retries:
            delay = tried.waited
            if before != agent.retry:
                delay = agent.retry.delay(attempt, self.clock.random)
            return delay if self.now() + delay < execution.deadline else None
        gave_up = before is not None and len(run.attempts) <= before.max_retries
        if not tried.again and gave_up:
            return None
        return super().retry_delay(execution, agent, error, attempt)


def _identity(place: Place) -> str:
    """An id that is the same for the same place in every run."""
    digest = blake2b(f"{place.session}\0{place.path}".encode("utf-8", "replace"), digest_size=16)
    return str(UUID(bytes=digest.digest(), version=5))

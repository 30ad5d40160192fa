"""Slots: who may run. A slot is the right to run one event.

Workers take executions from the backlog, one after the other, as long as there are slots.
An execution that only waits (for a paused agent, for a retry) gives its slot up.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from agentflow.clock import Clock
from agentflow.engine.execution import Execution
from agentflow.engine.guards import Guard
from agentflow.engine.ledger import Ledger, wake_up
from agentflow.engine.plan import Vitals

if TYPE_CHECKING:
    from agentflow.engine.journaling import Intake

SLICE = 0.005
"""Seconds that a worker goes on without letting the loop go round."""


class Slots(Ledger):
    """The workers of a dispatcher and their slots."""

    def __init__(
        self,
        clock: Clock,
        abandon: Callable[[Guard], None],
        *,
        ordered: bool,
        queue_size: int,
        max_running: int,
    ) -> None:
        super().__init__(
            clock, abandon, ordered=ordered, queue_size=queue_size, max_running=max_running
        )
        self.wakeable = max_running
        """How many more workers could be woken or made to take an execution."""
        self.closing = False
        self.intake: Intake | None = None
        """The way by the disk, if there is a journal."""
        self.suspects: set[int] = set()
        self._max_running = max_running
        self._workers: dict[asyncio.Task[None], None] = {}  # in the order they were made
        self._idle: deque[asyncio.Future[None]] = deque()
        self._resumable: dict[Execution, list[asyncio.Future[None]]] = {}
        """Executions that could go on if they had a slot, in the order they came."""

    def handle(self, execution: Execution, guard: Guard) -> Awaitable[None]:
        """Run one execution to its end."""
        raise NotImplementedError

    def interrupted(self, execution: Execution) -> None:
        """A stop without drain has cut an execution short."""
        raise NotImplementedError

    def give_up(self, execution: Execution, agent: str, since: float) -> None:
        """End an execution that its own task will not end."""
        raise NotImplementedError

    def fail(self, execution: Execution, error: BaseException) -> None:
        """Settle an execution that the engine itself could not bring to its end."""
        raise NotImplementedError

    def wake(self) -> None:
        """See to it that somebody takes the next execution, if there is a slot for it."""
        if self.closing:
            return
        idle = self._idle
        while idle:
            waiting = idle.pop()
            if not waiting.done():
                self.wakeable -= 1
                waiting.set_result(None)
                return
        if self.wakeable > 0:
            self.wakeable -= 1
            worker = asyncio.get_running_loop().create_task(self._work())
            self._workers[worker] = None
            worker.add_done_callback(lambda ended: self._workers.pop(ended, None))

    def wake_all(self) -> None:
        """Wake a worker for everything that is ready."""
        if not self.paused:
            for _ in range(min(self.wakeable, sum(map(len, self.backlog.ready)))):
                self.wake()

    def resize(self, max_running: int) -> None:
        """Change how many events may run at once."""
        self._max_running = max_running
        if self.suspects:
            max_running = 1
        self.wakeable += max_running - self.max_running
        self.max_running = max_running
        self.wake_all()

    def isolate(self, suspects: set[int]) -> None:
        """Run one event at a time until these, by number, have ended or wait.

        The process has died more than once while they ran: the one that kills it must not
        take the others along again.
        """
        self.suspects = suspects
        self.resize(self._max_running)

    def acquit(self, seq: int) -> None:
        """A suspect has ended, or waits for something: it has not killed the process."""
        self.suspects.discard(seq)
        if not self.suspects:
            self.resize(self._max_running)

    async def _work(self) -> None:
        """Take one execution after the other, until there is nothing for this worker."""
        guard = self.guards.here()
        try:
            await self._take_turns(guard)
        finally:
            self.guards.drop(guard)

    async def _take_turns(self, guard: Guard) -> None:
        """Run one execution after the other, letting the loop go round in between."""
        backlog, now = self.backlog, self.now
        critical, high, normal, low = backlog.ready
        slice_end = now() + SLICE
        while True:
            execution = None
            if self.running < self.max_running and not (self.paused or self.closing):
                if critical or high:
                    execution = critical.popleft() if critical else high.popleft()
                elif normal:
                    execution = normal.popleft()
                elif low:
                    execution = low.popleft()
            if execution is None:
                self.wakeable += 1
                if len(self._idle) >= self.max_running:
                    return
                waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._idle.append(waiting)
                await waiting
                slice_end = now() + SLICE
                continue
            self.running += 1
            guard.execution = execution
            if self.intake is not None:
                self.intake.lease(execution)
            if self._room:
                self.look_room()
            try:
                await self.handle(execution, guard)
            except asyncio.CancelledError:
                if guard.fired and not (execution.ended or self.closing):
                    # Its time was up between two runs: a failure like any other time-out.
                    guard.clear()
                    self.give_up(execution, execution.at, execution.started)
                    continue
                if not execution.ended:
                    self.interrupted(execution)
                    if not self.closing:
                        # Cancelled by somebody else: this worker ends, another takes its place.
                        self.wakeable += 1
                        self._workers.pop(guard.task, None)
                        self.wake_all()
                    raise
                # It was given up because a part of it would not end; this worker can go on.
                if guard.abandoned or self.closing:
                    raise
                guard.task.uncancel()
            except Exception as error:
                # A fault of the engine's own: the event must be accounted for all the same.
                if not execution.ended:
                    self.fail(execution, error)
            if guard.abandoned:
                return
            if guard.retired:
                self.wakeable += 1
                self._workers.pop(guard.task, None)
                self.wake_all()
                return
            if execution.last > slice_end:
                await asyncio.sleep(0)
                slice_end = now() + SLICE

    def give_slot(self, execution: Execution) -> None:
        """``execution`` only waits now: somebody else may run."""
        execution.work.released = True
        if not execution.nested:
            if self.intake is not None:
                self.intake.unlease(execution)
            self.running -= 1
            self.wakeable += 1
            self.apart.add(execution)
            self._slot_is_free()

    async def take_slot(self, execution: Execution) -> None:
        """Wait until ``execution`` may run again."""
        work = execution.work
        if execution.nested:
            work.released = False
            return
        while work.released:
            if self.running < self.max_running:
                self.running += 1
                self.wakeable -= 1
                self.apart.discard(execution)
                work.released = False
                if self.intake is not None:
                    self.intake.lease(execution)
                # Other lanes of the same event wait for no slot any more: it has one.
                for waiting in self._resumable.pop(execution, ()):
                    wake_up(waiting)
                return
            execution.waits = "queued"
            waiting = asyncio.get_running_loop().create_future()
            self._resumable.setdefault(execution, []).append(waiting)
            try:
                await waiting
            except asyncio.CancelledError:
                # Whoever waits next must not miss the slot that this one was woken for.
                self._slot_is_free()
                raise

    def _slot_is_free(self) -> None:
        if self._resumable:
            execution = next(iter(self._resumable))
            for waiting in self._resumable.pop(execution):
                wake_up(waiting)
        elif self.backlog and not self.paused:
            self.wake()

    def is_clear(self, vitals: Vitals) -> bool:
        """Whether nothing stands between an event and the agent."""
        return not vitals.paused and vitals.ready and vitals.breaker.state == "closed"

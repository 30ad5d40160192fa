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
from agentflow.engine.ledger import Ledger
from agentflow.engine.parking import wake_up
from agentflow.engine.plan import Vitals

if TYPE_CHECKING:
    from agentflow.engine.journaling import Intake

SLICE = 0.005
"""Seconds that a worker goes on without letting the loop go round."""

RESPITE = 0.05
"""Seconds until a worker that somebody has cancelled from outside is replaced."""


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
        self.closing = False
        """Whether nothing is begun: while the runner stops, and until it starts again."""
        self.closed = False
        """Whether it has stopped: what a handler that was left behind wants is refused."""
        self.intake: Intake | None = None
        """The way by the disk, if there is a journal."""
        self.suspects: set[int] = set()
        self._max_running = max_running
        self._workers: dict[asyncio.Task[None], None] = {}  # in the order they were made
        self._idle: deque[asyncio.Future[None]] = deque()
        self._resumable: dict[Execution, list[asyncio.Future[None]]] = {}
        """Executions that could go on if they had a slot, in the order they came."""

    @property
    def wakeable(self) -> int:
        """How many more workers could be woken or made to take an execution."""
        at_work = len(self._workers) - len(self._idle) - len(self.apart)
        return self.max_running - at_work

    def handle(self, execution: Execution, guard: Guard) -> Awaitable[None]:
        """Run one execution to its end."""
        raise NotImplementedError

    def interrupted(self, execution: Execution) -> None:
        """A stop without drain has cut an execution short."""
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
                waiting.set_result(None)
                return
        if self.wakeable > 0:
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
        self.max_running = max_running
        for _ in range(min(max_running - self.running, len(self._resumable))):
            self._slot_is_free()
        self.wake_all()

    def isolate(self, suspects: set[int]) -> None:
        """Run one event at a time until these, by number, have ended or wait.

        The process has died more than once while they ran: the one that kills it must not
        take the others along again.
        """
        self.suspects = suspects
        self.resize(self._max_running)

    def hold_back(self) -> None:
        """Start nothing until ``acquit``: the end of the last event must be on disk first."""
        self.max_running = 0

    def acquit(self, seq: int) -> None:
        """An event has ended, or waits for something: it has not killed the process."""
        self.suspects.discard(seq)
        self.resize(self._max_running)

    async def _work(self) -> None:
        """Take one execution after the other, until there is nothing for this worker."""
        guard = self.guards.here()
        try:
            await self._take_turns(guard)
        except asyncio.CancelledError:
            if not (guard.abandoned or self.closing):
                # By somebody from outside. To go on in spite of them could hang their program,
                # so another worker does, unless the loop has ended by then.
                asyncio.get_running_loop().call_later(RESPITE, self.wake_all)
            raise
        finally:
            self.guards.drop(guard)
            self._workers.pop(guard.task, None)
        if not guard.abandoned:
            self.wake_all()

    async def _take_turns(self, guard: Guard) -> None:
        """Run one execution after the other, letting the loop go round in between."""
        backlog, now = self.backlog, self.now
        critical, high, normal, low = backlog.ready
        slice_end = now() + SLICE
        while True:
            queued = None
            if self.running < self.max_running and not (self.paused or self.closing):
                if critical or high:
                    queued = critical.popleft() if critical else high.popleft()
                elif normal:
                    queued = normal.popleft()
                elif low:
                    queued = low.popleft()
            if queued is None:
                if self.closing or len(self._idle) >= self.max_running:
                    return
                waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._idle.append(waiting)
                try:
                    await waiting
                except asyncio.CancelledError:
                    if waiting in self._idle:
                        self._idle.remove(waiting)
                    raise
                slice_end = now() + SLICE
                continue
            self.running += 1
            if self.intake is None:
                execution: Execution = queued  # type: ignore[assignment]  # nothing else is there
            else:
                execution = backlog.made(queued)
                self.intake.lease(execution)
            guard.execution = execution
            if self._room:
                self.look_room()
            try:
                await self.handle(execution, guard)
            except asyncio.CancelledError:
                if not execution.ended:
                    self.interrupted(execution)
                raise
            except Exception as error:
                # A fault of the engine's own: the event must be accounted for all the same.
                if not execution.ended:
                    self.fail(execution, error)
            if execution.last > slice_end:
                await asyncio.sleep(0)
                slice_end = now() + SLICE
            if guard.abandoned or guard.retired:
                return

    def give_slot(self, execution: Execution) -> None:
        """``execution`` only waits now: somebody else may run."""
        execution.work.released = True
        if not execution.nested:
            if self.intake is not None:
                self.intake.unlease(execution)
            self.running -= 1
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

    def take_slot_at_once(self, execution: Execution) -> None:
        """Let ``execution`` run again, whether there is a slot or not: it can't be kept waiting."""
        work = execution.work
        if not work.released:
            return
        work.released = False
        if not execution.nested:
            self.running += 1
            self.apart.discard(execution)
            if self.intake is not None:
                self.intake.lease(execution)

    def _slot_is_free(self) -> None:
        while self._resumable:
            execution = next(iter(self._resumable))
            waiting = [lane for lane in self._resumable.pop(execution) if not lane.done()]
            if waiting:
                for lane in waiting:
                    wake_up(lane)
                return
        if self.backlog and not self.paused:
            self.wake()

    def is_clear(self, vitals: Vitals) -> bool:
        """Whether nothing stands between an event and the agent."""
        return not vitals.paused and vitals.ready and vitals.breaker.state == "closed"

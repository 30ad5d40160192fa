"""Ledger: where every accepted event is, and who waits for that to change."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import NamedTuple

from agentflow.clock import Clock
from agentflow.engine.backlog import Backlog
from agentflow.engine.execution import Execution
from agentflow.engine.guards import Guard, Guards
from agentflow.engine.parking import wake_up
from agentflow.engine.plan import Vitals

PATIENCE = 1.0
"""Seconds that an event waits for room in the queue before it is refused."""

DEEP = 5_000
"""A backlog of more events is not looked through for every screen."""


class Counts(NamedTuple):
    """Where the accepted events are: accepted = queued + held + running + succeeded + dead."""

    accepted: int
    queued: int
    held: int
    running: int
    succeeded: int
    dead: int


class Ledger:
    """The accounts of a dispatcher: accepted = queued + held + running + succeeded + dead."""

    def __init__(
        self,
        clock: Clock,
        abandon: Callable[[Guard], None],
        *,
        ordered: bool,
        queue_size: int,
        max_running: int,
    ) -> None:
        self.clock = clock
        self.now: Callable[[], float] = clock.monotonic
        self.wall_offset = clock.time() - self.now()
        self.guards = Guards(self.now, abandon)
        self.backlog = Backlog(ordered=ordered)
        self.queue_size = queue_size
        self.max_running = max_running
        self.accepted = self.done = self.dead = 0
        """Events accepted, ended, and ended without success."""
        self.refused = 0
        """Events that were not accepted, for want of room."""
        self.arriving = 0
        """Events on their way to the disk: they are accepted when they are there."""
        self.running = 0
        self.paused = False
        self.apart: set[Execution] = set()
        """Executions that have started and wait, without a slot, for a gate or a retry."""
        self.nested: dict[Execution, Execution] = {}
        """Executions that run inside another one, in its slot, and which one."""
        self.holding: set[Vitals] = set()
        """Agents that executions wait for before they have started."""
        self._room: deque[asyncio.Future[None]] = deque()
        self._watching: list[asyncio.Future[None]] = []
        self._joining: list[asyncio.Future[None]] = []

    def counts(self) -> Counts:
        """Where every accepted event is at this moment."""
        held = self.held()
        running = self.running
        for execution in self.nested:
            if execution.status == "running":
                running += 1
        queued = self.accepted - self.done - running - held
        succeeded = self.done - self.dead
        return Counts(self.accepted, queued, held, running, succeeded, self.dead)

    def held(self) -> int:
        """Events that wait for a paused agent (or runner), and those of their session behind."""
        held = 0
        for execution in self.nested:
            held += execution.status == "held"
        if self.paused:
            held += self.waiting()
        for execution in self.apart:
            if execution.status == "held":
                held += 1 + self._behind(execution)
        for vitals in self.holding:
            for execution in vitals.held:
                held += 1 + self._behind(execution)
        return held

    def _behind(self, execution: Execution) -> int:
        # A paused runner holds the whole backlog, so those are counted already.
        return 0 if self.paused else self.backlog.behind(execution.event.session_id)

    def held_sessions(self) -> set[str]:
        """The sessions whose open event is held: what waits behind it is held too."""
        heads = [execution for vitals in self.holding for execution in vitals.held]
        heads += [execution for execution in self.apart if execution.status == "held"]
        return {execution.event.session_id for execution in heads}

    def open(self) -> int:
        """Events accepted and not ended."""
        return self.accepted - self.done

    def waiting(self) -> int:
        """Events in the backlog."""
        begun = self.running + len(self.apart) + len(self.nested)
        for vitals in self.holding:
            begun += len(vitals.held)
        return self.open() - begun

    def live(self) -> list[Execution]:
        """Every execution that has not ended, oldest first."""
        found = {execution.seq: execution for execution in self.backlog}
        found.update((execution.seq, execution) for execution in self.begun())
        return [found[seq] for seq in sorted(found)]

    def latest(self, limit: int) -> list[Execution]:
        """Executions that have not ended, the newest first, at most ``limit``.

        In a deep backlog those that wait behind others of their session are left out:
        looking for them would take longer than a screen can wait.
        """
        if self.waiting() <= DEEP:
            return self.live()[: -limit - 1 : -1]
        found = {execution.seq: execution for execution in self.begun()}
        for line in self.backlog.newest():
            found.update((execution.seq, execution) for execution in islice(line, limit))
        return [found[seq] for seq in sorted(found, reverse=True)[:limit]]

    def begun(self) -> list[Execution]:
        """Every execution that has left the backlog and has not ended."""
        found = self.started()
        for vitals in self.holding:
            for execution in vitals.held:
                found[execution.seq] = execution
        return list(found.values())

    def started(self) -> dict[int, Execution]:
        """Those of them that were not set aside before they had started, by their number."""
        found: dict[int, Execution] = {}
        at_work = [guard.execution for guard in self.guards if guard.execution is not None]
        for execution in (*at_work, *self.apart, *self.nested, *self.nested.values()):
            if not execution.ended:
                found[execution.seq] = execution
        return found

    def has_room(self) -> bool:
        """Whether another event from outside fits: neither too many queued nor held."""
        size = self.queue_size
        open_now = self.open() + self.arriving
        if open_now < size:
            return True
        held = self.held()
        return open_now - held - self.running < size and held < size

    def idle(self) -> bool:
        """Nothing queued, running or waiting for a retry, and nothing on its way here."""
        open_now = self.open()
        return not self.arriving and (open_now == 0 or open_now == self.held())

    # -- waiting for room, and for the end -------------------------------------------------

    async def wait_for_room(self, patience: float) -> bool:
        """Wait up to ``patience`` seconds for room; False if there was none."""
        loop = asyncio.get_running_loop()
        until = self.now() + patience
        while not self.has_room():
            left = until - self.now()
            if left <= 0:
                return False
            waiting: asyncio.Future[None] = loop.create_future()
            self._room.append(waiting)
            timer = loop.call_later(left, wake_up, waiting)
            try:
                await waiting
            finally:
                timer.cancel()
        return True

    def look_room(self) -> None:
        """Let those who wait for room have what there is."""
        room = self._room
        while room and self.has_room():
            waiting = room.popleft()
            if not waiting.done():
                waiting.set_result(None)
                return

    async def join(self) -> None:
        """Wait until nothing is queued, running or waiting for a retry."""
        while not self.idle():
            waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._joining.append(waiting)
            await waiting

    def look_idle(self) -> None:
        """Tell those who wait in ``join`` if it has come to that."""
        if self._joining and self.idle():
            joining, self._joining = self._joining, []
            for waiting in joining:
                wake_up(waiting)

    async def finished(self, agent: str) -> None:
        """Wait until no event is left that might run ``agent``: all that were open have ended."""
        while any(guard.agent == agent for guard in self.guards):
            waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._watching.append(waiting)
            await waiting

    def look_watching(self) -> None:
        """Tell those who watch for agents to finish that an event has ended."""
        watching, self._watching = self._watching, []
        for waiting in watching:
            wake_up(waiting)

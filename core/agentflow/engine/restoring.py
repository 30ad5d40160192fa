"""Restoring: what the journal has kept from before is queued again.

The first of it before the runner begins, the rest a part at a time while it runs: reading
a million events takes some seconds. The accounts have all of them from the beginning.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Any

import msgspec

from agentflow.engine.execution import Execution
from agentflow.engine.journaling import letter_of
from agentflow.engine.plan import longest_delay
from agentflow.event import Event, take_over
from agentflow.journal import Journal, Recovery, Stored
from agentflow.journal.checking import Broken
from agentflow.journal.codec import decode

if TYPE_CHECKING:
    from agentflow.config import Config
    from agentflow.engine.backlog import Queued
    from agentflow.engine.dispatcher import Dispatcher
    from agentflow.journal.records import Mark
    from agentflow.journal.rest import Rest

PART = 1_000
"""Events that are read in one go while others run: about three milliseconds."""

AGAIN = 1.0
"""Seconds until reading is tried again when the disk does not let it."""

SUSPICIOUS = 2
"""After so many deaths of the process during its run, an event is run alone."""


class Recovered(msgspec.Struct, frozen=True):
    """What a start found in the journal at ``path``; numbers of events.

    ``queued`` had not begun, ``redelivered`` had begun and run again, ``retrying`` wait for
    a retry, ``buried`` are dead letters from now on because the process died too often
    while they ran, ``dead`` are the dead letters that were there before. ``feeds`` says
    how far each feed had come and whether it was at its end, ``clean`` whether the last
    end was orderly. ``damage`` is what was found broken, in sentences; ``seconds`` is how
    long all this took.
    """

    path: str
    queued: int = 0
    redelivered: int = 0
    retrying: int = 0
    buried: int = 0
    dead: int = 0
    clean: bool = True
    damage: list[str] = []
    feeds: dict[str, tuple[int, bool]] = {}
    seconds: float = 0.0


class Kept(Event):
    """An event from the journal that is decoded when somebody looks at it.

    A million of them may be queued at a start, which must not take long.
    """

    __slots__ = ("body",)
    body: bytes

    def __init__(self, stored: Stored) -> None:
        set_body(self, stored.body)
        set_session(self, stored.session)

    def __getattr__(self, name: str) -> Any:
        # Asked only for what is not there: all the other fields, until the first look.
        if name not in Event.__slots__:
            raise AttributeError(name)
        take_over(self, decode(self.body))
        return getattr(self, name)


set_body: Callable[[Event, bytes], None] = Kept.__dict__["body"].__set__
set_session: Callable[[Event, str], None] = Event.__dict__["session_id"].__set__


class Restoring:
    """One start: takes what there is from the journal to the backlog."""

    def __init__(
        self,
        journal: Journal,
        dispatcher: Dispatcher,
        config: Config,
        report: Callable[[str, str], None],
    ) -> None:
        self._journal = journal
        self._dispatcher = dispatcher
        self._config = config
        self._report = report
        self._began = dispatcher.now()
        self._rest: Rest | None = None
        self._marks: dict[int, Mark] = {}
        self._early: set[int] = set()
        """What was queued before its turn to be read, by number."""
        self._suspects: set[int] = set()
        """What is to be run alone and has not been queued yet."""
        self._latest: dict[int, float] = {}
        self._damage: list[str] = []
        self._task: asyncio.Task[None] | None = None

    def begin(self, recovery: Recovery, seconds: float) -> Recovered:
        """Queue the first of what was open, remember what was dead. Raises Broken."""
        dispatcher, rest = self._dispatcher, recovery.rest
        dispatcher.dead_letters.restore(map(letter_of, recovery.dead), recovery.next_dead - 1)
        dispatcher.max_deaths = most = self._config.journal.max_deliveries
        self._marks, self._damage, self._rest = recovery.marks, recovery.damage, rest
        open_now = len(recovery.open) + (sum(rest.unread) if rest is not None else 0)
        dispatcher.begin_again(open_now)
        backlog = dispatcher.backlog
        backlog.make = self._made
        if rest is not None:
            backlog.named = rest.named
            backlog.look_unread(list(rest.unread), recovery.open[-1].seq)
        marks = self._marks.items()
        suspects = {seq for seq, mark in marks if SUSPICIOUS <= mark.deliveries < most}
        self._suspects = set(suspects)
        for stored in recovery.open:
            backlog.place(self._queued(stored), stored.session)
        if rest is not None:
            self._queue_urgent(rest)
        if suspects:
            dispatcher.isolate(suspects)
        buried = sum(mark.deliveries >= most for _, mark in marks)
        retrying = sum(bool(mark.due) and mark.deliveries < most for _, mark in marks)
        redelivered = len(marks) - buried - retrying
        return Recovered(
            str(self._journal.path), open_now - len(marks), redelivered, retrying, buried,
            len(recovery.dead), recovery.clean, recovery.damage, recovery.feeds, seconds,
        )  # fmt: skip

    # -- while others run ---------------------------------------------------------------

    def go_on(self) -> None:
        """Read the rest, if there is any, while the runner works."""
        if self._rest is not None:
            self._task = asyncio.get_running_loop().create_task(self._read(self._rest))

    def stop(self) -> None:
        """Leave what is unread where it is; it counts as queued."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if self._rest is not None:
            self._rest.close()

    async def _read(self, rest: Rest) -> None:
        said = False
        part = min(PART, self._journal.page)
        while True:
            try:
                found = rest.read(part)
            except Broken as broken:
                if not await self._salvage(rest, broken.reasons):
                    return
                continue
            except sqlite3.Error as error:
                if not said:
                    self._report("error", f"the journal can't be read at the moment: {error}")
                said = True
                await asyncio.sleep(AGAIN)
                continue
            if not found:
                break
            self._queue(found)
            await asyncio.sleep(0)
        self._finish(rest)

    def _queue(self, found: list[Stored]) -> None:
        """Queue the next part."""
        dispatcher = self._dispatcher
        backlog = dispatcher.backlog
        unread = backlog.unread
        assert unread is not None
        backlog.read_to = found[-1].seq
        for stored in found:
            if stored.seq not in self._early:
                unread[stored.rank] -= 1
                backlog.place(self._queued(stored), stored.session)
        backlog.look_unread(unread, backlog.read_to)
        dispatcher.wake_all()

    def _finish(self, rest: Rest) -> None:
        """Everything has been read: what has arrived since takes its place behind it."""
        dispatcher = self._dispatcher
        backlog = dispatcher.backlog
        self._account_for([0, 0, 0, 0])
        backlog.look_unread(None, inf)
        while backlog.late:
            execution = backlog.made(backlog.late.popleft())
            backlog.place(execution, execution.event.session_id)
        for seq in self._suspects:
            dispatcher.acquit(seq)
        rest.close()
        self._rest = self._task = None
        self._early.clear()
        self._marks.clear()
        dispatcher.wake_all()
        dispatcher.look_idle()
        seconds = dispatcher.now() - self._began
        self._report("info", f"all that was queued has been read, {seconds:.1f} s after the start")

    async def _salvage(self, rest: Rest, reasons: list[str]) -> bool:
        """Go on with what can be read of a journal that is damaged; False if nothing can."""
        rest.close()
        told: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()

        def tell(said: list[str]) -> None:
            if not told.done():
                told.set_result(said)

        self._journal.salvage(reasons, tell)
        said = await told
        self._damage += said
        for sentence in said:
            self._report("error", sentence)
        if said:
            self._account_for(rest.remaining(self._early))
        return bool(said)

    def _account_for(self, unread: list[int]) -> None:
        """So many are unread now: what else there should be has been lost."""
        dispatcher = self._dispatcher
        backlog = dispatcher.backlog
        assert backlog.unread is not None
        lost = sum(backlog.unread) - sum(unread)
        dispatcher.accepted -= lost
        backlog.look_unread(unread, backlog.read_to)
        if lost:
            dispatcher.look_room()
            dispatcher.look_idle()

    # -- one of them --------------------------------------------------------------------

    def _queue_urgent(self, rest: Rest) -> None:
        """Queue what goes before most others, and its sessions, before it has its turn."""
        backlog = self._dispatcher.backlog
        unread = backlog.unread
        assert unread is not None
        rank, found = rest.urgent()
        for stored in found:
            if backlog.ordered or stored.rank < rank:
                self._early.add(stored.seq)
                unread[stored.rank] -= 1
        backlog.look_unread(unread, backlog.read_to)
        for stored in found:
            if stored.seq in self._early:
                backlog.place(self._queued(stored), stored.session)

    def _queued(self, stored: Stored) -> Queued:
        """As it is queued: as it is, unless it has begun before."""
        mark = self._marks.get(stored.seq)
        if mark is None:
            return stored
        execution = self._made(stored)
        execution.deaths = deaths = mark.deliveries
        execution.tries = mark.tries + deaths
        execution.attempt = execution.tries + 1
        if mark.due:
            # A clock that was set back since must not make it wait for longer.
            attempt = max(1, mark.tries)
            if attempt not in self._latest:
                self._latest[attempt] = self._began + longest_delay(self._config, attempt)
            due = mark.due - self._dispatcher.wall_offset
            execution.due = min(due, self._latest[attempt])
        if SUSPICIOUS <= deaths < self._dispatcher.max_deaths:
            self._suspects.discard(stored.seq)
            execution.rank = 0
        return execution

    def _made(self, stored: Stored) -> Execution:
        return Execution(Kept(stored), stored.seq, stored.rank, self._began)

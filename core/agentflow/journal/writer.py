"""Writer: one thread that owns the only connection that writes.

It takes what is waiting, at most a thousand records, and commits them together; while it
does so the next ones gather. It never waits for more to come.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue

from agentflow.errors import JournalError, JournalFailed, JournalFull
from agentflow.journal.batch import ACCEPT, FLUSH, SETTLE, Batch, Record, Result, weight
from agentflow.journal.housekeeping import PAUSE, Housekeeping
from agentflow.journal.leases import Leases
from agentflow.journal.schema import Tip
from agentflow.journal.trouble import BAD_RECORD, FAILED, kind_of, lies_in_the_file

MOST = 1_000
"""Records in one transaction."""
AGAIN = 1.0
"""Seconds until a full disk is tried again."""

SOON = 0.1
"""Seconds until it is tried again because there is something new to write."""

Deliver = Callable[[list[Result]], None]
Changed = Callable[[str, str], None]
Told = Callable[[list[str]], None]
Again = Callable[[sqlite3.Connection, Tip, list[str], float], tuple[sqlite3.Connection, list[str]]]

log = logging.getLogger("agentflow.journal")


class Writer:
    """Writes what is submitted, and tells the loop when it is on disk."""

    def __init__(
        self,
        path: str,
        db: sqlite3.Connection,
        tip: Tip,
        leases: Leases,
        housekeeping: Housekeeping,
        *,
        inline: bool,
        again: Again,
    ) -> None:
        """``again`` puts another database in the place of a damaged one."""
        self.trouble: JournalError | None = None
        """Why nothing is accepted now."""
        self.tip = tip
        self.commits = 0
        self.committed = 0
        self.last_commit = 0.0
        self.commit_seconds = 0.0
        self.latencies: deque[float] = deque(maxlen=3_000)
        self._path = path
        self._db = db
        self._leases = leases
        self._housekeeping = housekeeping
        self._inline = inline
        self._again = again
        self._damaged: tuple[list[str], Told] | None = None
        """Why the database must be replaced, if it must, and who asks for that."""
        self._queue: SimpleQueue[Record | None] = SimpleQueue()
        self._kept: deque[Record] = deque()
        """What could not be written for want of room, and may not be lost."""
        self._scheduled: asyncio.Handle | None = None
        self._stopping = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._deliver: Deliver | None = None
        self._changed: Changed | None = None
        self._thread: threading.Thread | None = None
        self.submit: Callable[[Record], None] = self._submit_inline if inline else self._queue.put
        """Have a record written. Never blocks; for the loop's thread."""

    @property
    def pending(self) -> int:
        """How many records wait."""
        return self._queue.qsize() + len(self._kept)

    def start(
        self, loop: asyncio.AbstractEventLoop, deliver: Deliver, changed: Changed | None
    ) -> None:
        """Begin to write; ``deliver`` and ``changed`` are called on ``loop``."""
        self._loop, self._deliver, self._changed = loop, deliver, changed
        if not self._inline:
            self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
            self._thread.start()
            return
        self._housekeeping.use(loop.time)
        if self.pending:
            self._schedule(0.0)

    def stop(self) -> None:
        """Write everything that waits, note the orderly end, close the database. Blocks."""
        self._stopping = True
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
        else:
            if self._scheduled is not None:
                self._scheduled.cancel()
            self._write_the_rest()
        try:
            if not self.pending and self.trouble is None:
                self._housekeeping.finish(self._db, self.tip)
                self._leases.committed(self.tip.commits)
        except sqlite3.Error as error:
            log.error("journal %s: %s", self._path, error)
        try:
            self._db.close()
        except sqlite3.Error as error:
            log.error("journal %s: %s", self._path, error)

    def salvage(self, reasons: list[str], told: Told) -> None:
        """Replace the database, which is damaged, before anything else is written."""
        self._damaged = (reasons, told)
        if self._inline:
            self._schedule(0.0)
        else:
            self._queue.put(None)

    # -- in a thread --------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping:
            full = isinstance(self.trouble, JournalFull)
            if full or not self.pending:
                if not full and self.trouble is None and self._housekeep():
                    continue
                try:
                    record = self._queue.get(timeout=AGAIN if full else PAUSE)
                except Empty:
                    pass
                else:
                    if record is not None:
                        self._kept.append(record)
                    if full:
                        time.sleep(SOON)
            self._turn()
        self._write_the_rest()

    def _write_the_rest(self) -> None:
        while self.pending and self._turn():
            pass
        if self.pending:
            log.error("journal %s: %d records could not be written", self._path, self.pending)
            self._refuse_waiting(self._everything(), keep=False)

    # -- in the loop --------------------------------------------------------------------

    def _submit_inline(self, record: Record) -> None:
        self._queue.put(record)
        if self._scheduled is None:
            self._schedule(0.0)

    def _schedule(self, seconds: float) -> None:
        if self._loop is None or self._stopping:
            return
        if seconds:
            self._scheduled = self._loop.call_later(seconds, self._inline_turn)
        else:
            self._scheduled = self._loop.call_soon(self._inline_turn)

    def _inline_turn(self) -> None:
        self._scheduled = None
        went = self._turn()
        if self._scheduled is None and (self.pending or isinstance(self.trouble, JournalFull)):
            self._schedule(0.0 if went else AGAIN)
        elif went:
            self._housekeep()

    # -- one transaction ----------------------------------------------------------------

    def _turn(self) -> bool:
        """Write what waits, up to MOST records; whether that went well."""
        if self._damaged is not None:
            self._replace(*self._damaged)
        records = self._gather(MOST)
        if isinstance(self.trouble, JournalFailed):
            self._refuse_waiting(records, keep=False)
            return True
        if isinstance(self.trouble, JournalFull):
            # They were on their way when it became full.
            self._refuse_waiting([record for record in records if record[0] == ACCEPT], keep=False)
            records = [record for record in records if record[0] != ACCEPT]
        elif not records:
            return True
        return self._write(records)

    def _write(self, records: Sequence[Record]) -> bool:
        started = time.perf_counter()
        try:
            batch = Batch(records, spare=isinstance(self.trouble, JournalFull))
            duplicates = batch.write(self._db, self.tip)
        except Exception as error:
            return self._failed(records, error)
        self._leases.committed(self.tip.commits)
        self.last_commit = self._housekeeping.time()
        self.commit_seconds = time.perf_counter() - started
        self.commits += 1
        self.committed += len(batch.events) // 7 - len(duplicates)
        self._housekeeping.written(batch)
        self._tell(batch.results(duplicates), batch.since)
        reason = self._housekeeping.crowded(self._db, self.tip)
        if reason:
            self._set(JournalFull(self._path, reason))
        elif self.trouble is not None:
            self._set(None)
        return True

    def _gather(self, most: int) -> list[Record]:
        """The next records: at most so many, and not many more bytes than are good at once."""
        records: list[Record] = []
        take = self._queue.get_nowait
        room = self._housekeeping.portion
        try:
            while len(records) < most and room > 0:
                record = self._kept.popleft() if self._kept else take()
                if record is not None:
                    records.append(record)
                    room -= weight(record)
        except Empty:
            pass
        return records

    def _everything(self) -> list[Record]:
        records: list[Record] = []
        while self.pending:
            records += self._gather(self.pending)
        return records

    # -- when it fails ------------------------------------------------------------------

    def _failed(self, records: Sequence[Record], error: Exception) -> bool:
        kind = kind_of(error)
        if kind == BAD_RECORD:
            return self._without_the_bad_one(records, error)
        if kind == FAILED:
            if lies_in_the_file(error):
                self._leases.suspect()
            self._set(JournalFailed(self._path, f"the disk failed: {error}"))
            self._refuse_waiting(records, keep=False)
            return True
        if len(records) > 1:
            # Perhaps there is room for some of it.
            return self._half(records)
        self._set(JournalFull(self._path, self._housekeeping.why_full(error)))
        self._refuse_waiting([*records, *self._everything()], keep=True)
        return False

    def _replace(self, reasons: list[str], told: Told) -> None:
        """Put what can be read of the database into another one, and go on with that."""
        self._damaged = None
        said: list[str] = []
        if isinstance(self.trouble, JournalFailed):
            self._call(told, said)
            return
        try:
            self._db, said = self._again(self._db, self.tip, reasons, self._housekeeping.time())
            self._leases.committed(self.tip.commits)
        except (JournalError, sqlite3.Error, OSError) as error:
            self._leases.suspect()
            reason = getattr(error, "reason", "") or str(error)
            self._set(JournalFailed(self._path, reason))
        self._call(told, said)

    def _half(self, records: Sequence[Record]) -> bool:
        half = len(records) // 2
        self._kept.extendleft(reversed(records[half:]))
        return self._write(records[:half])

    def _without_the_bad_one(self, records: Sequence[Record], error: Exception) -> bool:
        """One record can't be written, whatever room there is: the others are."""
        if len(records) == 1:
            log.error("journal %s: a record can't be written: %s", self._path, error)
            refused = JournalError(self._path, f"it can't be written: {error}")
            self._tell([(ticket, 0, refused) for ticket in _tickets(records[0])], [])
            return True
        return self._half(records)

    def _refuse_waiting(self, records: Sequence[Record], *, keep: bool) -> None:
        """Tell who waits for an event; with ``keep``, all other records are tried again."""
        trouble = self.trouble
        results: list[Result] = []
        for record in records:
            if keep and record[0] != ACCEPT:
                self._kept.append(record)
            else:
                results += [(ticket, 0, trouble) for ticket in _tickets(record)]
        self._tell(results, [])

    def _set(self, trouble: JournalError | None) -> None:
        before, self.trouble = self.trouble, trouble
        if (before is None) == (trouble is None) and type(before) is type(trouble):
            return
        if self._changed is not None:
            state = state_of(trouble)
            self._call(self._changed, state, trouble.reason if trouble else "")

    def _housekeep(self) -> bool:
        """Delete some of what is old enough; whether there is more of it."""
        try:
            return self._housekeeping.sweep(self._db, self.tip)
        except sqlite3.Error as error:
            self._failed([], error)
            return False

    # -- telling ------------------------------------------------------------------------

    def _tell(self, results: list[Result], since: Sequence[float]) -> None:
        if results and self._deliver is not None:
            self._call(self._told, self._deliver, results, since)

    def _told(self, deliver: Deliver, results: list[Result], since: Sequence[float]) -> None:
        now = time.perf_counter()
        self.latencies.extend(now - when for when in since)
        deliver(results)

    def _call(self, function: Callable[..., object], *args: object) -> None:
        loop = self._loop
        if loop is None:
            return
        try:
            if not self._inline:
                loop.call_soon_threadsafe(function, *args)
            elif self._stopping:
                loop.call_soon(function, *args)
            else:
                function(*args)
        except RuntimeError:
            pass  # the loop has been closed: nobody waits any more


def state_of(trouble: JournalError | None) -> str:
    """ok, full or failed."""
    if trouble is None:
        return "ok"
    return "full" if isinstance(trouble, JournalFull) else "failed"


def _tickets(record: Record) -> list[object]:
    if record[0] == ACCEPT:
        return [record[8]]
    if record[0] == SETTLE:
        return [child[8] for child in record[7]]
    return [record[1]] if record[0] == FLUSH else []

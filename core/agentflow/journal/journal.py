"""Journal: everything that was accepted, and what came of it, on disk."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec

from agentflow.errors import JournalUnusable
from agentflow.event import Event
from agentflow.journal.batch import (
    ACCEPT,
    DEAD,
    FEED,
    FLUSH,
    RETRY,
    REWRITE,
    SETTLE,
    STATEMENT,
    Record,
    mark_dead,
)  # fmt: skip
from agentflow.journal.codec import bounded, encode, encode_as_can_be
from agentflow.journal.files import beside, make_folder
from agentflow.journal.housekeeping import Housekeeping, free_bytes
from agentflow.journal.leases import Leases
from agentflow.journal.lock import Lock
from agentflow.journal.opening import Opened, open_again, open_database
from agentflow.journal.records import DeadRecord, JournalStats, Recovery
from agentflow.journal.rest import PAGE
from agentflow.journal.schema import crc_of
from agentflow.journal.writer import Changed, Deliver, Told, Writer, state_of
from agentflow.telemetry.snapshot import AuditRow

STATE_LIMIT = 65_536
"""Bytes of a session's last state that are kept."""

Prepared = Record
"""An event that is encoded and waits to be submitted."""

_AUDIT = (
    # Under the number by which screens know the row, if nobody has taken that in the meantime.
    "INSERT INTO audit(number, body, crc) SELECT "
    "CASE WHEN EXISTS(SELECT 1 FROM audit WHERE number = ?) THEN NULL ELSE nullif(?, 0) END, ?, ?"
)

_encode = msgspec.msgpack.Encoder().encode


class Journal:
    """What was accepted is on disk before it is confirmed, and comes back after a crash.

    One SQLite file and, beside it, ``.lock`` and ``.leases``. All methods but ``open`` and
    ``close`` are for the loop's thread, cheap, and never block.

    ``retention`` is in seconds, for what has ended; ``max_bytes`` is the size of the file
    beyond which it accepts nothing, ``max_event_bytes`` that of one event. ``inline``
    writes in the loop's own thread, always in the same order: for tests on virtual time.
    ``page`` is how many open events ``open`` reads; the others are read later.
    """

    leases: Leases
    """What runs now; there from ``open`` on."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        durability: str = "power",
        retention: float = 7 * 86_400.0,
        max_bytes: int = 1 << 30,
        max_event_bytes: int = 8 << 20,
        inline: bool = False,
        page: int = PAGE,
    ) -> None:
        self.path = Path(path)
        self.durability = durability
        self.retention = retention
        self.max_bytes = max_bytes
        self.max_event_bytes = max_event_bytes
        self.inline = inline
        self.page = page
        self._lock: Lock | None = None
        self._writer: Writer
        self._seq = 0

    # -- life ---------------------------------------------------------------------------

    def open(self, now: float) -> Recovery:
        """Take the journal over and read what is open in it. Blocks.

        ``now`` is in seconds since the epoch. Raises JournalInUse and JournalUnusable.
        """
        try:
            make_folder(self.path)
            self._lock = Lock(self.path)
        except OSError as error:
            raise JournalUnusable(str(self.path), error.strerror or str(error)) from error
        try:
            opened = open_database(self.path, self.durability, now, self.page)
        except BaseException:
            self._lock.release()
            raise
        self._take_over(opened, now)
        return opened.recovery

    def _take_over(self, opened: Opened, now: float) -> None:
        self.leases = opened.leases
        self._seq = opened.recovery.next_seq - 1
        self._housekeeping = Housekeeping(self.path, self.retention, self.max_bytes, now)
        self._writer = Writer(
            str(self.path),
            opened.db,
            opened.tip,
            opened.leases,
            self._housekeeping,
            inline=self.inline,
            again=partial(open_again, self.path, self.durability),
        )
        self._submit = self._writer.submit

    def announce(self, socket: str) -> None:
        """Say in the lock file where this process can be talked to."""
        if self._lock is not None:
            self._lock.announce(socket)

    def start(
        self, loop: asyncio.AbstractEventLoop, deliver: Deliver, changed: Changed | None = None
    ) -> None:
        """Begin to write.

        ``deliver`` is called on ``loop`` once for every transaction, with a list of
        (ticket, number, outcome) in order of submission. The outcome is None for what is
        on disk; the id of an earlier event that this one repeats (the number is that
        one's, too); or the error for which it was not accepted (the number is 0).

        ``changed`` is called on ``loop`` with (state, reason) when that changes; the state
        is ok, full or failed.
        """
        self._writer.start(loop, deliver, changed)

    def close(self) -> None:
        """Write everything, and let others have the journal. Blocks."""
        if self._lock is None:
            return
        self._writer.stop()
        self.leases.close()
        self._lock.release()
        self._lock = None

    # -- what the engine says -----------------------------------------------------------

    def accept(
        self,
        event: Event,
        rank: int,
        ticket: object,
        feed: tuple[str, int] | None = None,
        key: str | None = None,
    ) -> None:
        """Keep ``event``; ``deliver`` is told when that is done.

        ``key`` is its idempotency key when its metadata names none.
        ``feed`` is (name, position): how far a feed has been read, written with the event.
        Raises InvalidEvent for what can't be kept exactly, JournalFull and JournalFailed.
        """
        if self._writer.trouble is not None:
            raise self._writer.trouble
        body = encode(event, self.max_event_bytes)
        id, session = event.id, event.session_id
        seq = self._seq = self._seq + 1
        self._submit((
            ACCEPT, seq, id, rank, "" if session == id else session, body,
            event.metadata.get("idempotency_key") or key or "", feed, ticket, perf_counter(),
        ))  # fmt: skip

    def prepare(
        self, event: Event, rank: int, ticket: object, feed: tuple[str, int] | None = None
    ) -> Prepared:
        """``event``, encoded for a later ``settle``. Raises InvalidEvent."""
        body = encode(event, self.max_event_bytes)
        id, session = event.id, event.session_id
        return (
            ACCEPT, 0, id, rank, "" if session == id else session, body,
            event.metadata.get("idempotency_key", ""), feed, ticket, 0.0,
        )  # fmt: skip

    def reserve(self) -> int:
        """A number that no event of the journal will have."""
        self._seq += 1
        return self._seq

    def body_of(self, event: Event) -> bytes:
        """``event`` for a DeadRecord: what can't be kept exactly is kept as text."""
        return encode_as_can_be(event, self.max_event_bytes)

    def settle(
        self,
        seq: int,
        ended: float,
        succeeded: bool,
        session: str | None = None,
        state: Mapping[str, Any] | None = None,
        dead: DeadRecord | None = None,
        children: Sequence[Prepared] = (),
    ) -> None:
        """Event ``seq`` has ended: it never runs again.

        One unit with its dead letter, the last state of its session (as far as that can be
        encoded; only when ``session`` is given) and the prepared events that it caused,
        which are confirmed as accepted ones are. Never refused for want of room.
        """
        if children:
            now = perf_counter()
            numbered: Sequence[Prepared] = [
                (*child[:1], self.reserve(), *child[2:9], now) for child in children
            ]
        else:
            numbered = ()
        self._submit((
            SETTLE, seq, ended, seq * 2 + succeeded, session,
            None if session is None else bounded(state or {}, STATE_LIMIT),
            None if dead is None else _buried(dead), numbered,
        ))  # fmt: skip

    def retry(self, seq: int, tries: int, due: float) -> None:
        """Event ``seq`` has ``tries`` tries behind it and runs again at ``due``."""
        self._submit((RETRY, seq, tries, due))

    def rewrite(self, seq: int, event: Event) -> None:
        """Event ``seq`` has been edited: it is ``event`` from now on. Raises InvalidEvent."""
        self._submit((REWRITE, seq, encode(event, self.max_event_bytes)))

    def bury(self, dead: DeadRecord) -> None:
        """Keep a dead letter that belongs to no event of the journal."""
        self._submit(_buried(dead))

    def mark_dead(self, number: int, status: str) -> None:
        """Note what an operator did with a dead letter."""
        self._submit((STATEMENT, *mark_dead(number, status)))

    def drop_dead(self, numbers: list[int]) -> None:
        """Forget dead letters."""
        for start in range(0, len(numbers), 1_000):
            which = ",".join(str(int(number)) for number in numbers[start : start + 1_000])
            for table in ("dead_letters", "dead_marks"):
                self._submit((STATEMENT, f"DELETE FROM {table} WHERE number IN ({which})", ()))

    def audit(self, row: AuditRow) -> None:
        """Keep what an operator did."""
        body = _encode(row)
        self._submit((STATEMENT, _AUDIT, (row.seq, row.seq, body, crc_of("audit", body))))

    def version(self, fields: dict[str, Any]) -> None:
        """Keep a version of the configuration: plain data, given back as it is."""
        body = _encode(fields)
        self._submit(
            (
                STATEMENT,
                "INSERT INTO versions(body, crc) VALUES (?, ?)",
                (body, crc_of("versions", body)),
            )
        )

    def feed(self, name: str, position: int, finished: bool) -> None:
        """Note how far a feed has been read, and whether to its end."""
        self._submit((FEED, name, position, finished))

    def put(self, key: str, value: bytes) -> None:
        """Keep a small fact; the last value of each key counts."""
        self._submit(
            (
                STATEMENT, "INSERT OR REPLACE INTO facts VALUES (?, ?, ?)",
                (key, value, crc_of("facts", key, value)),
            )
        )  # fmt: skip

    def flush(self, ticket: object) -> None:
        """Deliver (ticket, 0, None) when everything before is on disk."""
        self._submit((FLUSH, ticket))

    def salvage(self, reasons: list[str], told: Told) -> None:
        """Put another database in the place of this one, which was found damaged.

        ``told`` is called on the loop with what happened, in sentences; with none when it
        could not be done, and the journal has failed.
        """
        self._writer.salvage(reasons, told)

    def stats(self) -> JournalStats:
        """How it is doing."""
        writer, trouble = self._writer, self._writer.trouble
        waits = sorted(writer.latencies)
        return JournalStats(
            path=str(self.path),
            durability=self.durability,
            state=state_of(trouble),
            reason=trouble.reason if trouble is not None else "",
            pending=writer.pending,
            commits=writer.commits,
            committed=writer.committed,
            last_commit=writer.last_commit,
            commit_seconds=writer.commit_seconds,
            ack_p50=waits[len(waits) // 2] if waits else 0.0,
            ack_p99=waits[len(waits) * 99 // 100] if waits else 0.0,
            bytes=_size(self.path),
            wal_bytes=_size(beside(self.path, "-wal")),
            free_bytes=free_bytes(self.path),
            settled=writer.tip.settled,
        )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _buried(dead: DeadRecord) -> Record:
    return (DEAD, dead.number, _encode(dead), dead.status)

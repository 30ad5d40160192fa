"""What the journal hands out, as plain data. Times are seconds since the epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from agentflow.telemetry.snapshot import AuditRow

if TYPE_CHECKING:
    from agentflow.journal.rest import Rest


class Stored(msgspec.Struct, gc=False):
    """One accepted event that has not been settled. ``codec.decode(body)`` is the Event."""

    seq: int
    """Its number, in order of acceptance, from 1."""
    rank: int
    """Its priority: 0 for critical to 3 for low."""
    session: str
    body: bytes


class Mark(msgspec.Struct, gc=False):
    """What is behind an open event that has begun before."""

    tries: int = 0
    """How many tries are behind it."""
    due: float = 0.0
    """When the next try is due; 0 for at once."""
    deliveries: int = 0
    """How often the process died while it ran."""


class DeadRecord(msgspec.Struct, array_like=True, gc=False):
    """One dead letter. ``codec.decode(event)`` is its Event."""

    number: int
    event: bytes
    error: str
    trace: str
    agent: str
    attempts: int
    config_version: int
    time: float
    status: str = "dead"


class Recovery(msgspec.Struct):
    """What a journal held when it was opened."""

    open: list[Stored]
    """What was accepted and has not been settled, in order of acceptance; the first part."""
    rest: Rest | None
    """Where there is more of it, if there is."""
    marks: dict[int, Mark]
    """What is known of those that have begun before, by number; the rest included."""
    dead: list[DeadRecord]
    """The newest dead letters, oldest first."""
    versions: list[dict[str, object]]
    audit: list[AuditRow]
    feeds: dict[str, tuple[int, bool]]
    """How far each feed has been read, and whether to its end."""
    facts: dict[str, bytes]
    """What ``Journal.put`` kept."""
    next_seq: int
    next_dead: int
    redelivered: int
    """How many events were running when the process died."""
    damage: list[str]
    """What was wrong with the files and what became of it: sentences for an operator."""
    clean: bool
    """Whether the last process closed it, or there was none."""


class JournalStats(msgspec.Struct, frozen=True):
    """How the journal is doing."""

    path: str
    durability: str
    state: str
    """ok, full (it goes on by itself) or failed (until the next start)."""
    reason: str
    """Why it is full or has failed, in words; else ''."""
    pending: int
    """Records that are waiting to be written."""
    commits: int
    """Transactions since it was opened."""
    committed: int
    """Events written since it was opened."""
    last_commit: float
    """When the last transaction ended; 0 for never."""
    commit_seconds: float
    """How long it took."""
    ack_p50: float
    """Seconds from accept to delivery of the confirmation, over the last of them."""
    ack_p99: float
    bytes: int
    """Size of the database file."""
    wal_bytes: int
    """Size of the write-ahead log beside it."""
    free_bytes: int
    """Room left on the disk."""
    settled: int
    """Settled events that are still kept."""

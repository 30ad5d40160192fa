"""What the tests of the journal share: a journal at work, and what a crash leaves."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from agentflow import Event
from agentflow.journal import DeadRecord, Journal, Recovery
from agentflow.journal.codec import decode, encode
from agentflow.telemetry.snapshot import AuditRow

NOW = 1_800_000_000.0
LIMIT = 8 << 20


def deliveries(recovery: Recovery) -> list[int]:
    """How often the process died while each of the open events ran."""
    marks = recovery.marks
    return [marks[one.seq].deliveries if one.seq in marks else 0 for one in recovery.open]


class Desk:
    """A journal at work on this loop; ``told`` is everything it has delivered."""

    def __init__(
        self, path: Path, *, inline: bool = True, now: float = NOW, **options: Any
    ) -> None:
        self.journal = Journal(path, inline=inline, **options)
        self.recovery: Recovery = self.journal.open(now)
        self.told: list[tuple[Any, int, Any]] = []
        self.batches: list[int] = []
        self.states: list[tuple[str, str]] = []
        self._news = asyncio.Event()
        self.journal.start(
            asyncio.get_running_loop(),
            self._deliver,
            self._changed,
        )

    async def __aenter__(self) -> Desk:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _deliver(self, results: list[tuple[Any, int, Any]]) -> None:
        self.told += results
        self.batches.append(len(results))
        self._news.set()

    def _changed(self, state: str, reason: str) -> None:
        self.states.append((state, reason))
        self._news.set()

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait until something that the journal says makes ``holds`` true."""
        async with asyncio.timeout(60):
            while not holds():
                self._news.clear()
                await self._news.wait()

    async def flush(self) -> None:
        """Wait until everything so far is on disk, or refused."""
        ticket = object()
        self.journal.flush(ticket)
        await self.until(lambda: any(told[0] is ticket for told in self.told))

    async def accept(self, *events: Event, rank: int = 2) -> list[int]:
        """Accept ``events`` and wait for them; their numbers."""
        tickets = [object() for _ in events]
        for event, ticket in zip(events, tickets, strict=True):
            self.journal.accept(event, rank, ticket)
        await self.flush()
        numbers = {id(ticket): seq for ticket, seq, _ in self.told}
        return [numbers[id(ticket)] for ticket in tickets]

    async def close(self) -> None:
        """Close it, and let it say its last words."""
        await asyncio.to_thread(self.journal.close)
        await asyncio.sleep(0)

    def outcomes(self) -> dict[Any, Any]:
        """What each ticket was told."""
        return {ticket: outcome for ticket, _, outcome in self.told if isinstance(ticket, str)}


def size(path: Path) -> int:
    """Bytes of a file; 0 when there is none."""
    return path.stat().st_size if path.exists() else 0


def reopen(path: Path, now: float = NOW) -> Recovery:
    """What another process would find there; it closes the journal in good order."""
    journal = Journal(path)
    recovery = journal.open(now)
    journal.close()
    return recovery


def crash(path: Path, name: str = "crashed") -> Path:
    """The journal's files as a crash at this moment leaves them, elsewhere."""
    copy = path.parent.with_name(f"{path.parent.name}-{name}")
    shutil.copytree(path.parent, copy, ignore=shutil.ignore_patterns("*.lock"))
    return copy / path.name


def events_of(recovery: Recovery) -> list[Event]:
    """The open events."""
    return [decode(stored.body) for stored in recovery.open]


def letter(number: int, event: Event | None = None, **fields: Any) -> DeadRecord:
    """A dead letter."""
    values: dict[str, Any] = {
        "event": encode(event or Event("worker"), LIMIT), "error": "ValueError: no",
        "trace": "Traceback …", "agent": "worker", "attempts": 3, "config_version": 1,
        "time": NOW, "status": "dead",
    }  # fmt: skip
    return DeadRecord(number, **(values | fields))


def audit_row(number: int) -> AuditRow:
    """A line of the audit."""
    return AuditRow(number, NOW, "ada", "pause", "worker", "", "done")


async def fill(desk: Desk, count: int, *, settled: Sequence[int] = ()) -> list[Event]:
    """``count`` events, those in ``settled`` (from 0) ended, and a bit of everything else."""
    events = [
        Event(
            "worker",
            {"number": number, "text": "x" * (number * 37 % 700)},
            [{}, {"session_id": f"s{number % 5}"}, {"idempotency_key": f"k{number}"}][number % 3],
        )
        for number in range(count)
    ]
    numbers: list[int] = []
    for start in range(0, count, 9):
        numbers += await desk.accept(*events[start : start + 9], rank=start % 4)
    for index in settled:
        dead = letter(index, events[index]) if index % 2 else None
        desk.journal.settle(
            numbers[index], NOW + index, dead is None, f"s{index % 5}", {"last": index}, dead
        )
        if index % 4 == 0:
            await desk.flush()
    desk.journal.retry(numbers[-1], 2, NOW + 60)
    desk.journal.audit(audit_row(1))
    desk.journal.version({"number": 1, "text": "[runtime]"})
    desk.journal.feed("lines", count, finished=True)
    desk.journal.put("paused", b"\0\1")
    await desk.flush()
    return events

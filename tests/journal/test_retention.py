"""Retention: what ended long ago goes, in small steps; what is open never does."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Coroutine
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from agentflow import Event
from agentflow.journal import housekeeping
from agentflow.journal.reading import open_for_reading
from agentflow.testing import run_virtual

from .support import NOW, Desk, audit_row, events_of, letter, reopen

HOUR = 3_600.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def virtual(promise: Callable[[Path], Coroutine[Any, Any, None]]) -> Callable[[Path], None]:
    """Run an async test on virtual time."""

    def run(path: Path) -> None:
        run_virtual(lambda: promise(path))

    run.__name__, run.__doc__ = promise.__name__, promise.__doc__
    return run


async def nudge(desk: Desk) -> None:
    """Have it look what is old, as it does a minute after the last time."""
    await asyncio.sleep(housekeeping.PAUSE + 1)
    await desk.flush()


@virtual
async def test_what_ended_long_ago_goes(path: Path) -> None:
    """After the retention an ended event, its session and its keys are gone; not before."""
    async with Desk(path, retention=HOUR) as desk:
        old, new, open = await desk.accept(
            *(
                Event("worker", {}, {"idempotency_key": key, "session_id": f"s-{key}"})
                for key in ("old", "new", "open")
            )
        )
        desk.journal.retry(old, 2, NOW)
        desk.journal.settle(old, NOW, False, "s-old", {"n": 1}, letter(1))
        desk.journal.settle(new, NOW + HOUR, True, "s-new", {"n": 2})
        await nudge(desk)
        assert desk.journal.stats().settled == 2
        await asyncio.sleep(HOUR)
        await nudge(desk)
        assert desk.journal.stats().settled == 1
        for key in ("old", "new", "open"):
            again = Event("worker", {}, {"idempotency_key": key})
            desk.journal.accept(again, 2, f"{key} again")
        await desk.flush()
        known = {ticket for ticket, outcome in desk.outcomes().items() if outcome}
        assert known == {"new again", "open again"}
    recovery = reopen(path)
    assert recovery.damage == []
    assert [stored.seq for stored in recovery.open][:1] == [open]
    assert [dead.number for dead in recovery.dead] == [1]
    with open_for_reading(path) as reader:
        assert reader.session_state("s-old") is None
        assert reader.session_state("s-new") == {"n": 2}
        assert reader.check() == []


@virtual
async def test_what_is_open_stays_whatever_its_age(path: Path) -> None:
    """Years later it is still there, and so is one that ended a moment ago."""
    async with Desk(path, retention=HOUR) as desk:
        first, second = await desk.accept(Event("worker"), Event("worker"))
        await asyncio.sleep(20 * HOUR)
        desk.journal.settle(second, NOW + 20 * HOUR, True)
        await nudge(desk)
        assert desk.journal.stats().settled == 1
    recovery = reopen(path, NOW + 1e9)
    assert [stored.seq for stored in recovery.open] == [first]


@virtual
async def test_many_old_events_go_in_steps(path: Path) -> None:
    """A step takes some hundred rows, so that others need not wait; in the end all are gone."""
    async with Desk(path, retention=HOUR) as desk:
        numbers = await desk.accept(*(Event("worker") for _ in range(4_500)))
        for seq in numbers[:-1]:
            desk.journal.settle(seq, NOW, True)
        await desk.flush()
        await asyncio.sleep(2 * HOUR)
        await nudge(desk)
        left = [desk.journal.stats().settled]
        while left[-1]:
            await desk.flush()
            left.append(desk.journal.stats().settled)
        steps = [before - after for before, after in pairwise(left)]
        assert max(steps) <= housekeeping.CHUNK
        await asyncio.sleep(0)
    assert [stored.seq for stored in reopen(path).open] == numbers[-1:]


@virtual
async def test_at_the_limit_the_oldest_ended_ones_go_first(path: Path) -> None:
    """Young or not; what has ended makes room, and what is open stays."""
    async with Desk(path, max_bytes=2_000_000, retention=1e9) as desk:
        stays = Event("worker", {"stays": True})
        await desk.accept(stays)
        for _ in range(40):
            numbers = await desk.accept(
                *(Event("worker", {"text": "x" * 3_000}) for _ in range(50))
            )
            for seq in numbers:
                desk.journal.settle(seq, NOW, True)
            await desk.flush()
        assert desk.states == []
        last = max(numbers)
        assert 0 < desk.journal.stats().settled < 700
        desk.journal.accept(Event("worker"), 2, None)
    recovery = reopen(path)
    assert events_of(recovery)[0] == stays
    assert recovery.next_seq > last
    assert path.stat().st_size < 3_000_000  # noqa: ASYNC240


@virtual
async def test_audit_and_versions_are_bounded(path: Path) -> None:
    """The newest are kept."""
    async with Desk(path) as desk:
        for number in range(housekeeping.VERSION_ROWS + 50):
            desk.journal.version({"number": number})
        for number in range(1, housekeeping.AUDIT_ROWS + 51):
            desk.journal.audit(audit_row(number))
        await nudge(desk)
    with open_for_reading(path) as reader:
        versions, audit = reader.versions(100_000), reader.audit(100_000)
    assert len(versions) == housekeeping.VERSION_ROWS
    assert len(audit) == housekeeping.AUDIT_ROWS
    assert versions[-1]["number"] == housekeeping.VERSION_ROWS + 49
    assert audit[-1].seq == housekeeping.AUDIT_ROWS + 50


def test_a_start_need_not_read_what_has_ended(path: Path) -> None:
    """After an orderly end, the number is known below which nothing is open."""

    async def work() -> None:
        async with Desk(path) as desk:
            numbers = await desk.accept(*(Event("worker") for _ in range(3_000)))
            for seq in numbers[:2_000]:
                desk.journal.settle(seq, NOW, True)

    asyncio.run(work())
    from contextlib import closing

    from agentflow.journal import schema

    with closing(schema.connect_to_read(path)) as db:
        tip = schema.read_tip(db)
    assert tip is not None
    assert tip.low == 2_001
    shutil.copy(path, path.with_name("copy.db"))
    assert len(reopen(path).open) == 1_000

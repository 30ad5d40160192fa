"""Leases: an event during which the process died is known, and counted once for each death."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agentflow import Event
from agentflow.journal.leases import CELLS, Leases, read

from .support import Desk, crash, deliveries, events_of, reopen

KILLED = """
import asyncio, os, signal, sys
from agentflow import Event
from agentflow.journal import Journal

async def main():
    journal = Journal(sys.argv[1])
    recovery = journal.open(1e9)
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    journal.start(loop, lambda told: done.done() or done.set_result(told[-1][1]))
    if not recovery.open:
        for _ in range(3):
            journal.accept(Event("worker"), 2, None)
    journal.flush(None)
    await done
    running = 2 if not recovery.open else recovery.open[1].seq
    journal.leases.give(journal.leases.take(running - 1))
    journal.leases.take(running)
    deaths = {seq: mark.deliveries for seq, mark in recovery.marks.items()}
    print([deaths.get(one.seq, 0) for one in recovery.open], recovery.redelivered, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


def test_every_death_is_counted_once(tmp_path: Path) -> None:
    """Killed three times during the same event; opened in good order in between, too."""
    path = tmp_path / "journal.db"
    said = []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", KILLED, path], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == -signal.SIGKILL, done.stderr
        said.append(done.stdout.strip())
        if len(said) == 1:
            assert reopen(path).redelivered == 1
            assert reopen(path).redelivered == 0
    assert said == ["[] 0", "[0, 1, 0] 0", "[0, 2, 0] 1"]
    recovery = reopen(path)
    assert deliveries(recovery) == [0, 3, 0]
    assert recovery.redelivered == 1
    assert recovery.damage == []


async def test_an_orderly_end_is_no_death(tmp_path: Path) -> None:
    """What still has its lease at the end was not what killed the process."""
    path = tmp_path / "journal.db"
    async with Desk(path) as desk:
        [seq] = await desk.accept(Event("worker"))
        desk.journal.leases.take(seq)
    recovery = reopen(path)
    assert deliveries(recovery) == [0]
    assert recovery.redelivered == 0


async def test_a_start_that_was_cut_short_counts_nothing_twice(tmp_path: Path) -> None:
    """Deaths are in the database and the leases are still the old ones: the next start sees it."""
    path = tmp_path / "state" / "journal.db"
    async with Desk(path) as desk:
        [seq] = await desk.accept(Event("worker"))
        desk.journal.leases.take(seq)
        copy = crash(path)
    leases = copy.with_name(copy.name + ".leases")
    before = leases.read_bytes()
    async with Desk(copy) as desk:
        assert deliveries(desk.recovery)[0] == 1
        between = crash(copy)
    between.with_name(between.name + ".leases").write_bytes(before)
    assert deliveries(reopen(between))[0] == 1


async def test_a_run_that_had_ended_is_a_try_but_no_death(tmp_path: Path) -> None:
    """Its end had not got to the disk: it runs again, as another try."""
    path = tmp_path / "state" / "journal.db"
    async with Desk(path) as desk:
        one, two = await desk.accept(Event("worker"), Event("worker"))
        desk.journal.leases.retire(desk.journal.leases.take(one))
        desk.journal.settle(two, 1.0, True)
        desk.journal.leases.retire(desk.journal.leases.take(two))
        await desk.flush()
        recovery = reopen(crash(path))
    [stored] = recovery.open
    mark = recovery.marks[one]
    assert (stored.seq, mark.tries, mark.deliveries) == (one, 1, 0)


async def test_leases_of_events_that_ended_mean_nothing(tmp_path: Path) -> None:
    """A lease that nobody gave back harms no other event."""
    path = tmp_path / "state" / "journal.db"
    async with Desk(path) as desk:
        one, _ = await desk.accept(Event("worker"), Event("worker", {"n": 2}))
        desk.journal.leases.take(one)
        desk.journal.leases.take(desk.journal.reserve())
        desk.journal.settle(one, 1.0, True)
        await desk.flush()
        recovery = reopen(crash(path))
    assert [event.data for event in events_of(recovery)] == [{"n": 2}]
    assert recovery.redelivered == 0


@pytest.mark.parametrize("content", [b"", b"garbage" * 10_000, os.urandom(528_384)])
async def test_leases_that_are_broken_are_begun_anew(tmp_path: Path, content: bytes) -> None:
    """Nothing is lost with them but the count of one death."""
    path = tmp_path / "state" / "journal.db"
    async with Desk(path) as desk:
        [seq] = await desk.accept(Event("worker"))
        desk.journal.leases.take(seq)
        copy = crash(path)
    copy.with_name(copy.name + ".leases").write_bytes(content)
    recovery = reopen(copy)
    assert len(recovery.open) == 1
    assert recovery.damage == []
    assert reopen(copy).damage == []


def test_cells_run_out_and_come_back(tmp_path: Path) -> None:
    """There is a fixed number of cells; -1 when none is free, and giving that back is nothing."""
    path = tmp_path / "leases"
    leases = Leases(path, b"i" * 16, 3, 7)
    cells = [leases.take(seq) for seq in range(1, CELLS + 1)]
    assert sorted(cells) == list(range(CELLS))
    assert leases.take(99) == -1
    leases.give(-1)
    leases.retire(-1)
    leases.give(cells[10])
    assert leases.take(77_777) == cells[10]
    leases.close()
    assert leases.take(5) >= -1
    left = read(path)
    assert left is not None
    assert (left.identity, left.generation, left.commits) == (b"i" * 16, 3, 7)
    assert left.seqs == {*range(1, CELLS + 1), 77_777} - {11}

"""One runner, stopped and started again: with a journal it finds there what it has in memory."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from agentflow import Context, Event, RunnerNotRunning
from agentflow.journal import Journal
from agentflow.testing import recorder

from .support import config, loop, make, settle, virtual


@pytest.mark.parametrize("held", [False, True], ids=["queued", "held"])
@virtual
async def test_what_a_stop_leaves_runs_once_after_the_next_start(
    tmp_path: Path, held: bool
) -> None:
    """Queued or held, of one session or of many, each event is accepted once and runs once."""
    worker = recorder()
    runner = make(a=worker.agent)
    runner.journal = Journal(tmp_path / "journal.db", inline=True)
    await runner.start()
    runner.pause("a" if held else None)
    for n in range(6):
        await runner.emit(Event("a", {"n": n}, session_id="s" if n % 2 else ""))
    await settle()
    for _ in range(2):
        await runner.stop(drain=False)
        assert sum(runner.counts()[1:3]) == 6, "what is left can still be seen"
        await runner.start()
        assert runner.counts().accepted == 6
    runner.resume("a" if held else None)
    await runner.join()
    assert sorted(event.data["n"] for event in worker.events) == list(range(6))
    assert (runner.counts().accepted, runner.counts().succeeded) == (6, 6)
    await runner.stop()


@virtual
async def test_what_is_on_its_way_to_the_disk_at_a_stop_is_accepted_once(tmp_path: Path) -> None:
    """It is committed by the stop, and told to the runner before the next start reads it."""
    worker = recorder()
    runner = make(a=worker.agent)
    runner.journal = Journal(tmp_path / "journal.db", inline=True)
    await runner.start()
    runner.pause()
    for n in range(3):
        runner.try_emit(Event("a", {"n": n}))
    await runner.stop(drain=False)
    assert runner.counts().accepted == 3
    await runner.start()
    runner.resume()
    await runner.join()
    assert [event.data["n"] for event in worker.events] == [0, 1, 2]
    assert runner.counts().accepted == 3
    await runner.stop()


@virtual
async def test_what_operators_did_is_told_once_after_a_new_start(tmp_path: Path) -> None:
    """Audit rows, versions and dead letters are not doubled by reading them again."""

    async def fails(event: Event, state: object) -> None:
        raise ValueError("no")

    runner = make(a=fails)
    runner.journal = Journal(tmp_path / "journal.db", inline=True)
    for _ in range(3):
        async with runner:
            if not runner.dead_letters:
                runner.audit("ann", "pause", "a", "", "done")
                await runner.apply(config("[runtime]\nmax_concurrent_events = 3"))
                await runner.request(Event("a"))
        assert len(runner.telemetry.actions.items) == 1
        assert len(runner.dead_letters) == 1
        assert len(runner.history.versions) == 2
    assert loop().time() < 2_000


@pytest.mark.parametrize("kept", [False, True], ids=["memory", "journal"])
@virtual
async def test_a_handler_that_a_stop_has_left_behind_is_refused(tmp_path: Path, kept: bool) -> None:
    """What it emits or requests is not accepted: nobody would run it, and nobody keep it."""
    refused: list[type[Exception]] = []

    async def deaf(event: Event, state: object, context: Context) -> None:
        for _ in range(2):
            try:
                await asyncio.sleep(20)
            except asyncio.CancelledError:
                continue
        for ask in (context.emit, context.request):
            try:
                await ask(Event("a"))
            except Exception as error:
                refused.append(type(error))

    runner = make(a=deaf)
    if kept:
        runner.journal = Journal(tmp_path / "journal.db", inline=True)
    await runner.start()
    await runner.emit(Event("a"))
    await settle()
    await runner.stop(drain=False)
    before = runner.counts()
    await asyncio.sleep(60)
    assert refused == [RunnerNotRunning, RunnerNotRunning]
    assert runner.counts() == before

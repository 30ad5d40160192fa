"""Journals with something done to their files, and what is known about what they held."""

from __future__ import annotations

import asyncio
import random
import shutil
from pathlib import Path
from typing import NamedTuple

from agentflow import Event
from agentflow.journal import Journal

from .recorded import checked

TEXT = "what was accepted is never lost "


class Held(NamedTuple):
    """What a journal held at its process's death: the ids."""

    open: frozenset[str]
    settled: frozenset[str]


async def fill(journal: Journal, count: int, chance: random.Random) -> Held:
    """Accept events, settle half of them."""
    told: list[tuple[object, int, object]] = []
    journal.start(asyncio.get_running_loop(), told.extend, lambda state, reason: None)
    for number in range(count):
        text = TEXT * chance.choice([1, 3, 20])
        session = f"session {chance.randrange(9)}" if number % 2 else ""
        event = Event("a", {"n": number, **checked(text)}, session_id=session)
        journal.accept(event, 2, event.id)
        if number % 50 == 0:
            await asyncio.sleep(0)
    await _flushed(journal, told)
    accepted = {str(id): seq for id, seq, outcome in told if isinstance(id, str) and seq}
    settled = set(chance.sample(sorted(accepted), count // 2))
    for id in settled:
        journal.settle(accepted[id], 1.0, True, None, None, None, ())
    await _flushed(journal, told)
    return Held(frozenset(accepted.keys() - settled), frozenset(settled))


async def _flushed(journal: Journal, told: list[tuple[object, int, object]]) -> None:
    ticket = object()
    journal.flush(ticket)
    while not told or told[-1][0] is not ticket:  # noqa: ASYNC110 - it needs the loop to go round
        await asyncio.sleep(0)


def died(folder: Path, seed: int, *, checkpointed: bool = False) -> tuple[Held, Path]:
    """The files of a journal whose process is gone, and those of some time before."""
    chance = random.Random(seed)
    journal = Journal(folder / "live" / "journal.db", inline=True)
    journal.open(1_800_000_000.0)
    before = folder / "before"

    async def live() -> Held:
        nonlocal journal
        first = await fill(journal, 200, chance)
        if checkpointed:
            journal.close()
            journal = Journal(folder / "live" / "journal.db", inline=True)
            journal.open(1_800_000_000.0)
        _copy(folder / "live", before)
        second = await fill(journal, 200, chance)
        return Held(first.open | second.open, first.settled | second.settled)

    held = asyncio.run(live())
    _copy(folder / "live", folder / "dead")
    journal.close()
    shutil.rmtree(folder / "live")
    return held, folder / "dead"


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.lock"))

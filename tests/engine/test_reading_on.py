"""A start with more in the journal than it reads at once: the rest is read while others run.

A crash is a copy of the journal's files, as in test_journal.py; the last test kills processes.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agentflow import Event, Runner
from agentflow.journal import Journal
from agentflow.journal.codec import decode
from agentflow.journal.reading import open_for_reading
from agentflow.testing import recorder

from .support import add_up, loop, make, virtual

RANKS = ("low", "normal", "high", "critical")


def journaled(path: Path, page: int, text: str = "", **agents: Any) -> Runner:
    """A runner with a journal of whose open events a start reads ``page``."""
    runner = make(text, "express", **agents)
    runner.journal = Journal(path / "journal.db", inline=True, page=page)
    return runner


def event(n: int, priority: str = "normal", session: str = "") -> Event:
    """Event number ``n``."""
    return Event("a", {"n": n}, {"priority": priority}, session_id=session)


async def filled(path: Path, *events: Event) -> Path:
    """The folder of a journal in which these events are open, its process dead."""
    path.mkdir()  # noqa: ASYNC240
    runner = journaled(path, 20_000, a=recorder().agent)
    async with runner:
        runner.pause()
        for one in events:
            await runner.emit(one)
        copy = crash(path, "full")
        runner.resume()
    return copy


def crash(path: Path, name: str) -> Path:
    """The files as a crash at this moment would leave them."""
    copy = path.parent / f"{path.name}-{name}"
    shutil.copytree(path, copy, ignore=shutil.ignore_patterns("*.lock"))
    return copy


def unread(runner: Runner) -> int:
    """How many events it still has to read."""
    return sum(runner.dispatcher.backlog.unread or ())


async def order(path: Path, page: int, text: str) -> list[int]:
    """The events in the order in which they run, one at a time, when so many are read first."""
    seen = recorder()
    limits = "[runtime]\nmax_concurrent_events = 1\n"
    runner = journaled(path, page, limits + text, a=seen.agent)
    loop().each_turn(lambda: add_up(runner))
    async with runner:
        await runner.join()
        assert not unread(runner)
    return [one.data["n"] for one in seen.events]


@pytest.mark.parametrize("ordering", ["session", "none"])
@pytest.mark.parametrize("seed", range(6))
@virtual
async def test_the_order_is_as_if_all_had_been_read(
    tmp_path: Path, ordering: str, seed: int
) -> None:
    """Priorities, sessions and arrival count for what is unread, too; the accounts hold."""
    rng = random.Random(seed)
    events = [
        event(n, rng.choice(RANKS[seed % 4 :]), rng.choice(["", "", "s", "t", "u"]))
        for n in range(40)
    ]
    events += [event(40 + n, "normal", events[n].id) for n in range(10)]
    full = await filled(tmp_path / "journal", *events)
    text = f'ordering = "{ordering}"\n'
    whole = await order(crash(full, "whole"), 20_000, text)
    assert sorted(whole) == list(range(50))
    for page in (1, 3, 10):
        assert await order(crash(full, str(page)), page, text) == whole


@virtual
async def test_what_is_urgent_is_found_at_once(tmp_path: Path) -> None:
    """A critical event runs first though everything before it has yet to be read."""
    full = await filled(
        tmp_path / "journal",
        *(event(n) for n in range(30)),
        event(30, "critical"),
        event(31, "high", "s"),
        event(32, "critical", "s"),
    )
    assert (await order(full, 1, ""))[:4] == [30, 31, 32, 0]


@virtual
async def test_what_arrives_meanwhile_takes_its_place(tmp_path: Path) -> None:
    """Behind what is unread, before it if it is more urgent, behind its session in any case."""
    full = await filled(tmp_path / "journal", *(event(n) for n in range(20)))
    seen = recorder()
    runner = journaled(full, 2, "[runtime]\nmax_concurrent_events = 1\n", a=seen.agent)
    async with runner:
        assert unread(runner) == 18
        runner.submit(event(100, session="s"))
        runner.submit(event(101, "critical"))
        runner.submit(event(102, "critical", "s"))
        await runner.join()
    ran = [one.data["n"] for one in seen.events]
    assert [n for n in ran if n < 100] == list(range(20))
    assert ran.index(101) < 10, "the urgent one has waited"
    assert ran[-2:] == [100, 102]


@virtual
async def test_counts_pauses_and_duplicates_know_what_is_unread(tmp_path: Path) -> None:
    """It is accepted and queued, or held; it is no event that can be accepted again."""
    events = [event(n) for n in range(20)]
    full = await filled(tmp_path / "journal", *events)
    runner = journaled(full, 3, a=recorder().agent)
    await runner.start()
    assert runner.recovered is not None
    assert runner.recovered.queued == runner.counts().queued == 20
    runner.pause()
    assert (runner.counts().held, unread(runner)) == (20, 17)
    assert await runner.emit(events[19]) == events[19].id
    runner.resume()
    await runner.stop()
    assert runner.counts().succeeded == 20


@pytest.mark.parametrize("turns", range(0, 24, 3))
@virtual
async def test_a_crash_while_it_reads_and_another_one(tmp_path: Path, turns: int) -> None:
    """Every event runs; what had ended on disk does not run again."""
    path = await filled(tmp_path / "journal", *(event(n) for n in range(40)))
    ended: set[int] = set()
    ran: set[int] = set()
    for life in ("one", "two", "three"):
        seen = recorder()
        runner = journaled(path, 4, a=seen.agent)
        await runner.start()
        if life == "three":
            await runner.join()
        for _ in range(turns):
            await asyncio.sleep(0)
        path = crash(path, life)
        with open_for_reading(path / "journal.db") as reader:
            open_now = {decode(one.body).data["n"] for one in reader.open_events()}
        now = {one.data["n"] for one in seen.events}
        await runner.stop(drain=False)
        assert not now & ended
        ran |= now
        ended = set(range(40)) - open_now
        assert ended <= ran
    assert ran == set(range(40))


@virtual
async def test_a_stop_while_it_reads(tmp_path: Path) -> None:
    """What is unread is there for the next start, of the same runner as well."""
    full = await filled(tmp_path / "journal", *(event(n) for n in range(30)))
    seen = recorder()
    runner = journaled(full, 2, a=seen.agent)
    await runner.start()
    await runner.stop(drain=False)
    assert runner.counts().queued + runner.counts().succeeded == 30
    async with runner:
        add_up(runner)
        await runner.join()
    assert [one.data["n"] for one in seen.events] == list(range(30))


@virtual
async def test_a_handover_while_it_reads(tmp_path: Path) -> None:
    """The next runner goes on with all of it, and the counts go on."""
    full = await filled(tmp_path / "journal", *(event(n) for n in range(30)))
    first, second = recorder(), recorder()
    old = journaled(full, 2, a=first.agent)
    await old.start()
    left = await old.hand_over()
    new = journaled(full, 2, a=second.agent)
    await new.start(recover=False)
    await new.take_over(left)
    await new.join()
    assert new.counts()[:1] + new.counts()[4:] == (30, 30, 0)
    assert [one.data["n"] for one in [*first.events, *second.events]] == list(range(30))
    await new.stop()


def overwrite(path: Path, what: bytes, by: bytes) -> None:
    """Change some bytes in the file of a journal."""
    content = path.read_bytes()
    assert content.count(what) == 1
    path.write_bytes(content.replace(what, by))


async def in_the_file(tmp_path: Path, *events: Event) -> Path:
    """A journal in which these are open, without a write-ahead log."""
    full = await filled(tmp_path / "journal", *events)
    with closing(sqlite3.connect(full / "journal.db")) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return full / "journal.db"


def test_damage_far_behind(tmp_path: Path) -> None:
    """It is set aside and said when it is found; all others run, and nothing else stops."""
    events = [Event("a", {"n": n, "text": f"mark {n:03} here"}) for n in range(60)]
    prepared: list[Path] = []

    @virtual
    async def prepare() -> None:
        prepared.append(await in_the_file(tmp_path, *events))

    prepare()
    [path] = prepared
    overwrite(path, b"mark 044 here", b"mark 044 hers")
    whole = path.parent.with_name("inline")
    shutil.copytree(path.parent, whole)
    virtual(damage_far_behind)(whole / path.name, events, True)
    asyncio.run(damage_far_behind(path, events, False))


async def damage_far_behind(path: Path, events: list[Event], inline: bool) -> None:
    """The same with the writer on the loop and in its thread."""
    seen = recorder()
    runner = Runner(journal=Journal(path, inline=inline, page=5))
    runner.register_agent("a", seen.agent)
    await runner.start()
    assert runner.recovered is not None
    assert not runner.recovered.damage
    assert runner.counts().accepted == 60
    extra = [runner.submit(Event("a", {"n": 100 + n})) for n in range(5)]
    for told in extra:
        await told
    await runner.join()
    add_up(runner)
    assert runner.counts().succeeded == 64
    ran = sorted(one.data["n"] for one in seen.events)
    assert ran == [*range(44), *range(45, 60), *range(100, 105)]
    said = " ".join(runner.recovered.damage)
    assert "1 event is damaged" in said
    assert events[44].id in said
    errors = [line.text for line in runner.telemetry.lines.items if line.level == "error"]
    assert errors == runner.recovered.damage
    assert list(path.parent.glob("*.damaged-*"))
    await runner.emit(Event("a", {"n": 200}))
    await runner.stop()
    again = Runner(journal=Journal(path, inline=inline))
    async with again:
        assert again.recovered is not None
        assert not again.recovered.damage
        assert not again.counts().accepted


@virtual
async def test_a_page_that_goes_bad_after_the_start(tmp_path: Path) -> None:
    """What else can be read runs, the accounts have nothing else, and it is said."""
    events = [Event("a", {"n": n, "text": f"mark {n:03} " + 200 * "x"}) for n in range(100)]
    path = await in_the_file(tmp_path, *events)
    seen = recorder()
    runner = journaled(path.parent, 5, a=seen.agent)
    await runner.start()
    content = bytearray(path.read_bytes())
    at = content.index(b"mark 070") // 4096 * 4096
    content[at : at + 4096] = bytes(4096)
    with path.open("r+b") as file:
        file.write(content)
    await runner.join()
    add_up(runner)
    assert runner.recovered is not None
    ran = {one.data["n"] for one in seen.events}
    assert 70 not in ran
    assert ran >= {*range(40), *range(90, 100)}
    assert "has been set aside" in " ".join(runner.recovered.damage)
    assert runner.counts().succeeded == len(ran) == runner.counts().accepted
    await runner.stop()


KILLED = """
import asyncio, os, signal, sys
from agentflow import Config, Event, Runner
from agentflow.journal import Journal
from agentflow.journal.codec import decode
from agentflow.journal.reading import open_for_reading

folder, deadly = sys.argv[1], int(sys.argv[2])
effects = os.open(folder + "/effects", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

async def main():
    config = Config.from_toml("[runtime]\\nqueue_size = 10000\\n")
    runner = Runner(config, journal=Journal(folder + "/journal.db", page=50))
    ran = 0

    async def handle(event, state):
        nonlocal ran
        ran += 1
        os.write(effects, b"%d\\n" % event.data["n"])
        if ran == deadly:
            print(sum(runner.dispatcher.backlog.unread or ()), flush=True)
            os.kill(os.getpid(), signal.SIGKILL)

    runner.register_agent("a", handle)
    await runner.start()
    if not runner.counts().accepted:
        runner.pause()
        await asyncio.gather(*(runner.emit(Event("a", {"n": n})) for n in range(5000)))
        os.kill(os.getpid(), signal.SIGKILL)
    await runner.join()
    await runner.stop()

asyncio.run(main())
"""


def test_processes_killed_while_they_read(tmp_path: Path) -> None:
    """Killed twice in the middle of reading, all 5,000 have run, and next to none twice."""

    def run(deadly: int) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-c", KILLED, str(tmp_path), str(deadly)],
            stdout=subprocess.PIPE,
            text=True,
        )
        return done.returncode, done.stdout

    assert run(0)[0] == -signal.SIGKILL
    for _ in range(2):
        code, left = run(30)
        assert code == -signal.SIGKILL
        assert int(left) > 1_000
    assert run(0)[0] == os.EX_OK
    effects = [int(line) for line in (tmp_path / "effects").read_text().split()]
    assert set(effects) == set(range(5_000))
    # What the writer had not yet on disk may run again; nothing else does.
    assert len(effects) <= 5_000 + 2 * 30

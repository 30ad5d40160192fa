"""Reading: a journal can be looked into beside the engine that writes it."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from agentflow import Event, JournalUnusable
from agentflow.journal.codec import decode
from agentflow.journal.reading import Counts, open_for_reading

from .support import NOW, Desk, audit_row, fill, letter

LOOK = """
import sys
from agentflow.journal.reading import open_for_reading, owner
with open_for_reading(sys.argv[1]) as reader:
    print(tuple(reader.counts()), owner(sys.argv[1]).pid, reader.clean, reader.check())
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


async def test_another_process_reads_what_is_committed(path: Path) -> None:
    """While the engine goes on writing, each look shows one moment."""
    import os

    async with Desk(path, inline=False) as desk:
        numbers = await desk.accept(*(Event("worker", {"n": n}) for n in range(50)))
        for number, seq in enumerate(numbers[:20]):
            desk.journal.settle(seq, NOW, False, None, None, letter(number + 1))
        await desk.flush()
        look = await asyncio.create_subprocess_exec(
            sys.executable, "-c", LOOK, path, stdout=subprocess.PIPE
        )
        while look.returncode is None:
            await desk.accept(*(Event("other") for _ in range(20)))
            await asyncio.sleep(0)
        assert look.stdout is not None
        said = (await look.stdout.read()).decode()
    counts, rest = said.split(") ", 1)
    open, settled, dead = map(int, counts.strip("(").split(","))
    assert (settled, dead) == (20, 20)
    assert open >= 30
    assert (open - 30) % 20 == 0
    assert rest == f"{os.getpid()} False []\n"


async def test_everything_can_be_looked_at(path: Path) -> None:
    """Counts, letters with what was done with them, versions, audit, feeds, facts, sessions."""
    async with Desk(path) as desk:
        events = await fill(desk, 12, settled=range(4))
        for number in range(20, 25):
            desk.journal.bury(letter(number))
        desk.journal.mark_dead(21, "replayed")
        desk.journal.drop_dead([22])
        desk.journal.audit(audit_row(2))
    with open_for_reading(path) as reader:
        assert reader.clean
        assert reader.counts() == Counts(8, 4, 6)
        letters = list(reader.dead_letters())
        assert [dead.number for dead in letters] == [1, 3, 20, 21, 23, 24]
        assert decode(letters[0].event) == events[1]
        assert reader.dead_letter(21) == letters[3]
        assert letters[3].status == "replayed"
        assert reader.dead_letter(22) is None
        assert reader.audit(1) == [audit_row(2)]
        assert [fields["number"] for fields in reader.versions()] == [1]
        assert reader.feeds() == {"lines": (12, True)}
        assert reader.facts() == {"paused": b"\0\1"}
        assert reader.session_state("s3") == {"last": 3}
        assert [session for session, _, _ in reader.sessions()] == ["s3", "s2", "s1", "s0"]
        assert [decode(stored.body) for stored in reader.open_events(2)] == events[4:6]
        assert reader.check() == []


async def test_a_check_finds_what_a_start_does_not_look_at(path: Path) -> None:
    """The bodies of ended events and the states of sessions are read, too."""
    async with Desk(path) as desk:
        await fill(desk, 12, settled=range(4))
    db = sqlite3.connect(path)
    db.execute("UPDATE events SET body = zeroblob(9) WHERE seq = 1")
    db.execute("UPDATE sessions SET state = x'00'")
    db.execute("UPDATE settlements SET mark = 99 WHERE seq = 2")
    db.commit()
    db.close()
    with open_for_reading(path) as reader:
        assert reader.check() == [
            "1 event is damaged",
            "1 end of an event is damaged",
            "4 last states of sessions are damaged",
        ]
        assert reader.session_state("s1") is None


@pytest.mark.parametrize("what", ["nothing", "a folder", "text", "another database"])
def test_what_is_no_journal_is_said(tmp_path: Path, what: str) -> None:
    """One sentence, and nothing is made or changed."""
    path = tmp_path / "x" / "journal.db"
    path.parent.mkdir()
    if what == "a folder":
        path.mkdir()
    elif what == "text":
        path.write_text("hello " * 100)
    elif what == "another database":
        db = sqlite3.connect(path)
        db.execute("CREATE TABLE t(x)")
        db.commit()
        db.close()
    before = sorted(path.parent.iterdir())
    with pytest.raises(JournalUnusable) as error:
        open_for_reading(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
    assert sorted(path.parent.iterdir()) == before

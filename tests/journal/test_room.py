"""Room: when there is none, events are refused and nothing that was accepted is lost."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from agentflow import Event, JournalFailed, JournalFull
from agentflow.journal import writer

from .support import NOW, Desk, crash, events_of, letter, reopen, size


class Disk:
    """A connection whose statements fail while it says so, with SQLite's own error codes."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db
        self.code = 0
        self.when = "COMMIT"

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        if self.code and sql.startswith(self.when):
            if self.when == "COMMIT":
                self.db.execute("ROLLBACK")
            error = sqlite3.OperationalError("no luck")
            error.sqlite_errorcode = self.code
            raise error
        return self.db.execute(sql, *parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.db, name)


def watched(desk: Desk) -> Disk:
    """Put a Disk between the journal of ``desk`` and its file."""
    disk = Disk(desk.journal._writer._db)
    desk.journal._writer._db = disk  # type: ignore[assignment]
    return disk


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.db"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is tried again soon."""
    monkeypatch.setattr(writer, "AGAIN", 0.05)
    monkeypatch.setattr(writer, "SOON", 0.01)


@pytest.mark.parametrize("inline", [True, False])
async def test_at_its_limit_it_refuses_and_goes_on_when_there_is_room(
    path: Path, inline: bool
) -> None:
    """Refused with the limit in words; what is under way can end; then there is room again."""
    async with Desk(path, inline=inline, max_bytes=2_000_000) as desk:
        numbers: list[int] = []
        events: list[Event] = []
        while not desk.states:
            event = Event("worker", {"n": len(events), "text": "x" * 3_000})
            [seq] = await desk.accept(event)
            if seq:  # else it was refused
                numbers.append(seq)
                events.append(event)
        with pytest.raises(JournalFull, match="limit of 2 MB"):
            desk.journal.accept(Event("worker"), 2, None)
        assert len(events) > 100
        assert desk.states[-1][0] == desk.journal.stats().state == "full"
        recovery = reopen(crash(path))
        assert events_of(recovery) == events
        for number, (seq, event) in enumerate(zip(numbers, events, strict=True)):
            child = desk.journal.prepare(Event("child", {"of": seq}), 2, None)
            dead = letter(number + 1) if number % 2 else None
            state = {"t": "y" * 9_000}
            desk.journal.settle(seq, NOW, True, event.session_id, state, dead, [child])
        await desk.flush()
        await desk.until(lambda: desk.states[-1][0] == "ok")
        assert desk.journal.stats().state == "ok"
        await desk.accept(Event("worker", {"n": "afterwards"}))
    recovery = reopen(path)
    children = [event for event in events_of(recovery) if event.target == "child"]
    assert {event.data["of"] for event in children} == set(numbers)
    assert len(recovery.dead) == len(events) // 2
    assert events_of(recovery)[-1].data == {"n": "afterwards"}
    assert size(path) < 3_000_000


async def test_whatever_has_ended_makes_room(path: Path) -> None:
    """Also events that are older than those that made room before them."""
    async with Desk(path, max_bytes=2_000_000) as desk:

        async def accept(count: int) -> list[int]:
            return await desk.accept(*(Event("worker", {"t": "x" * 3_000}) for _ in range(count)))

        old = await accept(200)
        young = await accept(200)
        for seq in young:
            desk.journal.settle(seq, NOW, True)
        latest = await accept(200)
        for seq in old:
            desk.journal.settle(seq, NOW, True)
        latest += await accept(150)
        assert desk.states == []
        assert all(latest)


async def test_many_at_once_do_not_run_over_the_limit(path: Path) -> None:
    """However much is submitted in one go, the file stays near its limit."""
    async with Desk(path, max_bytes=2_000_000) as desk:
        for number in range(3_000):
            desk.journal.accept(Event("worker", {"text": "x" * 6_000}), 2, str(number))
        await desk.flush()
        refused = [outcome for outcome in desk.outcomes().values() if outcome is not None]
        assert all(isinstance(error, JournalFull) for error in refused)
        taken = 3_000 - len(refused)
        assert taken > 50
    assert size(path) < 3_000_000
    assert len(reopen(path).open) == taken


@pytest.mark.parametrize("inline", [True, False])
@pytest.mark.parametrize("when", ["COMMIT", "INSERT", "BEGIN"])
async def test_on_a_full_disk_only_events_are_refused(path: Path, inline: bool, when: str) -> None:
    """Ends, children, retries, dead letters and audit wait, in order, and are written later."""
    async with Desk(path, inline=inline) as desk:
        one, two, three = await desk.accept(*(Event("worker", {"n": n}) for n in range(3)))
        disk = watched(desk)
        disk.when = when
        disk.code = sqlite3.SQLITE_FULL
        desk.journal.accept(Event("worker", {"n": "refused"}), 2, "refused")
        child = desk.journal.prepare(Event("child"), 2, "child")
        desk.journal.settle(one, NOW, False, "s", {"n": 1}, letter(1), [child])
        desk.journal.retry(two, 1, NOW + 9)
        desk.journal.retry(two, 2, NOW + 99)
        desk.journal.flush("flushed")
        await desk.until(lambda: "refused" in desk.outcomes())
        assert isinstance(desk.outcomes()["refused"], JournalFull)
        with pytest.raises(JournalFull, match="full"):
            desk.journal.accept(Event("worker"), 2, None)
        assert desk.journal.stats().state == "full"
        desk.journal.settle(three, NOW, True)
        assert desk.outcomes().keys() == {"refused"}
        disk.code = 0
        await desk.until(lambda: "flushed" in desk.outcomes())
        assert desk.outcomes()["child"] is None
        await desk.until(lambda: len(desk.states) == 2)
        assert [state for state, _ in desk.states] == ["full", "ok"]
        await desk.accept(Event("worker", {"n": "afterwards"}))
    recovery = reopen(path)
    assert [(event.target, event.data.get("n")) for event in events_of(recovery)] == [
        ("worker", 1), ("child", None), ("worker", "afterwards"),
    ]  # fmt: skip
    mark = recovery.marks[recovery.open[0].seq]
    assert (mark.tries, mark.due) == (2, NOW + 99)
    assert [dead.number for dead in recovery.dead] == [1]
    assert recovery.damage == []


@pytest.mark.parametrize("inline", [True, False])
@pytest.mark.parametrize(
    "code", [sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_READONLY]
)
async def test_after_a_failure_of_the_disk_nothing_is_confirmed(
    path: Path, inline: bool, code: int
) -> None:
    """Not what waited, not what comes, also when the disk seems to work again."""
    async with Desk(path, inline=inline) as desk:
        [before] = await desk.accept(Event("worker", {"n": "before"}))
        disk = watched(desk)
        disk.code = code
        desk.journal.accept(Event("worker", {"n": "lost"}), 2, "waiting")
        child = desk.journal.prepare(Event("child"), 2, "child")
        desk.journal.settle(before, NOW, True, None, None, None, [child])
        desk.journal.flush("flushed")
        await desk.until(lambda: "flushed" in desk.outcomes())
        assert {type(outcome) for outcome in desk.outcomes().values()} == {JournalFailed}
        disk.code = 0
        with pytest.raises(JournalFailed):
            desk.journal.accept(Event("worker"), 2, None)
        desk.journal.flush("again")
        await desk.until(lambda: "again" in desk.outcomes())
        assert isinstance(desk.outcomes()["again"], JournalFailed)
        assert [state for state, _ in desk.states] == ["failed"]
        assert desk.journal.stats().state == "failed"
    recovery = reopen(path)
    assert [event.data for event in events_of(recovery)] == [{"n": "before"}]
    assert not recovery.clean
    assert recovery.damage == []


async def test_who_keeps_the_database_locked_is_waited_for(path: Path) -> None:
    """Another program that writes to the file makes it full, in words, and only for so long."""
    async with Desk(path, inline=False) as desk:
        await desk.accept(Event("worker"))
        desk.journal._writer._db.execute("PRAGMA busy_timeout=20")
        other = sqlite3.connect(path)
        other.execute("BEGIN IMMEDIATE")
        desk.journal.accept(Event("worker"), 2, "refused")
        await desk.until(lambda: desk.outcomes())
        assert "keeps the database locked" in str(desk.outcomes()["refused"])
        other.rollback()
        other.close()
        await desk.until(lambda: desk.states[-1][0] == "ok")
        await desk.accept(Event("worker"))
    assert len(reopen(path).open) == 2


async def test_a_full_disk_at_the_end_is_no_orderly_end(path: Path) -> None:
    """What could not be written runs again; closing comes to an end all the same."""
    desk = Desk(path, inline=False)
    [seq] = await desk.accept(Event("worker"))
    disk = watched(desk)
    disk.code = sqlite3.SQLITE_FULL
    desk.journal.settle(seq, NOW, True)
    desk.journal.flush("flushed")
    await desk.close()
    assert isinstance(desk.outcomes()["flushed"], JournalFull)
    recovery = reopen(path)
    assert [stored.seq for stored in recovery.open] == [seq]
    assert not recovery.clean

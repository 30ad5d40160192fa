"""Keeping: what was confirmed is there after a crash, each unit as a whole, in order."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentflow import Event, InvalidEvent, JournalUnusable
from agentflow.journal import Journal
from agentflow.journal.batch import insert
from agentflow.journal.records import Mark

from .support import (
    NOW,
    Desk,
    audit_row,
    crash,
    events_of,
    letter,
    reopen,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.db"


@pytest.fixture(params=[True, False], ids=["inline", "thread"])
def inline(request: pytest.FixtureRequest) -> bool:
    value: bool = request.param
    return value


async def test_confirmed_events_come_back_in_order(path: Path, inline: bool) -> None:
    """A crash right after the confirmation leaves every event, as it was, in order."""
    events = [Event("worker", {"n": n}, {"session_id": f"s{n % 3}"}) for n in range(2_500)]
    async with Desk(path, inline=inline) as desk:
        numbers = await desk.accept(*events, rank=1)
        recovery = reopen(crash(path))
    assert numbers == sorted(numbers)
    assert [stored.seq for stored in recovery.open] == numbers
    assert events_of(recovery) == events
    assert {stored.rank for stored in recovery.open} == {1}
    assert [stored.session for stored in recovery.open] == [event.session_id for event in events]
    assert not recovery.clean
    assert recovery.damage == []
    assert recovery.next_seq > numbers[-1]


async def test_confirmations_come_in_order_one_call_a_commit(path: Path, inline: bool) -> None:
    """Tickets are answered in the order of submission, those of one commit together."""
    async with Desk(path, inline=inline) as desk:
        for number in range(3_000):
            desk.journal.accept(Event("worker"), 2, str(number))
        await desk.flush()
        assert [ticket for ticket, _, _ in desk.told[:3_000]] == [str(n) for n in range(3_000)]
        assert {outcome for _, _, outcome in desk.told} == {None}
        stats = desk.journal.stats()
    assert len(desk.batches) == stats.commits
    assert stats.commits < 300
    assert max(desk.batches) <= 1_000


async def test_an_event_accepted_twice_is_one_event(path: Path, inline: bool) -> None:
    """The second time its sender is told the first one's id and number; after a crash, too."""
    event = Event("worker", {"n": 1})
    async with Desk(path, inline=inline) as desk:
        for ticket in ("first", "again"):
            desk.journal.accept(event, 2, ticket)
        desk.journal.accept(Event("worker"), 2, "other")
        await desk.flush()
        assert desk.outcomes() == {"first": None, "again": event.id, "other": None}
        numbers = {ticket: seq for ticket, seq, _ in desk.told}
        assert numbers["again"] == numbers["first"] != numbers["other"]
        copy = crash(path)
    async with Desk(copy, inline=inline) as desk:
        assert len(desk.recovery.open) == 2
        desk.journal.accept(event, 2, "after")
        await desk.flush()
        assert desk.outcomes() == {"after": event.id}


async def test_one_idempotency_key_is_one_event(path: Path, inline: bool) -> None:
    """Another event with the key of an earlier one is that one, also when it has ended."""
    first = Event("worker", {"n": 1}, {"idempotency_key": "order 7"})
    async with Desk(path, inline=inline) as desk:
        [seq] = await desk.accept(first)
        desk.journal.settle(seq, NOW, True)
        desk.journal.accept(Event("worker", {"n": 2}, {"idempotency_key": "order 7"}), 2, "second")
        desk.journal.accept(Event("worker", {"n": 3}), 2, "third", key="order 7")
        desk.journal.accept(Event("worker", {"n": 4}, {"idempotency_key": ""}), 2, "no key")
        desk.journal.accept(Event("worker", {"n": 5}, {"idempotency_key": ""}), 2, "no key either")
        await desk.flush()
    assert desk.outcomes() == {
        "second": first.id, "third": first.id, "no key": None, "no key either": None,
    }  # fmt: skip
    assert [event.data["n"] for event in events_of(reopen(path))] == [4, 5]


async def test_an_event_and_what_it_caused_are_one_unit(path: Path) -> None:
    """At every moment either the parent is open or all of its children are, never both."""
    async with Desk(path) as desk:
        parents = await desk.accept(*(Event("parent", {"n": n}) for n in range(20)))
        for number, seq in enumerate(parents):
            children = [
                desk.journal.prepare(Event("child", {"of": seq, "n": n}), 2, None) for n in range(3)
            ]
            desk.journal.settle(seq, NOW, True, None, None, None, children)
            if number % 3 == 0:
                await asyncio.sleep(0)
                recovery = reopen(crash(path, f"crashed-{number}"))
                events = events_of(recovery)
                of = [event.data["of"] for event in events if event.target == "child"]
                open = {
                    stored.seq
                    for stored, event in zip(recovery.open, events, strict=True)
                    if event.target == "parent"
                }
                assert open.isdisjoint(of)
                assert open | set(of) == set(parents)
                assert all(of.count(parent) == 3 for parent in set(of))
        await desk.flush()
    assert len(reopen(path).open) == 60


async def test_an_end_comes_with_its_dead_letter_and_its_state(path: Path, inline: bool) -> None:
    """The dead letter is there and the session's last state, and the event is open no more."""
    async with Desk(path, inline=inline) as desk:
        one, two = await desk.accept(Event("worker"), Event("worker"))
        dead = letter(desk.recovery.next_dead)
        desk.journal.settle(one, NOW, False, "ada", {"n": 1}, dead)
        desk.journal.settle(two, NOW + 1, True, "ada", {"n": 2, "odd": object()})
        await desk.flush()
        copy = crash(path)
    recovery = reopen(copy)
    assert recovery.open == []
    assert recovery.dead == [dead]
    assert recovery.next_dead == dead.number + 1
    from agentflow.journal.reading import open_for_reading

    with open_for_reading(copy) as reader:
        assert reader.session_state("ada") == {"n": 2}
        assert reader.session_state("bob") is None


async def test_a_retry_is_known_with_its_tries_and_time(path: Path, inline: bool) -> None:
    """The last word about a retry counts; it is forgotten with the end of its event."""
    async with Desk(path, inline=inline) as desk:
        one, two = await desk.accept(Event("worker"), Event("worker"))
        desk.journal.retry(one, 1, NOW + 5)
        desk.journal.retry(two, 1, NOW + 5)
        desk.journal.retry(one, 2, NOW + 25.5)
        desk.journal.settle(two, NOW, True)
        await desk.flush()
        recovery = reopen(crash(path))
    assert [stored.seq for stored in recovery.open] == [one]
    assert recovery.marks == {one: Mark(2, NOW + 25.5)}


async def test_small_things_come_back(path: Path, inline: bool) -> None:
    """Versions, audit, feeds, facts, and what was done with dead letters."""
    async with Desk(path, inline=inline) as desk:
        for number in range(1, 6):
            desk.journal.bury(letter(number))
        desk.journal.mark_dead(2, "replayed")
        desk.journal.drop_dead([3, 4])
        for number in range(1, 4):
            desk.journal.audit(audit_row(number))
            desk.journal.version({"number": number, "nested": {"a": [1, None]}})
        desk.journal.accept(Event("worker"), 2, None, ("lines", 7))
        desk.journal.feed("other", 9, finished=True)
        desk.journal.put("health", b"bad")
        desk.journal.put("health", b"good")
        await desk.flush()
        recovery = reopen(crash(path))
    assert [(dead.number, dead.status) for dead in recovery.dead] == [
        (1, "dead"), (2, "replayed"), (5, "dead"),
    ]  # fmt: skip
    assert recovery.next_dead == 6
    assert recovery.audit == [audit_row(number) for number in range(1, 4)]
    assert recovery.versions == [
        {"number": number, "nested": {"a": [1, None]}} for number in range(1, 4)
    ]
    assert recovery.feeds == {"lines": (7, False), "other": (9, True)}
    assert recovery.facts == {"health": b"good"}


async def test_numbers_are_never_given_twice(path: Path) -> None:
    """Neither to events nor to dead letters, even when all that had them is gone."""
    async with Desk(path) as desk:
        seqs = await desk.accept(*(Event("worker") for _ in range(5)))
        assert desk.journal.reserve() not in seqs
        desk.journal.bury(letter(12))
        desk.journal.drop_dead([12])
        for seq in seqs:
            desk.journal.settle(seq, NOW, True)
        await desk.flush()
    again = reopen(path)
    assert again.next_seq > max(seqs)
    assert again.next_dead == 13


async def test_closing_writes_everything(path: Path, inline: bool) -> None:
    """What was submitted a moment before is on disk, and confirmed when the loop goes on."""
    desk = Desk(path, inline=inline)
    events = [Event("worker", {"n": n}) for n in range(5_000)]
    for event in events:
        desk.journal.accept(event, 2, "ticket")
    await desk.close()
    assert [outcome for _, _, outcome in desk.told] == [None] * 5_000
    recovery = reopen(path)
    assert recovery.clean
    assert events_of(recovery) == events
    desk.journal.close()


def test_a_loop_that_is_closed_hears_no_more(path: Path) -> None:
    """What was accepted is kept though nobody can be told."""
    journal = Journal(path)

    async def begin() -> None:
        journal.open(NOW)
        journal.start(asyncio.get_running_loop(), lambda results: None)
        journal.accept(Event("worker"), 2, None)

    asyncio.run(begin())
    journal.accept(Event("worker"), 2, None)
    journal.close()
    assert len(reopen(path).open) == 2


async def test_what_is_refused_is_not_there(path: Path) -> None:
    """An event that can't be kept exactly leaves nothing; the next one is taken."""
    async with Desk(path, max_event_bytes=2_000) as desk:
        for data in ({"x": object()}, {"x": "y" * 3_000}):
            with pytest.raises(InvalidEvent):
                desk.journal.accept(Event("worker", data), 2, "refused")
            with pytest.raises(InvalidEvent):
                desk.journal.prepare(Event("worker", data), 2, "refused")
        await desk.accept(Event("worker"))
    assert desk.outcomes() == {}
    assert len(reopen(path).open) == 1


async def test_a_record_that_cannot_be_written_harms_no_other(path: Path, inline: bool) -> None:
    """One impossible record among many is left out; all others are written."""
    events = [Event("worker", {"n": n}) for n in range(50)]
    async with Desk(path, inline=inline) as desk:
        for number, event in enumerate(events):
            desk.journal.accept(event, 2, None, ("f", number))
            if number == 20:
                desk.journal.feed("\ud800", 1, finished=False)
                desk.journal.retry(1, 2**80, NOW)
        await desk.flush()
        assert desk.journal.stats().state == "ok"
        recovery = reopen(crash(path))
    assert events_of(recovery) == events
    assert recovery.feeds == {"f": (49, False)}
    assert not recovery.marks


async def test_it_says_how_it_is_doing(path: Path, inline: bool) -> None:
    """Commits, sizes, waits and counts are those of what was done."""
    async with Desk(path, inline=inline) as desk:
        before = desk.journal.stats()
        numbers = await desk.accept(*(Event("worker", {"t": "x" * 500}) for _ in range(100)))
        desk.journal.settle(numbers[0], NOW, True)
        await desk.flush()
        after = desk.journal.stats()
    assert (before.state, before.reason, before.commits, before.committed) == ("ok", "", 0, 0)
    assert (after.state, after.pending, after.committed, after.settled) == ("ok", 0, 100, 1)
    assert after.path == str(path)
    assert after.durability == "power"
    assert NOW <= after.last_commit < NOW + 60
    assert 0 < after.commit_seconds < 60
    assert 0 < after.ack_p50 <= after.ack_p99 < 60
    assert after.wal_bytes > before.wal_bytes
    assert after.bytes > 0
    assert after.free_bytes > 0


def test_files_are_for_their_owner_alone(path: Path) -> None:
    """The folder that it makes, and every file in it, is closed to others."""
    journal = Journal(path)
    journal.open(NOW)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    names = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    journal.close()
    assert set(names) >= {"journal.db", "journal.db.lock", "journal.db.leases"}
    assert set(names.values()) == {0o600}


@pytest.mark.parametrize("kind", ["folder", "below a file", "no folder can be made"])
def test_a_path_that_cannot_be_used_is_said(tmp_path: Path, kind: str) -> None:
    """One clear sentence with the path, whatever is in the way."""
    path = tmp_path / "journal.db"
    if kind == "folder":
        path.mkdir()
    elif kind == "below a file":
        (tmp_path / "file").write_text("")
        path = tmp_path / "file" / "journal.db"
    else:
        path = Path("/proc/nowhere/journal.db")
    with pytest.raises(JournalUnusable, match=r"journal\.db") as error:
        Journal(path).open(NOW)
    assert "\n" not in str(error.value)


@settings(max_examples=25, deadline=None)
@given(count=st.integers(1, 2_600))
def test_any_number_of_rows_is_inserted(count: int) -> None:
    """What fills up a statement never gets into the table."""
    import sqlite3

    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE t(seq INTEGER PRIMARY KEY CHECK(seq <> 0), value)")
    values: list[Any] = []
    for number in range(1, count + 1):
        values += (number, str(number))
    assert insert(db, "INSERT OR IGNORE INTO t VALUES {}", values, 2) == count
    assert db.execute("SELECT count(*), sum(seq = value) FROM t").fetchone() == (count, count)
    assert insert(db, "INSERT OR IGNORE INTO t VALUES {}", values, 2) == 0

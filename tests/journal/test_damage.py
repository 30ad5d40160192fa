"""Damage: it is found when the journal is opened, said, and costs only what is damaged."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentflow import Event, JournalUnusable
from agentflow.journal import Journal, Recovery
from agentflow.journal.reading import open_for_reading

from .support import NOW, Desk, crash, deliveries, events_of, fill, reopen, size

COUNT = 60
SETTLED = range(0, 30, 2)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal that was closed in good order."""
    path = tmp_path_factory.mktemp("clean") / "state" / "journal.db"

    async def make() -> None:
        async with Desk(path) as desk:
            await fill(desk, COUNT, settled=SETTLED)

    asyncio.run(make())
    return path


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal whose process died: half of it is in the file, half in the log."""
    path = tmp_path_factory.mktemp("crashed") / "state" / "journal.db"

    async def make() -> Path:
        async with Desk(path) as desk:
            await fill(desk, COUNT // 2)
        async with Desk(path) as desk:
            await fill(desk, COUNT, settled=SETTLED)
            desk.journal.leases.take(3)
            return crash(path)

    return asyncio.run(make())


def copied(path: Path, to: Path) -> Path:
    """A copy of a journal in an empty folder."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(path.parent, to)
    return to / path.name


def seen(recovery: Recovery) -> object:
    """What a start gets out of a journal, but for what is said about it."""
    return (
        recovery.open, recovery.marks, recovery.dead, recovery.versions, recovery.audit,
        recovery.feeds, recovery.facts,
    )  # fmt: skip


def kept_aside(path: Path) -> list[Path]:
    """The damaged databases beside it."""
    return [file for file in path.parent.glob("*.damaged-*") if not file.name.endswith("-wal")]


def flip(file: Path, position: int, bit: int) -> None:
    """Flip one bit of a file."""
    with file.open("r+b") as stream:
        stream.seek(position)
        [byte] = stream.read(1)
        stream.seek(position)
        stream.write(bytes([byte ^ 1 << bit]))


def check_nothing_is_silent(path: Path, whole: Recovery) -> None:
    """Open it: either all is as it was, or it says what is not, and loses one page at most."""
    recovery = reopen(path)
    if seen(recovery) != seen(whole):
        assert recovery.damage
        known = {stored.seq: stored.body for stored in whole.open}
        found = {stored.seq: stored.body for stored in recovery.open}
        assert all(known.get(seq, body) == body for seq, body in found.items())
        missing = known.keys() - found.keys()
        assert len(missing) <= 1
        assert not missing or "accepted could not be read" in " ".join(recovery.damage)
    if recovery.damage:
        assert all(sentence.isprintable() for sentence in recovery.damage)
        assert len(kept_aside(path)) == 1
    again = reopen(path)
    assert again.damage == []
    assert seen(again) == seen(recovery)


_quick = settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@_quick
@given(data=st.data())
def test_no_flipped_bit_loses_an_event_silently(
    clean: Path, tmp_path: Path, data: st.DataObject
) -> None:
    """Any bit of the file may be the wrong way round."""
    whole = reopen(copied(clean, tmp_path / "whole"))
    path = copied(clean, tmp_path / "flipped")
    first_pages = st.integers(0, 4_200)
    position = data.draw(first_pages | st.integers(0, size(path) - 1))
    flip(path, position, data.draw(st.integers(0, 7)))
    check_nothing_is_silent(path, whole)


@_quick
@given(data=st.data())
def test_no_flipped_bit_of_the_log_loses_an_event_silently(
    crashed: Path, tmp_path: Path, data: st.DataObject
) -> None:
    """After a crash the log beside the file matters as much as the file."""
    whole = reopen(copied(crashed, tmp_path / "whole"))
    path = copied(crashed, tmp_path / "flipped")
    log = path.with_name(path.name + "-wal")
    file = data.draw(st.sampled_from([path, log, log]))
    position = data.draw(st.integers(0, 4_200) | st.integers(0, size(file) - 1))
    flip(file, position, data.draw(st.integers(0, 7)))
    check_nothing_is_silent(path, whole)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["clean", "crashed"])
def test_no_flipped_bit_at_all_loses_an_event_silently(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """One bit in every seventh byte of both files."""
    origin: Path = request.getfixturevalue(kind)
    whole = reopen(copied(origin, tmp_path / "whole"))
    for name in (origin.name, origin.name + "-wal"):
        for position in range(0, size(origin.with_name(name)), 7):
            path = copied(origin, tmp_path / "flipped")
            flip(path.with_name(name), position, position % 8)
            check_nothing_is_silent(path, whole)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.999])
def test_what_a_truncated_file_still_has_is_saved(clean: Path, tmp_path: Path, part: float) -> None:
    """It is found and said; nothing is invented, and the old file is kept."""
    whole = reopen(copied(clean, tmp_path / "whole"))
    path = copied(clean, tmp_path / "cut")
    with path.open("r+b") as file:
        file.truncate(int(size(path) * part))
    recovery = reopen(path)
    assert "set aside as" in recovery.damage[0]
    assert kept_aside(path)
    assert {stored.seq for stored in recovery.open} <= {*range(1, whole.next_seq)}
    assert reopen(path).damage == []


def test_damage_says_what_where_and_how_much(clean: Path, tmp_path: Path) -> None:
    """The sentences name the reason, the old file, what was saved and which event was not."""
    path = copied(clean, tmp_path / "damaged")
    whole = reopen(path)
    victim = whole.open[5]
    with path.open("r+b") as file:
        content = file.read()
        file.seek(content.index(victim.body) + 60)
        file.write(b"XXXX")
    recovery = reopen(path)
    [aside] = kept_aside(path)
    said = " ".join(recovery.damage)
    assert str(aside) in said
    assert "1 event is damaged" in said
    assert f"Saved from it: {len(whole.open) - 1} open events" in said
    assert "1 event that was accepted could not be read" in said
    assert events_of(whole)[5].id in said
    assert {stored.seq for stored in recovery.open} == {
        stored.seq for stored in whole.open if stored is not victim
    }
    with closing(sqlite3.connect(aside)) as db:
        assert db.execute("SELECT count(*) FROM events").fetchone() == (COUNT,)


async def test_after_salvage_it_is_a_journal_like_any_other(clean: Path, tmp_path: Path) -> None:
    """Ended events are still known, numbers go on, leases count."""
    path = copied(clean, tmp_path / "damaged")
    before = reopen(path)
    flip(path, 4096 * 3 + 5, 2)
    async with Desk(path) as desk:
        assert desk.recovery.damage
        assert desk.recovery.next_seq == before.next_seq
        ended = Event("worker", {}, {"idempotency_key": "k2"})
        desk.journal.accept(ended, 2, "known")
        await desk.flush()
        assert desk.outcomes()["known"]
        [seq] = await desk.accept(Event("worker"))
        assert seq >= before.next_seq
        desk.journal.leases.take(seq)
        copy = crash(path)
    assert deliveries(reopen(copy))[-1] == 1


def _garbage(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 400)


def _zeros(path: Path) -> None:
    path.write_bytes(bytes(size(path)))


def _text(path: Path) -> None:
    path.write_text("all work and no play\n" * 1_000)


@pytest.mark.parametrize("spoil", [_garbage, _zeros, _text])
def test_garbage_where_a_journal_was_is_set_aside(
    clean: Path, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    """The start succeeds with an empty journal, and says that it does."""
    path = copied(clean, tmp_path / "spoilt")
    spoil(path)
    content = path.read_bytes()
    recovery = reopen(path)
    assert recovery.open == []
    assert "set aside as" in recovery.damage[0]
    [aside] = kept_aside(path)
    assert aside.read_bytes() == content
    assert reopen(path).damage == []


def test_what_never_was_a_journal_is_left_alone(tmp_path: Path) -> None:
    """A text file and another program's database are refused, not moved."""
    text = tmp_path / "notes.txt"
    _text(text)
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as db:
        db.execute("CREATE TABLE books(title)")
        db.commit()
    for path, said in ((text, "text file"), (other, "another program")):
        before = path.read_bytes()
        with pytest.raises(JournalUnusable, match=said):
            Journal(path).open(NOW)
        assert path.read_bytes() == before
        assert kept_aside(path) == []


@pytest.mark.parametrize("empty", ["nothing in it", "no tables"])
def test_an_empty_file_becomes_a_journal(tmp_path: Path, empty: str) -> None:
    """As if it had not been there."""
    path = tmp_path / "journal.db"
    path.touch()
    if empty == "no tables":
        with closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA journal_mode=WAL")
    recovery = reopen(path)
    assert recovery.open == []
    assert recovery.damage == []


def test_a_later_format_is_refused_and_left_alone(clean: Path, tmp_path: Path) -> None:
    """It is named, and no byte of the file is changed."""
    path = copied(clean, tmp_path / "later")
    with closing(sqlite3.connect(path)) as db:
        db.execute("ALTER TABLE events ADD COLUMN more")
        db.execute("PRAGMA user_version=2")
        db.commit()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = path.read_bytes()
    with pytest.raises(JournalUnusable, match=r"its format, 2, is newer"):
        Journal(path).open(NOW)
    with pytest.raises(JournalUnusable, match=r"its format, 2, is newer"):
        open_for_reading(path)
    assert path.read_bytes() == content


def test_a_missing_log_is_said(crashed: Path, tmp_path: Path) -> None:
    """What was only in it is gone; how much that is, is known."""
    path = copied(crashed, tmp_path / "cut")
    path.with_name(path.name + "-wal").unlink()
    recovery = reopen(path)
    assert len(recovery.open) == COUNT // 2
    assert "is older than it was: its last" in recovery.damage[0]
    assert reopen(path).damage == []


def test_a_missing_file_is_said(clean: Path, tmp_path: Path) -> None:
    """Once: a new journal has been begun then."""
    path = copied(clean, tmp_path / "gone")
    path.unlink()
    recovery = reopen(path)
    assert recovery.open == []
    assert "its file is gone" in recovery.damage[0]
    assert reopen(path).damage == []


def test_a_file_that_is_missing_is_saved_from_its_log(crashed: Path, tmp_path: Path) -> None:
    """The log alone still has what came last."""
    path = copied(crashed, tmp_path / "gone")
    path.unlink()
    recovery = reopen(path)
    assert len(recovery.open) > COUNT // 2
    assert recovery.damage


def test_the_log_of_another_journal_is_found(crashed: Path, tmp_path: Path) -> None:
    """Not one page of it gets into this one."""
    path = copied(crashed, tmp_path / "mixed")
    log = path.with_name(path.name + "-wal")
    other = tmp_path / "other" / "journal.db"

    async def make() -> Path:
        async with Desk(other) as desk:
            await fill(desk, 20)
            return crash(other)

    foreign = asyncio.run(make())
    log.write_bytes(foreign.with_name(log.name).read_bytes())
    recovery = reopen(path)
    assert len(recovery.open) == COUNT // 2
    assert "was of another journal" in recovery.damage[0]
    assert "is older than it was" in recovery.damage[1]
    assert reopen(path).damage == []


def test_a_log_of_an_earlier_time_is_found(clean: Path, tmp_path: Path) -> None:
    """A file with the log of one of its own former lives."""
    first = copied(clean, tmp_path / "first")

    async def make() -> Path:
        async with Desk(first) as desk:
            await desk.accept(Event("worker"))
            return crash(first)

    old = asyncio.run(make())
    whole = reopen(first)
    shutil.copy(old.with_name(old.name + "-wal"), first.with_name(first.name + "-wal"))
    recovery = reopen(first)
    assert recovery.open == whole.open
    assert "was of an earlier time" in recovery.damage[0]


def test_an_old_copy_is_said(clean: Path, tmp_path: Path) -> None:
    """Somebody put a copy from yesterday back: what is missing is counted."""
    path = copied(clean, tmp_path / "used")
    copy = path.read_bytes()

    async def use() -> None:
        async with Desk(path) as desk:
            await desk.accept(*(Event("worker") for _ in range(3)))

    asyncio.run(use())
    path.write_bytes(copy)
    recovery = reopen(path)
    assert "is older than it was" in recovery.damage[0]


def test_a_copy_elsewhere_is_whole(crashed: Path, tmp_path: Path) -> None:
    """A journal that was moved to another place without its leases is no damage."""
    path = copied(crashed, tmp_path / "moved")
    path.with_name(path.name + ".leases").unlink()
    recovery = reopen(path)
    assert recovery.damage == []
    assert len(recovery.open) > COUNT // 2


def test_a_database_found_damaged_at_work_is_checked_at_the_next_start(
    clean: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However large it is: what no start would notice by itself is looked for then."""
    from agentflow.journal import inspection

    monkeypatch.setattr(inspection, "CHECK_UP_TO", 0)
    path = copied(clean, tmp_path / "large")
    root = _root_of_the_index(path)
    with path.open("r+b") as file:
        file.seek(root * 4096 - 4096)
        file.write(b"\x0a\xff\xff\xff\xff\xff\xff\xff")

    async def work() -> None:
        desk = Desk(path)
        assert desk.recovery.damage == []
        desk.journal.accept(Event("worker"), 2, "refused")
        await desk.until(desk.outcomes)
        assert "the disk failed" in str(desk.outcomes()["refused"])
        await desk.close()

    asyncio.run(work())
    recovery = reopen(path)
    assert recovery.damage
    assert len(recovery.open) == COUNT - len(SETTLED)


def _root_of_the_index(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        [root] = db.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_autoindex_events_1'"
        ).fetchone()
    return int(root)


def test_without_room_to_save_it_nothing_is_touched(
    clean: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says that it is damaged and why that can't be helped now."""
    from agentflow.journal import salvage

    path = copied(clean, tmp_path / "damaged")
    flip(path, 4096 * 3 + 5, 2)
    content = path.read_bytes()

    def no_room(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(salvage, "insert", no_room)
        with pytest.raises(JournalUnusable, match="can't be saved: database or disk is full"):
            Journal(path).open(NOW)
    assert path.read_bytes() == content
    assert kept_aside(path) == []
    assert reopen(path).damage

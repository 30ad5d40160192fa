"""Fault 3: the power goes at any moment, whatever has reached the disk by then.

A real run is recorded write by write. From the record thousands of disks are made, each as
a power cut at some moment may have left it, and the journal is opened on every one: what
was accepted is there, what was settled stays settled, and it can be worked with.
"""

from __future__ import annotations

import asyncio
import functools
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from agentflow import Event
from agentflow.journal import Journal
from agentflow.journal.codec import decode

from . import forked
from .damage import died
from .power import Replay, originals
from .recorded import checked
from .scale import CORES, scaled
from .shim import RENAME, Disk, Record, read_log

QUICK_IMAGES = 60
LONG_IMAGES = scaled(100_000)
HERE = Path(__file__).parents[1]
IMAGES_OF_A_RECORDING = 2_500
EVENTS = 600
NOW = 1_800_000_000.0


class Recording(NamedTuple):
    """The disk of a run: where its folder was, and everything that happened to it."""

    root: Path
    records: list[Record]
    limited: bool = False
    """Whether what has ended may have been deleted."""


class Known:
    """What a run knew at some moment, by its marks."""

    def __init__(self) -> None:
        self.tried: dict[str, str] = {}
        """Targets by id."""
        self.accepted: set[str] = set()
        self.ended: set[str] = set()
        self.settled: set[str] = set()
        self._sets = {"A": self.accepted, "E": self.ended, "S": self.settled}
        self._read = 0
        self.limited = False

    def learn(self, marks: list[str]) -> None:
        """Read the marks that have come since."""
        for mark in marks[self._read :]:
            kind, *words = mark.split(" ")
            if kind == "T":
                self.tried[words[0]] = words[1]
            elif kind in self._sets:
                self._sets[kind].add(words[0])
        self._read = len(marks)


class Kept(NamedTuple):
    """An event as it was found."""

    id: str
    parent: str
    whole: bool


@functools.lru_cache(200_000)
def look(body: bytes) -> Kept:
    """The event in a body. The same bodies are in many images."""
    event = decode(body)
    whole = event.data["sum"] == checked(event.data["text"])["sum"]
    return Kept(event.id, event.parent_event, whole)


def record(
    folder: Path,
    seed: int,
    *,
    events: int = EVENTS,
    durability: str = "power",
    cut: int = 0,
    limit: int = 0,
    lives: int = 1,
) -> Recording:
    """Run ``recorded`` on a watched disk. All of its ``lives`` but the last end in the middle.

    After ``cut`` bytes of log the disk fails its syncs; ``limit`` is the journal's, in bytes.
    """
    root = folder / "disk"
    root.mkdir(parents=True)
    disk = Disk(root, folder)
    for life in range(1, lives + 1):
        command = [sys.executable, "-m", "faults.recorded", str(root), f"{seed}{life}"]
        command += [
            str(events // lives),
            durability,
            str(limit),
            "ends" if life == lives else "dies",
        ]
        with subprocess.Popen(command, cwd=HERE, env=disk.environment(log=True)) as process:
            while cut and process.poll() is None and _size(disk.log) < cut:
                _wait(process, 0.01)
            if cut:
                disk.fail_syncs()
            assert process.wait(120) == 0
    records = list(read_log(disk.log))
    disk.log.unlink()
    return Recording(root, records, bool(limit))


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _wait(process: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        pass


def images(recording: Recording, count: int, seed: int, at: Path) -> Iterator[Known]:
    """Write images of power cuts at random moments to ``at``, one by one, in order of time."""
    chance = random.Random(seed)
    replay = Replay(recording.root)
    know = Known()
    know.limited = recording.limited
    moments = sorted(chance.randint(0, len(recording.records)) for _ in range(count))
    done = 0
    for moment in moments:
        replay.go_on(recording.records[done:moment])
        done = moment
        shutil.rmtree(at, ignore_errors=True)
        if chance.random() < 0.1:
            replay.kill(at)
        else:
            replay.cut(at, chance)
        _spoil_leases(at, chance)
        know.learn(replay.marks)
        yield know


def _spoil_leases(at: Path, chance: random.Random) -> None:
    """What was written by mmap has no order at all: anything may be in it."""
    for leases in at.rglob("*.leases"):
        content = bytearray(leases.read_bytes())
        for _ in range(chance.choice([0, 0, 1, 5])):
            if content:
                start = chance.randrange(len(content)) & ~511
                content[start : start + 512] = chance.randbytes(len(content[start : start + 512]))
        leases.write_bytes(content)


def check(at: Path, know: Known, again: bool) -> None:
    """Open the image and look; with ``again`` work with it and open it once more."""
    path = at / "state" / "journal.db"
    journal = Journal(path, inline=True)
    recovery = journal.open(NOW)
    try:
        assert recovery.damage == []
        open = {stored.seq for stored in recovery.open}
        assert len(open) == len(recovery.open), "an event is open twice"
        bodies = _bodies(path)
        kept = [look(body) for body in bodies]
        ids_open = {look(stored.body).id for stored in recovery.open}
        letters = [look(letter.event).id for letter in recovery.dead]
        _compare(know, kept, ids_open, letters)
        if again:
            asyncio.run(_work(journal, [decode(body) for body in bodies[:20]]))
    finally:
        journal.close()
    if again:
        journal = Journal(path, inline=True)
        recovery = journal.open(NOW)
        journal.close()
        assert recovery.clean
        assert {decode(stored.body).id for stored in recovery.open} == ids_open | {"new"}


def _bodies(path: Path) -> list[bytes]:
    """Everything that was ever accepted, settled or not."""
    db = sqlite3.connect(path)
    try:
        return [body for (body,) in db.execute("SELECT body FROM events ORDER BY seq")]
    finally:
        db.close()


def _compare(know: Known, kept: list[Kept], open: set[str], letters: list[str]) -> None:
    """What is there against what the run knew."""
    ids = {event.id for event in kept}
    settled = ids - open
    assert open <= ids
    assert all(event.whole for event in kept), "changed"
    assert all((event.parent or event.id) in know.tried for event in kept), "out of nowhere"
    gone = know.ended if know.limited else set()
    assert not (lost := know.accepted - ids - gone), f"accepted and lost: {lost}"
    assert not (back := open & know.settled), f"settled and open again: {back}"
    assert not (early := settled - know.ended), f"settled before the end of its run: {early}"
    parents = sorted(event.parent for event in kept if event.parent)
    causes = sorted(id for id in settled if know.tried.get(id) == "causes")
    letters = sorted(letters)
    fails = sorted(id for id in settled if know.tried.get(id) == "fails")
    if know.limited:
        assert not open.intersection(parents), "what it caused is there before its end"
        assert len(set(parents)) == len(parents), "it caused two"
        assert not open.intersection(letters), "a dead letter before the end"
        assert len(set(letters)) == len(letters), "two dead letters"
    else:
        assert parents == causes, "an end and what it caused are not one"
        assert letters == fails, "an end and its dead letter are not one"


async def _work(journal: Journal, before: list[Event]) -> None:
    """A new event is accepted, and old ones are known again."""
    told: list[tuple[object, int, object]] = []
    journal.start(asyncio.get_running_loop(), told.extend, lambda state, reason: None)
    for event in [*before, Event("x", checked("new"), id="new")]:
        journal.accept(event, 2, event.id)
    while len(told) <= len(before):  # noqa: ASYNC110 - it needs the loop to go round
        await asyncio.sleep(0)
    assert [outcome for _, _, outcome in told] == [*(event.id for event in before), None]


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder in memory, if there is one: the images are many."""
    base = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="faults-", dir=base if base.is_dir() else None))
    yield folder
    shutil.rmtree(folder)


def test_power_cuts_lose_nothing(memory: Path) -> None:
    """Whatever a power cut leaves, everything accepted is there and nothing settled is open."""
    recording = record(memory / "run", seed=1, lives=2)
    for number, know in enumerate(images(recording, QUICK_IMAGES, 1, memory / "image")):
        check(memory / "image", know, number % 10 == 0)


def test_failing_syncs_and_then_a_power_cut_lose_nothing(memory: Path) -> None:
    """Nothing is confirmed after a failed fsync, so nothing that was can be missing."""
    recording = record(memory / "run", seed=2, events=5_000, cut=1_000_000)
    for know in images(recording, QUICK_IMAGES // 3, 2, memory / "image"):
        check(memory / "image", know, again=False)


def salvaged(at: Path) -> set[str]:
    """What a journal holds, however damaged it is."""
    journal = Journal(at / "journal.db", inline=True)
    recovery = journal.open(NOW)
    journal.close()
    return {decode(stored.body).id for stored in recovery.open}


def test_a_power_cut_during_the_salvage_of_a_damaged_journal_loses_no_more(memory: Path) -> None:
    """Cut or killed half way, the next start salvages all that the first one could have."""
    (memory / "run").mkdir()
    _, dead = died(memory / "run", 5)
    content = bytearray((dead / "journal.db-wal").read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3_000] = bytes(3_000)
    (dead / "journal.db-wal").write_bytes(content)
    shutil.copytree(dead, memory / "once")
    expected = salvaged(memory / "once")
    disk = Disk(dead, memory)
    before = originals(dead)
    code = "import sys; from faults.test_power_cut import *; salvaged(Path(sys.argv[1]))"
    subprocess.run(
        [sys.executable, "-c", code, dead], cwd=HERE, env=disk.environment(log=True), check=True
    )
    records = list(read_log(disk.log))
    assert any(record.kind == RENAME for record in records), "there was no salvage"
    chance = random.Random(1)
    for moment in sorted(chance.randint(0, len(records)) for _ in range(QUICK_IMAGES // 10)):
        replay = Replay(dead, before)
        replay.go_on(records[:moment])
        if chance.random() < 0.3:
            replay.kill(memory / "image")
        else:
            replay.cut(memory / "image", chance)
        assert salvaged(memory / "image") == expected, f"cut at {moment} of {len(records)}"
        shutil.rmtree(memory / "image")


def test_the_images_would_show_a_loss(memory: Path) -> None:
    """What these tests rest on: with less durability the same images do lose events."""
    recording = record(memory / "run", seed=3, durability="process", events=150)
    losses = 0
    for know in images(recording, 12, 3, memory / "image"):
        try:
            check(memory / "image", know, again=False)
        except AssertionError:
            losses += 1
    assert losses > 3


@pytest.mark.long
def test_a_hundred_thousand_power_cuts_lose_nothing(memory: Path) -> None:
    """The same with many recordings, some on a disk that fails."""
    began = time.monotonic()

    def some(number: int) -> None:
        folder = memory / str(number)
        count = min(IMAGES_OF_A_RECORDING, LONG_IMAGES - number * IMAGES_OF_A_RECORDING)
        recording = record(
            folder / "run",
            seed=100 + number,
            cut=1_000_000 if number % 5 == 4 else 0,
            limit=1_500_000 if number % 5 == 3 else 0,
            lives=1 if number % 5 == 4 else 1 + number % 3,
        )
        for index, know in enumerate(images(recording, count, number, folder / "image")):
            try:
                check(folder / "image", know, index % 10 == 0)
            except BaseException as error:
                error.add_note(f"recording {number}, image {index}")
                raise
        shutil.rmtree(folder)

    recordings = -(-LONG_IMAGES // IMAGES_OF_A_RECORDING)
    assert forked.over(recordings, some, CORES) == []
    print(f"{LONG_IMAGES:,} images of {recordings} recordings in {time.monotonic() - began:,.0f} s")

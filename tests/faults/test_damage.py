"""Faults 6 and 7: damaged files. Found at the open, set aside, salvaged, and said aloud."""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from agentflow import Config, Event, JournalUnusable, Runner, State
from agentflow.journal import Journal

from . import forked
from .damage import TEXT, Held, died
from .program import Program
from .recorded import checked
from .scale import CORES, scaled
from .test_program import kill, slow_and_queued

QUICK = 12
LONG = scaled(20_000)


def flip(folder: Path, chance: random.Random) -> str:
    """Change a few bits, somewhere."""
    file = chance.choice([path for path in folder.iterdir() if path.suffix in (".db", ".db-wal")])
    file = chance.choice([folder / "journal.db", folder / "journal.db-wal", file])
    if not file.exists() or not file.stat().st_size:
        file = folder / "journal.db"
    content = bytearray(file.read_bytes())
    places = [chance.randrange(len(content)) for _ in range(chance.choice([1, 1, 1, 3, 20]))]
    for place in places:
        content[place] ^= 1 << chance.randrange(8)
    file.write_bytes(content)
    return f"{file.name} at {places}"


def overwrite(folder: Path, chance: random.Random) -> str:
    """A piece of a file is zeros, or noise, or missing at the end."""
    file = chance.choice([folder / "journal.db", folder / "journal.db-wal"])
    content = bytearray(file.read_bytes())
    if not content:
        return "nothing"
    start = chance.randrange(len(content)) & ~511
    size = chance.choice([512, 4_096, 65_536])
    kind = chance.choice(["zeros", "noise", "cut"])
    if kind == "cut":
        del content[start:]
    else:
        piece = content[start : start + size]
        content[start : start + size] = (
            bytes(len(piece)) if kind == "zeros" else chance.randbytes(len(piece))
        )
    file.write_bytes(content)
    return f"{file.name}: {kind} at {start}"


def mix(folder: Path, chance: random.Random) -> str:
    """Files of different moments, or not all of them."""
    before = folder.parent.parent / "before"
    # Log and leases together would be the whole state of before: nobody could tell.
    names = [["journal.db", "journal.db-shm"], ["journal.db-wal", "journal.db-shm"]]
    names += [["journal.db", "journal.db-wal"], ["journal.db", "journal.db.leases"]]
    names += [["journal.db.leases", "journal.db-shm"]]
    done = []
    for name in chance.choice(names)[: chance.choice([1, 1, 2])]:
        if chance.random() < 0.5:
            (folder / name).unlink(missing_ok=True)
            done.append(f"{name} is missing")
        elif (before / name).exists():
            shutil.copy(before / name, folder / name)
            done.append(f"{name} is of before")
    return ", ".join(done)


DAMAGES: dict[str, Callable[[Path, random.Random], str]] = {
    "flip": flip, "overwrite": overwrite, "mix": mix
}  # fmt: skip


def examine(folder: Path, held: Held, page: int) -> str:
    """Run what the journal still has. What is missing, or came back, must have been said.

    ``page`` events are read before it begins, and the rest while they run.
    """
    seen: dict[str, Event] = {}

    async def handle(event: Event, state: State) -> None:
        seen[event.id] = event

    async def run() -> list[str]:
        runner = Runner(
            Config.from_toml("[error_routing.retry]\nmax_retries = 0", environ={}),
            journal=Journal(folder / "journal.db", page=page),
        )
        runner.register_agent("a", handle)
        try:
            await runner.start()
        except JournalUnusable as error:
            return [str(error)]
        assert runner.recovered is not None
        await runner.emit(Event("a", {"n": -1, **checked(TEXT)}, id="new"))
        await runner.join()
        await runner.stop()
        return runner.recovered.damage

    said = asyncio.run(run())
    for event in seen.values():
        assert event.data["sum"] == checked(event.data["text"])["sum"], "changed without a word"
    lost = held.open - seen.keys()
    back = held.settled & seen.keys()
    strangers = seen.keys() - held.open - held.settled - {"new"}
    assert not strangers, f"events that nobody emitted: {strangers}"
    assert not (lost or back) or said, f"{len(lost)} lost, {len(back)} came back, not a word"
    for sentence in said:
        assert sentence.isprintable()
        assert len(sentence) < 1_000
    return " ".join(said)


def damaged(base: Path, seed: int, kind: str) -> None:
    """Damage a copy, and examine it."""
    chance = random.Random(seed)
    checkpointed = seed % 2 == 1
    source = base / ("checkpointed" if checkpointed else "live")
    if not (source / "held").exists():
        source.mkdir(exist_ok=True)
        held, _ = died(source, 7, checkpointed=checkpointed)
        (source / "held").write_text(f"{' '.join(held.open)}\n{' '.join(held.settled)}")
    lines = (source / "held").read_text().splitlines()
    held = Held(*(frozenset(line.split()) for line in lines))
    folder = source / "copies" / str(seed)
    shutil.copytree(source / "dead", folder)
    what = "?"
    try:
        what = DAMAGES[kind](folder, chance)
        examine(folder, held, 20_000 if seed % 4 < 2 else 3)
    except BaseException as error:
        error.add_note(f"seed {seed}, {what}")
        raise
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("kind", DAMAGES)
def test_damage_is_never_silent(tmp_path: Path, kind: str) -> None:
    """Whatever is done to the files, a runner starts or says why not, and invents nothing."""
    findings = forked.over(QUICK, lambda seed: damaged(tmp_path, seed, kind), 1)
    assert findings == []


def test_an_undamaged_journal_is_not_called_damaged(tmp_path: Path) -> None:
    """What these tests rest on: without damage all is there, and nothing is said."""
    held, folder = died(tmp_path, 7)
    assert examine(folder, held, 3) == ""


def test_the_program_salvages_and_says_so(tmp_path: Path) -> None:
    """A killed program's journal loses a page: the next run says it and runs the rest."""
    program = Program(tmp_path)
    with slow_and_queued(program, 60) as process:
        kill(process)
    wal = program.journal.with_name(program.journal.name + "-wal")
    file = wal if wal.exists() and wal.stat().st_size > 20_000 else program.journal
    content = bytearray(file.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 5_000] = bytes(5_000)
    file.write_bytes(content)
    program.go()
    done = program.run()
    assert done.code in (0, 1)
    assert "journal" in (done.out + done.err).lower()
    assert len({ran.n for ran in program.ran()}) >= 8
    assert program.run().code == 0


@pytest.mark.long
@pytest.mark.parametrize("kind", DAMAGES)
def test_twenty_thousand_damages_are_never_silent(kind: str) -> None:
    """The same, twenty thousand times."""
    base = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="faults-", dir=base if base.is_dir() else None))
    try:
        for seed in (0, 1):
            damaged(folder, seed, kind)
        assert forked.over(LONG, lambda seed: damaged(folder, seed, kind), CORES) == []
    finally:
        shutil.rmtree(folder)

"""Seeded schedules on virtual time: the same seed gives the same life, byte for byte."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import agentflow
from agentflow.testing import run_virtual

from .journaled_lives import JournaledLife
from .lives import Life
from .stopped_lives import MortalStopping, Stopping

PATIENCE = 200_000


def play(seed: int, deeds: int = 25) -> bytes:
    """The life of this seed, with so many deeds."""
    return run_virtual(lambda: Life(seed).live(deeds), patience=PATIENCE)


@pytest.mark.parametrize("first", range(0, 20, 10))
def test_the_same_seed_gives_the_same_life(first: int) -> None:
    """Traces, counts, dead letters and log of two runs are the same bytes, and all of it holds."""
    for seed in range(first, first + 10):
        told = play(seed)
        assert told == play(seed), seed
        assert len(told) > 1_000


def test_the_same_seed_gives_the_same_life_in_another_process() -> None:
    """Nothing depends on where objects lie in memory or on how this process hashes text."""
    program = (
        "import sys; from engine.test_schedules import play\n"
        "for seed in range(500, 503): sys.stdout.buffer.write(play(seed))"
    )
    folders = [Path(__file__).parents[1], Path(agentflow.__file__).parents[1]]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, folders))}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            env=environment | {"PYTHONHASHSEED": hashes},
            stdout=subprocess.PIPE,
        )
        for hashes in ("1", "2")
    ]
    told = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert told[0] == told[1] == b"".join(map(play, range(500, 503)))


@pytest.mark.parametrize("first", range(0, 10, 5))
def test_a_life_with_breakpoints_comes_to_its_end(first: int) -> None:
    """Whatever is stopped, edited, stepped and dropped: all of it holds, and again the same."""
    for seed in range(first, first + 5):
        told = run_virtual(lambda seed=seed: Stopping(seed).live(30), patience=PATIENCE)
        again = run_virtual(lambda seed=seed: Stopping(seed).live(30), patience=PATIENCE)
        assert told == again, seed


def test_a_life_with_breakpoints_and_deaths_loses_nothing(tmp_path: Path) -> None:
    """What was stopped when the process died runs again in the next one."""
    for seed in range(200, 205):
        life = MortalStopping(seed, tmp_path / str(seed))
        life.folder.mkdir()
        run_virtual(lambda life=life: life.live(30), patience=PATIENCE)


@pytest.mark.long
@pytest.mark.parametrize("first", range(0, 2_000, 500))
def test_two_thousand_lives_with_breakpoints(first: int, tmp_path: Path) -> None:
    """The same for many more, half of them with deaths."""
    for seed in range(first, first + 250):
        run_virtual(lambda seed=seed: Stopping(seed).live(60), patience=PATIENCE)
        life = MortalStopping(seed, tmp_path / str(seed))
        life.folder.mkdir()
        run_virtual(lambda life=life: life.live(60), patience=PATIENCE)
        shutil.rmtree(life.folder)


def play_mortal(seed: int, folder: Path, deeds: int = 25) -> bytes:
    """The life of this seed with a journal below ``folder``, and with deaths."""
    folder.mkdir()
    life = JournaledLife(seed, folder)
    told = run_virtual(lambda: life.live(deeds), patience=PATIENCE)
    shutil.rmtree(folder)
    return told.replace(str(folder).encode(), b"folder")


@pytest.mark.parametrize("first", range(0, 15, 5))
def test_a_life_with_deaths_loses_nothing_and_repeats_nothing(first: int, tmp_path: Path) -> None:
    """What was accepted is there after every death, what has ended never runs again."""
    for seed in range(first, first + 5):
        told = play_mortal(seed, tmp_path / "once")
        assert told == play_mortal(seed, tmp_path / "again"), seed


@pytest.mark.long
@pytest.mark.parametrize("first", range(0, 5_000, 500))
def test_five_thousand_lives_with_deaths(first: int, tmp_path: Path) -> None:
    """The same for many more lives, and longer ones."""
    for seed in range(first, first + 500):
        told = play_mortal(seed, tmp_path / "once", 80)
        assert told == play_mortal(seed, tmp_path / "again", 80), seed


@pytest.mark.long
@pytest.mark.parametrize("first", range(0, 10_000, 500))
def test_the_same_seed_gives_the_same_life_ten_thousand_times(first: int) -> None:
    """The same for many more lives, and longer ones."""
    for seed in range(first, first + 500):
        assert play(seed, 80) == play(seed, 80), seed

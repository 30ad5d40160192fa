"""Faults 1 and 2: the process is killed at any moment. Nothing is lost, nothing ends twice."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from .scale import CORES, scaled

QUICK_KILLS = 15
LONG_KILLS = scaled(10_000)
KILLS_OF_A_JOURNAL = 250

HERE = Path(__file__).parents[1]


def kill(folder: Path, seed: int, kills: int) -> subprocess.Popen[str]:
    """A process that kills runners on a journal in ``folder``."""
    folder.mkdir()
    command = [sys.executable, "-m", "faults.killed", str(folder), str(seed), str(kills)]
    return subprocess.Popen(
        command, cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def outcome(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What it found."""
    with process:
        out, err = process.communicate()
    assert process.returncode == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def test_killed_runners_lose_nothing_and_run_nothing_twice(tmp_path: Path) -> None:
    """What was accepted has its effect, once under its key; what was settled never runs again."""
    found = outcome(kill(tmp_path / "a", 1, QUICK_KILLS))
    assert found["problems"] == []
    assert found["kills"] == QUICK_KILLS
    assert found["ran_again"] > 0  # kills did come between an effect and its settlement


@pytest.mark.long
def test_ten_thousand_kills() -> None:
    """The same, on as many journals as it takes."""
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    began = time.monotonic()
    left = [
        (number, min(KILLS_OF_A_JOURNAL, LONG_KILLS - number * KILLS_OF_A_JOURNAL))
        for number in range(-(-LONG_KILLS // KILLS_OF_A_JOURNAL))
    ]
    totals = dict.fromkeys(("kills", "lives", "events", "ran_again", "redelivered"), 0)
    running: list[tuple[int, subprocess.Popen[str]]] = []
    while left or running:
        while left and len(running) < CORES:
            number, kills = left.pop(0)
            running.append((number, kill(folder / str(number), 1_000 + number, kills)))
        number, process = running.pop(0)
        found = outcome(process)
        assert found["problems"] == [], f"seed {1_000 + number}, in {folder / str(number)}"
        shutil.rmtree(folder / str(number))
        for name in totals:
            totals[name] += found[name]
    os.rmdir(folder)  # noqa: PTH106 - it must be empty
    print(totals, f"in {time.monotonic() - began:,.0f} s")

"""Faults 4 and 5: the disk is full, or fails. Refused and said aloud; nothing is lost."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .crowded import Crowd
from .crowded import Disk as Room
from .shim import Disk

HERE = Path(__file__).parents[1]


def unshared() -> list[str]:
    """What to put before a command so that it may mount things of its own, if that is allowed."""
    flags = "-m" if os.geteuid() == 0 else "-rm"
    command = ["unshare", flags]
    trial = [*command, "mount", "-t", "tmpfs", "none", "/mnt"]
    if (
        shutil.which("unshare") is None
        or subprocess.run(trial, capture_output=True, check=False).returncode
    ):
        pytest.skip("no file system can be mounted here, not even in a name space of its own")
    return command


def crowded(tmp_path: Path, how: str, story: str) -> None:
    """Run a story of ``crowded`` on a disk that gets full in that way."""
    folder = tmp_path / "disk"
    folder.mkdir()
    environment = dict(os.environ)
    before: list[str] = []
    if how == "tmpfs":
        before = unshared()
    elif how == "shim":
        environment = Disk(folder, tmp_path).environment()
    notes = tmp_path / "notes"
    notes.mkdir()
    done = subprocess.run(
        [*before, sys.executable, "-m", "faults.crowded", folder, how, story],
        cwd=HERE,
        env={**environment, "FAULTS_NOTES": str(notes)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("how", ["tmpfs", "shim", "limit"])
def test_a_full_disk_refuses_says_so_and_goes_on(tmp_path: Path, how: str) -> None:
    """JournalFull at once, health and banner say it; with room it goes on, with nothing lost."""
    crowded(tmp_path, how, "on again")


@pytest.mark.parametrize("how", ["tmpfs", "shim"])
def test_a_kill_on_a_full_disk_loses_nothing(tmp_path: Path, how: str) -> None:
    """What was accepted before the disk was full is there for the next process."""
    crowded(tmp_path, how, "killed")


@pytest.mark.parametrize("how", ["tmpfs", "shim"])
def test_a_start_on_a_full_disk_is_no_crash(tmp_path: Path, how: str) -> None:
    """It starts, or says that it can't; the journal is whole afterwards."""
    crowded(tmp_path, how, "before the start")


def test_a_failing_fsync_shuts_the_journal_until_the_next_start(tmp_path: Path) -> None:
    """JournalFailed for everything from then on, also when fsync works again."""
    folder = tmp_path / "disk"
    folder.mkdir()
    disk = Disk(folder, tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "faults.failing", folder],
        cwd=HERE,
        env=disk.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *accepted, last = done.stdout.splitlines()
    settled = last.split(" ")[1:]
    assert len(accepted) == 101

    async def next_start() -> Crowd:
        crowd = Crowd(Room(folder, "as it is"), "failing")
        await crowd.runner.start()
        await crowd.emit()
        await crowd.runner.join()
        assert crowd.runner.recovered is not None
        assert crowd.runner.recovered.damage == []
        await crowd.runner.stop()
        return crowd

    crowd = asyncio.run(next_start())
    assert set(accepted) <= {*crowd.ran, *settled}
    assert accepted[0] not in crowd.ran

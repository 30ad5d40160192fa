"""Faults 4 and 5 met by the whole program: it waits for room, and ends when the disk fails."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from .on_terminal import OnTerminal
from .program import Program
from .shim import Disk

EVENTS = 400


def crowded(tmp_path: Path) -> tuple[Program, Disk]:
    """A program with its journal on a disk that can fail, and a long feed."""
    folder = tmp_path / "project"
    folder.mkdir()
    program = Program(folder)
    program.journal.parent.mkdir()
    program.write_events({"target": "echo", "data": {"n": n}} for n in range(EVENTS))
    return program, Disk(program.journal.parent, tmp_path)


def started(program: Program, disk: Disk) -> subprocess.Popen[str]:
    """It runs, at a pace that leaves time for a fault."""
    process = program.start("--events", "in.jsonl", "--pace", "200", env=disk.environment())
    while len(program.ran()) < 20:
        assert process.poll() is None
    return process


def test_the_feed_waits_for_room_on_the_disk(tmp_path: Path) -> None:
    """A disk that is full for a while costs time and not one event."""
    program, disk = crowded(tmp_path)
    with started(program, disk) as process:
        assert process.stdout is not None
        disk.fill()
        while "room" not in (line := process.stdout.readline()):
            assert line, "it has ended without a word"
        disk.repair()
        out, err = process.communicate(timeout=60)
    assert "Traceback" not in err, err
    assert process.returncode == 0, err
    assert json.loads(out.splitlines()[-1])["counts"]["succeeded"] == EVENTS
    assert {ran.n for ran in program.ran()} == {str(n) for n in range(EVENTS)}
    assert len(program.ran()) == EVENTS


def test_a_failing_disk_is_told_and_the_next_start_goes_on(tmp_path: Path) -> None:
    """After a failed fsync it says so and ends, not well; the next start has everything."""
    program, disk = crowded(tmp_path)
    with started(program, disk) as process:
        assert process.stdout is not None
        disk.fail_syncs()
        while "disk failed" not in (line := process.stdout.readline()):
            assert line, "it has ended without a word"
        _, err = process.communicate(timeout=60)
    assert "Traceback" not in err, err
    assert process.returncode == 1
    assert "agentflow.db does not have everything that was done: the disk failed" in err
    disk.repair()
    done = program.run("--events", "in.jsonl")
    assert done.code == 0
    ran = program.ran()
    assert {one.n for one in ran} == {str(n) for n in range(EVENTS)}
    attempts: dict[str, list[int]] = {}
    for one in ran:
        attempts.setdefault(one.id, []).append(one.attempt)
    assert all(tries == sorted(set(tries)) for tries in attempts.values())


def test_the_screen_says_that_the_disk_is_full(tmp_path: Path) -> None:
    """The alert line says why nothing is accepted; with room the feed goes on."""
    program, disk = crowded(tmp_path)
    terminal = OnTerminal(
        program.folder, "--events", "in.jsonl", "--pace", "50", environment=disk.environment()
    )
    try:
        terminal.until(lambda: len(program.ran()) > 20)
        disk.fill()
        terminal.until("Nothing is accepted")
        disk.repair()
        before = len(program.ran())
        terminal.until(lambda: len(program.ran()) > before + 20)
        assert terminal.leave() in (0, 1)  # 1: the feed was not at its end
        assert terminal.restored()
    finally:
        terminal.close()

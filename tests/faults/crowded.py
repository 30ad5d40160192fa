"""A runner whose disk gets full: ``python -m faults.crowded FOLDER HOW``, under the tests.

HOW is what is full: ``tmpfs`` (a small file system is mounted on FOLDER first), ``shim``
(every write fails while a file exists), ``limit`` (the journal's own). Ends with an
AssertionError for every promise that is broken.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from agentflow import Config, Event, JournalFull, Runner, State
from agentflow.control import Control
from agentflow.journal import Journal
from agentflow.telemetry.snapshot import Cursor

CONFIG = """
[runtime]
queue_size = 1000000
[error_routing.retry]
max_retries = 0
[journal]
max_deliveries = 1000000
"""
TEXT = "x" * 2_000
SMALL = 8_000_000
"""Bytes of the small file system, and of the journal's limit."""


class Disk:
    """What is full, and how to make room on it."""

    def __init__(self, folder: Path, how: str) -> None:
        self.how = how
        self.folder = folder
        self._ballast = folder / "ballast"
        if how == "tmpfs":
            subprocess.run(
                ["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "none", folder], check=True
            )
            self._ballast.write_bytes(bytes(SMALL // 2))

    def fill(self) -> None:
        """For what doesn't get full by itself."""
        if self.how == "shim":
            Path(os.environ["FAULTS_NO_ROOM"]).touch()

    def fill_to_the_brim(self) -> None:
        """Not one page is left, for anybody."""
        self.fill()
        if self.how == "tmpfs":
            try:
                with (self.folder / "brim").open("ab", buffering=0) as brim:
                    while True:
                        brim.write(bytes(4_096))
            except OSError:
                pass

    def make_room(self) -> None:
        """Whatever an operator does."""
        if self.how == "tmpfs":
            self._ballast.unlink(missing_ok=True)
            (self.folder / "brim").unlink(missing_ok=True)
        elif self.how == "shim":
            Path(os.environ["FAULTS_NO_ROOM"]).unlink(missing_ok=True)


class Crowd:
    """A runner that notes what it has done, outside of the crowded disk."""

    def __init__(self, disk: Disk, name: str) -> None:
        limit = SMALL // 2 if disk.how == "limit" else 1 << 30
        path = disk.folder / f"{name}.db"
        self.journal = Journal(path, max_bytes=limit, retention=0.0)
        self.runner = Runner(Config.from_toml(CONFIG, environ={}), journal=self.journal)
        self.runner.register_agent("a", self.handle)
        self.ran: list[str] = []
        self.accepted: list[str] = []

    async def handle(self, event: Event, state: State) -> None:
        self.ran.append(event.id)

    async def emit(self) -> str:
        event_id = await self.runner.emit(Event("a", {"text": TEXT}))
        self.accepted.append(event_id)
        return event_id

    async def emit_until_full(self) -> JournalFull:
        while True:
            try:
                await self.emit()
            except JournalFull as error:
                return error

    def alerts(self) -> str:
        """What the banner of a console says."""
        snapshot = Control(self.runner).snapshot(Cursor())
        return " ".join(str(alert) for alert in snapshot.alerts)


async def until(holds: Callable[[], Awaitable[bool]], what: str) -> None:
    """Ask again and again: nobody is told when a disk has room again."""
    end = time.monotonic() + 60
    while not await holds():
        assert time.monotonic() < end, what
        await asyncio.sleep(0.02)


async def full_and_on_again(disk: Disk) -> None:
    """Refused when full, said aloud, resumed by itself, and nothing lost."""
    crowd = Crowd(disk, "first")
    runner = crowd.runner
    await runner.start()
    await crowd.emit()
    await runner.join()
    runner.pause()
    for _ in range(100):
        await crowd.emit()
    disk.fill()
    error = await crowd.emit_until_full()
    assert str(error.path) == str(crowd.journal.path)
    count = len(crowd.accepted)
    for refused in (crowd.emit(), runner.request(Event("a"))):
        try:
            await asyncio.wait_for(refused, 5)
        except JournalFull:
            continue
        raise AssertionError("accepted on a full disk")
    assert runner.counts().accepted == count
    assert crowd.journal.stats().state == "full"
    await until(lambda: _true(runner.health.report is not None), "no report")
    await until(lambda: _true("journal" in _bad(runner)), "health does not say that it is full")
    assert "journal" in crowd.alerts().lower() or "room" in crowd.alerts().lower(), crowd.alerts()

    # What was accepted runs all the same; its end is written when there is room.
    runner.resume()
    await until(lambda: _true(len(crowd.ran) == count), "what was accepted does not run")
    disk.make_room()

    async def works_again() -> bool:
        try:
            await crowd.emit()
        except JournalFull:
            return False
        return True

    await until(works_again, "it does not go on by itself")
    for _ in range(20):
        await crowd.emit()
    await runner.join()
    assert crowd.journal.stats().state == "ok"
    assert crowd.ran == crowd.accepted
    await runner.stop()
    again = Crowd(disk, "first")
    await again.runner.start()
    await again.runner.join()
    assert again.runner.recovered is not None
    assert again.runner.recovered.damage == []
    assert again.ran == []
    await again.runner.stop()


def full_and_killed(disk: Disk) -> None:
    """The process dies while its disk is full: the next one, with room, has everything."""
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            asyncio.run(_fill_and_die(disk, into))
        finally:
            os._exit(1)
    os.close(into)
    with os.fdopen(out) as pipe:
        accepted = pipe.read().split()
    _, status = os.waitpid(pid, 0)
    assert os.WEXITSTATUS(status) == 9
    assert len(accepted) >= 100
    disk.make_room()
    ran = asyncio.run(_run_what_is_left(disk, "second"))
    assert set(accepted) <= set(ran), "accepted and lost"
    assert len(set(ran)) == len(ran)


async def _run_what_is_left(disk: Disk, name: str) -> list[str]:
    crowd = Crowd(disk, name)
    await crowd.runner.start()
    assert crowd.runner.recovered is not None
    assert crowd.runner.recovered.damage == []
    await crowd.emit()
    await crowd.runner.join()
    await crowd.runner.stop()
    return crowd.ran


async def _fill_and_die(disk: Disk, into: int) -> None:
    crowd = Crowd(disk, "second")
    await crowd.runner.start()
    crowd.runner.pause()
    for _ in range(100):
        await crowd.emit()
    disk.fill()
    await crowd.emit_until_full()
    crowd.runner.resume()
    await until(lambda: _true(len(crowd.ran) == len(crowd.accepted)), "does not run")
    os.write(into, "\n".join(crowd.accepted).encode())
    os._exit(9)


def full_before_the_start(disk: Disk) -> None:
    """A start on a full disk says so, or runs what is open; it never dies of it."""
    asyncio.run(_leave_some(disk))
    disk.fill_to_the_brim()
    code = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from faults import crowded\n"
        "disk = crowded.Disk(Path(sys.argv[1]), 'as it is')\n"
        "asyncio.run(crowded.start_when_full(disk, sys.argv[2]))\n"
    )
    for name in ("third", "fourth"):
        command = [sys.executable, "-c", code, disk.folder, name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (name, done.returncode, done.stderr[-3_000:])
    disk.make_room()
    done_before = int((Path(os.environ["FAULTS_NOTES"]) / "third").read_text())
    ran = asyncio.run(_run_what_is_left(disk, "third"))
    assert len(ran) + done_before >= 50, "accepted and lost"


async def _leave_some(disk: Disk) -> None:
    crowd = Crowd(disk, "third")
    await crowd.runner.start()
    crowd.runner.pause()
    for _ in range(50):
        await crowd.emit()
    await crowd.runner.stop(drain=False)


async def start_when_full(disk: Disk, name: str) -> None:
    """Start, work as far as that goes, and leave."""
    from agentflow import JournalError

    crowd = Crowd(disk, name)
    notes = Path(os.environ["FAULTS_NOTES"]) / name
    notes.write_text("0")
    try:
        await crowd.runner.start()
    except JournalError as error:
        assert str(crowd.journal.path) in str(error)  # noqa: PT017
        return
    try:
        await crowd.emit()
    except JournalFull:
        pass
    await crowd.runner.stop(timeout=2)
    notes.write_text(str(len(crowd.ran)))


async def _true(value: object) -> bool:
    return bool(value)


def _bad(runner: Runner) -> set[str]:
    report = runner.health.report
    return {check.name for check in report.checks if check.status != "ok"} if report else set()


def main() -> None:
    """``python -m faults.crowded FOLDER HOW STORY``"""
    folder, how, story = sys.argv[1:]
    _STORIES[story](Disk(Path(folder), how))


_STORIES: dict[str, Callable[[Disk], None]] = {
    "on again": lambda disk: asyncio.run(full_and_on_again(disk)),
    "killed": full_and_killed,
    "before the start": full_before_the_start,
}

if __name__ == "__main__":
    main()

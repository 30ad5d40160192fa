"""Watching: a save is noticed, however the editor does it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from watchfiles import Change as FileChange

from agentflow.config import Change, watch
from agentflow.config.watcher import Watched, folders_of


@asynccontextmanager
async def watching(
    file: Path, environ: Mapping[str, str] | None = None
) -> AsyncIterator[asyncio.Queue[Change]]:
    """Changes as they are seen; the watch is known to be under way when this begins."""
    stop, begun, seen = asyncio.Event(), asyncio.Event(), asyncio.Queue[Change]()
    probe = file.parent.absolute() / "probe.py"

    async def run() -> None:
        async for change in watch(file, environ=environ, debounce=50, stop=stop):
            begun.set()
            handlers = tuple(path for path in change.handlers if path != probe)
            if change.config or handlers:
                await seen.put(Change(change.config, handlers))

    task = asyncio.create_task(run())
    try:
        while not begun.is_set():  # nothing says that the system has begun to watch but an event
            probe.write_text("#")
            try:
                await asyncio.wait_for(begun.wait(), 0.05)
            except TimeoutError:
                assert not task.done()
        yield seen
    finally:
        stop.set()
        await asyncio.wait_for(task, 60)


async def take(seen: asyncio.Queue[Change]) -> Change:
    return await asyncio.wait_for(seen.get(), 60)


async def test_a_save_in_place_is_seen(tmp_path: Path) -> None:
    """Writing the file is one change of the configuration."""
    file = tmp_path / "agentflow.toml"
    file.write_text("a = 1")
    async with watching(file) as seen:
        file.write_text("a = 2")
        assert await take(seen) == Change(True, ())


async def test_a_save_by_rename_is_seen_again_and_again(tmp_path: Path) -> None:
    """Editors that write another file and rename it over the old one are seen each time."""
    file = tmp_path / "agentflow.toml"
    file.write_text("a = 1")
    async with watching(file) as seen:
        for number in range(3):
            other = tmp_path / ".agentflow.toml.tmp"
            other.write_text(f"a = {number}")
            other.rename(file)
            assert await take(seen) == Change(True, ())


def test_a_file_that_vanishes_briefly_is_a_change_when_it_is_back(tmp_path: Path) -> None:
    """While the file is being replaced nobody is told to read it; told once when it is back."""
    file = tmp_path / "agentflow.toml"
    watched = Watched(file, {})
    assert watched.understand({(FileChange.deleted, str(file))}) is None
    file.write_text("a = 2")
    assert watched.understand({(FileChange.added, str(file))}) == Change(True, ())
    assert watched.understand(set()) is None


def test_a_file_that_is_gone_is_told_once(tmp_path: Path) -> None:
    """The silence after a vanished file is the change; later silences are none."""
    watched = Watched(tmp_path / "agentflow.toml", {})
    gone = {(FileChange.deleted, str(tmp_path / "agentflow.toml"))}
    answers = [watched.understand(batch) for batch in (gone, set(), set())]
    assert answers == [None, Change(True, ()), None]


async def test_a_file_that_stays_away_is_a_change(tmp_path: Path) -> None:
    """Somebody should say that the configuration is gone."""
    file = tmp_path / "agentflow.toml"
    file.write_text("a = 1")
    async with watching(file) as seen:
        file.unlink()
        assert await take(seen) == Change(True, ())


async def test_a_saved_handler_is_told_apart_from_the_configuration(tmp_path: Path) -> None:
    """Code beside the file and in folders below it is a change of handlers."""
    file = tmp_path / "agentflow.toml"
    file.write_text("a = 1")
    (tmp_path / "package").mkdir()
    async with watching(file) as seen:
        (tmp_path / "package" / "agents.py").write_text("x = 1")
        assert await take(seen) == Change(False, (tmp_path / "package" / "agents.py",))


async def test_a_folder_made_later_is_watched_too(tmp_path: Path) -> None:
    """A new package beside the file counts from its making on."""
    file = tmp_path / "agentflow.toml"
    file.write_text("a = 1")
    async with watching(file) as seen:
        (tmp_path / "later").mkdir()
        code = tmp_path / "later" / "agents.py"
        for number in range(100):
            code.write_text(f"x = {number}")
            try:
                change = await asyncio.wait_for(seen.get(), 0.1)
            except TimeoutError:
                continue
            break
        assert change == Change(False, (code,))


async def test_the_overlay_counts_as_the_configuration(tmp_path: Path) -> None:
    """A save of the file of the current environment is a change of the configuration."""
    file = tmp_path / "agentflow.toml"
    file.write_text("a = 1")
    async with watching(file, {"ENVIRONMENT": "test"}) as seen:
        (tmp_path / "agentflow.test.toml").write_text("a = 2")
        assert await take(seen) == Change(True, ())


async def test_other_files_do_not_matter(tmp_path: Path) -> None:
    """Notes, hidden files and other environments' files are no change."""
    file = tmp_path / "agentflow.toml"
    file.write_text("a = 1")
    async with watching(file, {"ENVIRONMENT": "test"}) as seen:
        for name in ("agentflow.other.toml", "notes.txt", ".hidden.py"):
            (tmp_path / name).write_text("x = 1")
        (tmp_path / "agents.py").write_text("x = 1")
        assert await take(seen) == Change(False, (tmp_path / "agents.py",))


async def test_a_relative_path_can_be_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file may be given as it was on the command line."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "agentflow.toml"
    file.write_text("a = 1")
    async with watching(Path(file.name)) as seen:
        file.write_text("a = 2")
        assert (await take(seen)).config


def test_folders_of_tools_are_left_out(tmp_path: Path) -> None:
    """Only folders that may hold a user's code are watched, and not endlessly many."""
    for name in (".git/x", "__pycache__", "venv/lib", "a/b/c/d/e/f"):
        (tmp_path / name).mkdir(parents=True)
    below = {folder.relative_to(tmp_path).as_posix() for folder in folders_of(tmp_path)}
    assert below == {".", "a", "a/b", "a/b/c", "a/b/c/d"}

"""Notices that the configuration, or code beside it, was saved.

The directory is watched, not the file: editors write a new file and rename it over the old one.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path

from watchfiles import Change as FileChange
from watchfiles import awatch

from agentflow.config.environment import overlay_path

SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages", "build", "dist", "venv"})
"""Folders whose code is nobody's handler; those that begin with a dot are skipped as well."""

MAX_FOLDERS = 200
"""How many folders are watched at most."""

MAX_LEVELS = 4
"""How far below the configuration code is watched, in folders."""

PATIENCE = 500
"""How long a file may be gone, in milliseconds, before that counts as a change."""


@dataclass(frozen=True, slots=True)
class Change:
    """What was saved: the configuration, handler files, or both."""

    config: bool
    handlers: tuple[Path, ...]


class Watched:
    """The files that matter, and what a batch of file changes means for them."""

    def __init__(self, config: Path, environ: Mapping[str, str]) -> None:
        self.config = config.absolute()
        over = overlay_path(str(self.config), environ)
        self.files = {self.config} | ({Path(over)} if over else set())
        self.folders = folders_of(self.config.parent)
        self._vanished = False

    def matters(self, _: FileChange, name: str) -> bool:
        """Whether a path is a file to report, or a folder that came or went."""
        path = Path(name)
        if path in self.files or path in self.folders:
            return True
        if path.name in SKIPPED or path.name.startswith("."):
            return False
        return path.suffix == ".py" or path.is_dir()

    def understand(self, batch: Set[tuple[FileChange, str]]) -> Change | None:
        """The change that a batch is, if any; an empty batch is PATIENCE gone by in silence."""
        touched = {Path(name) for _, name in batch}
        handlers = tuple(sorted(path for path in touched if path.suffix == ".py"))
        config = bool(touched & self.files)
        if self.config.exists():
            self._vanished = False
        else:
            self._vanished, config = config, self._vanished and not batch
        return Change(config, handlers) if config or handlers else None

    def moved(self) -> bool:
        """Whether there are other folders to watch than before."""
        before, self.folders = self.folders, folders_of(self.config.parent)
        return before != self.folders


async def watch(
    path: str | Path,
    *,
    environ: Mapping[str, str] | None = None,
    debounce: int = 100,
    stop: asyncio.Event | None = None,
) -> AsyncIterator[Change]:
    """Yields each change of the configuration at ``path`` or of Python code below its folder.

    Saves within ``debounce`` milliseconds are one change. A file that vanishes and comes back,
    as some editors have it, is a change when it is back; one that stays away is a change after
    PATIENCE, so that somebody says it is gone. Ends when ``stop`` is set.
    """
    watched = Watched(Path(path), os.environ if environ is None else environ)
    stop = stop or asyncio.Event()
    while not stop.is_set():
        try:
            async for batch in awatch(
                *sorted(watched.folders),
                watch_filter=watched.matters,
                debounce=debounce,
                step=min(debounce, 50),
                stop_event=stop,
                rust_timeout=PATIENCE,
                yield_on_timeout=True,
                recursive=False,
            ):
                if change := watched.understand(batch):
                    yield change
                if batch and watched.moved():
                    break
        except FileNotFoundError:  # a folder went away before it could be watched
            await asyncio.sleep(PATIENCE / 1000)
            watched.moved()


def folders_of(root: Path) -> frozenset[Path]:
    """``root`` and the folders below it that may hold code."""
    found: set[Path] = set()
    for where, names, _ in os.walk(root):
        folder = Path(where)
        found.add(folder)
        if len(found) >= MAX_FOLDERS:
            break
        deeper = len(folder.relative_to(root).parts) < MAX_LEVELS
        names[:] = [n for n in sorted(names) if deeper and n not in SKIPPED and n[0] != "."]
    return frozenset(found) or frozenset({root})

"""Files: the database's companions, and how it is replaced by another in one step."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path


def beside(path: Path, ending: str) -> Path:
    """The companion of the database at ``path`` with this ending."""
    return path.with_name(path.name + ending)


def make_folder(path: Path) -> None:
    """Make the folder of ``path``, for its owner alone, so that a power cut can't undo it."""
    folder = path.parent
    missing = [folder, *folder.parents]
    missing = [parent for parent in missing if not parent.exists()]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for parent in missing:
        sync_folder(parent.parent)


def sync_folder(folder: Path) -> None:
    """Have the names in ``folder`` on disk, where that is possible."""
    try:
        file = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        os.fsync(file)
    except OSError:
        pass  # some file systems don't know how to
    finally:
        os.close(file)


def aside(path: Path, now: float) -> Path:
    """A name that is free for a damaged database, with the time in it."""
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%d-%H%M%S")
    for number in range(1_000):
        name = beside(path, f".damaged-{stamp}" + (f"-{number}" if number else ""))
        if not name.exists() and not beside(name, "-wal").exists():
            return name
    raise OSError(f"too many damaged files beside {path}")


def keep(path: Path, name: Path) -> None:
    """Give the file at ``path`` a second name, so that the first one can be replaced."""
    if path.exists():
        try:
            os.link(path, name)
        except OSError:  # a file system without second names
            shutil.copy2(path, name)


def replace(path: Path, new: Path, kept: Path) -> None:
    """Put the database ``new`` at ``path``; what was there has the name ``kept`` now.

    The new one is in its place in one step; until then, all is as it was.
    """
    keep(path, kept)
    keep(beside(path, "-wal"), beside(kept, "-wal"))
    sync_folder(path.parent)
    new.replace(path)
    for ending in ("-wal", "-shm"):
        beside(path, ending).unlink(missing_ok=True)
    sync_folder(path.parent)


def finish(path: Path) -> None:
    """Clean up after a replacement that was cut short."""
    remove(beside(path, ".new"))


def remove(path: Path) -> None:
    """Remove a database that is not needed."""
    for ending in ("-wal", "-shm", ""):
        beside(path, ending).unlink(missing_ok=True)

"""Journals: where the journal of a configuration is, and the words about it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from agentflow.errors import JournalInUse
from agentflow.journal import place
from agentflow.journal.place import FOLDER

if TYPE_CHECKING:
    from agentflow.config import Config
    from agentflow.engine.restoring import Recovered

OFF = "off"
"""What ``HostOptions.journal`` says for none at all."""

DEMO = Path(__file__).parent.absolute() / "demo" / "agentflow.toml"
"""The configuration of the bundled demo."""

_IGNORE = "# What agentflow keeps here is of no use to anybody else.\n*\n"


class Place(NamedTuple):
    """Where a journal is, and whether somebody asked for it: then there must be one."""

    path: Path
    asked: bool


def place_of(config: Config, flag: str = "") -> Place | None:
    """Where the journal of ``config`` is; None if there is to be none.

    ``flag`` is what the command line says: a path seen from here, "off", or "" for what
    the configuration says. Raises ValueError for a flag that the configuration makes
    impossible.
    """
    settings = config.journal
    if flag == OFF:
        return None
    if settings.durability == "none":
        if flag:
            raise ValueError('--journal needs another [journal] durability than "none"')
        return None
    if flag:
        return Place(Path(flag).absolute(), True)
    if settings.enabled is False:
        return None
    beside = Path(config.path).absolute().parent
    if settings.path:
        return Place(beside / settings.path, True)
    return Place(default_path(config.path), settings.enabled is True)


def default_path(config: str | Path) -> Path:
    """Where the journal is when nothing is said: beside the configuration.

    That of the bundled demo, whose own folder may not be writable, is in the current one.
    """
    file = Path(config).absolute()
    if file == DEMO:
        return Path.cwd() / FOLDER / "stdlib-audit.db"
    return place.default_path(file)


def make_folder(path: Path) -> None:
    """Make the folder for the journal at ``path``, private and out of every repository.

    Raises OSError if nothing can be written there.
    """
    folder = path.parent
    if folder.name == FOLDER:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text(_IGNORE, "utf-8")
    else:
        folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(13, os.strerror(13), str(folder))
    if path.exists() and not os.access(path, os.R_OK | os.W_OK):
        raise PermissionError(13, os.strerror(13), str(path))


def shown(path: str | Path) -> str:
    """A path as seen from here, if that is shorter."""
    full = str(path)
    seen = os.path.relpath(full)
    return seen if len(seen) < len(full) else full


def in_use(error: JournalInUse) -> str:
    """What to say when another process has the journal."""
    who = f"process {error.pid}" if error.pid else "another process"
    end = f"end that one (kill {error.pid})" if error.pid else "end that one"
    return (
        f"{who} is using the journal {shown(error.path)}: {end}, "
        "or start with --no-journal, or with another --journal PATH"
    )


def recovered_sentence(recovered: Recovered) -> str:
    """What a start found, in a line; '' if it found nothing that is unfinished."""
    whole = recovered.queued + recovered.redelivered + recovered.retrying + recovered.buried
    if not whole:
        return ""
    parts = []
    if recovered.queued:
        parts.append(f"{recovered.queued:,} queued")
    if recovered.redelivered:
        again = "runs" if recovered.redelivered == 1 else "run"
        parts.append(f"{recovered.redelivered:,} had begun and {again} again")
    if recovered.retrying:
        parts.append(f"{recovered.retrying:,} to be tried again")
    if recovered.buried:
        parts.append(
            f"{recovered.buried:,} dead, because the process died too often while they ran"
        )
    text = f"recovered {_events(whole)} from {shown(recovered.path)}: {', '.join(parts)}"
    return text if recovered.clean else f"{text}; the last end was not orderly"


def _events(number: int) -> str:
    return f"{number:,} event{'s'[: number != 1]}"

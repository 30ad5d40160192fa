"""Place: where the journal of a configuration is, and what it is made with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agentflow.config import Config
    from agentflow.journal.journal import Journal

FOLDER = ".agentflow"
"""Where the journal is kept when nothing else is said: beside the configuration."""


def default_path(config: str | Path) -> Path:
    """Where the journal of the configuration in that file is when nobody says."""
    file = Path(config)
    return file.parent / FOLDER / f"{file.stem}.db"


def make_journal(config: Config, path: Path) -> Journal:
    """A journal at ``path``, otherwise as ``config`` wants it. Nothing is touched yet."""
    from agentflow.journal.journal import Journal

    settings = config.journal
    return Journal(
        path,
        durability=settings.durability,
        retention=settings.retention,
        max_bytes=settings.max_size * 1_000_000,
        max_event_bytes=settings.max_event_size * 1_000_000,
    )

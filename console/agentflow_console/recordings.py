"""Recordings: which file a person means by a recording."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agentflow_console import journals
from agentflow_console.arguments import UsageError
from agentflow_console.text import safe

if TYPE_CHECKING:
    from agentflow.config import Config

ENDING = ".rec"


def default_recording(config: Config) -> Path:
    """Where the recording of a configuration is when nothing else is said."""
    settings = config.recording
    if settings.path:
        return Path(config.path).absolute().parent / settings.path
    place = journals.place_of(config)
    path = place.path if place is not None else journals.default_path(config.path)
    return path.with_suffix(ENDING)


def find_recording(text: str) -> Path:
    """The recording at ``text``: its file, or the configuration that it belongs to.

    Without ``text`` it is that of ./agentflow.toml, else the demo's. Raises UsageError.
    """
    file = Path(text) if text else Path(journals.DEMO.name)
    if not text and not file.is_file():
        file = journals.DEMO
    if file.suffix == ".toml" and file.is_file():
        file = _configured(file)
    if not file.is_file():
        raise UsageError(f"there is no recording {safe(journals.shown(file))}")
    return file


def _configured(file: Path) -> Path:
    from agentflow.config import load_config
    from agentflow.errors import ConfigError

    try:
        return default_recording(load_config(file))
    except ConfigError:  # a broken file is no reason not to look at what it left
        return journals.default_path(file).with_suffix(ENDING)

"""Place: which journal a command means."""

from __future__ import annotations

import sys
from pathlib import Path

from agentflow.errors import ConfigError
from agentflow_console import journals
from agentflow_console.arguments import DEFAULT_FILE, UsageError
from agentflow_console.text import safe


def find_journal(file: str, journal: str) -> Path:
    """The journal at ``journal``, else that of the configuration ``file``.

    Without both it is that of ./agentflow.toml, else the demo's. A broken configuration
    is no reason not to look after what it left. Raises UsageError if there is none.
    """
    path = Path(journal).absolute() if journal else _configured(file)
    if not path.is_file():
        raise UsageError(f"there is no journal {safe(journals.shown(path))}")
    return path


def _configured(file: str) -> Path:
    if not file and not Path(DEFAULT_FILE).is_file():
        return journals.default_path(journals.DEMO)
    file = file or DEFAULT_FILE
    if not Path(file).is_file():
        raise UsageError(f"there is no file {file!r}")
    from agentflow.config import load_config

    try:
        place = journals.place_of(load_config(file))
    except ConfigError:
        path = journals.default_path(file)
        print(
            f"{safe(file)} can't be used (validate says why); "
            f"looking into {safe(journals.shown(path))}",
            file=sys.stderr,
        )
        return path
    if place is None:
        raise UsageError(f"{safe(file)} has no journal: its [journal] is switched off")
    return place.path

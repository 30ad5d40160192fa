"""Settings: the choices of a person that the console remembers between runs."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import platformdirs

from agentflow_console.keymap import APP_NAME


@dataclass(frozen=True)
class Settings:
    """What is remembered. Change it with ``dataclasses.replace`` and ``save``."""

    theme: str = "night"
    filters: dict[str, str] = field(default_factory=dict)  # by screen id
    fps: int = 0  # frames a second of the streams; 0 for what suits the connection

    def with_filter(self, screen: str, text: str) -> Settings:
        """The same settings with this screen's filter; an empty one is forgotten."""
        filters = {**self.filters, screen: text}
        return replace(self, filters={key: value for key, value in filters.items() if value})


def default_path() -> Path:
    """Where they are kept."""
    return Path(platformdirs.user_state_dir(APP_NAME)) / "settings.json"


def load_settings(path: Path | None = None) -> tuple[Settings, str]:
    """The settings, and a sentence if the file is broken: then they are the defaults."""
    file = path or default_path()
    try:
        return msgspec.json.decode(file.read_bytes(), type=Settings), ""
    except FileNotFoundError:
        return Settings(), ""
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        return Settings(), f"Settings {file.name} can't be used ({error}); these are the defaults."


def save_settings(settings: Settings, path: Path | None = None) -> str:
    """Keep them, whole or not at all; a sentence if that isn't possible."""
    file = path or default_path()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=file.name)
        temporary_path = Path(name)
        try:
            with os.fdopen(handle, "wb") as temporary:
                temporary.write(msgspec.json.encode(settings))
            temporary_path.replace(file)
        except BaseException:
            temporary_path.unlink(missing_ok=True)
            raise
    except OSError as error:
        return f"Settings can't be kept in {file} ({error.strerror})."
    return ""

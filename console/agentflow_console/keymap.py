"""Key map: the user's own keys, by command id.

A TOML file of lines like ``"view.freeze" = "s"`` or ``view.filter = ["f", "/"]``. What is
wrong with a line costs that line alone, and is said in a sentence.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import platformdirs
from textual.keys import ASCII_KEY_NAMES, Keys, _character_to_key

from agentflow_console.commands import (
    BY_ID,
    COMMANDS,
    GLOBAL,
    MODAL,
    PANE,
    REPLAY,
    SCREEN,
    SCRUBBER,
    Command,
    key_label,
)

APP_NAME = "agentflow-console"
_NAMED = {key.value for key in Keys} | set(ASCII_KEY_NAMES.values())
_MODIFIERS = ("ctrl", "shift", "alt")
_EATEN = {
    **dict.fromkeys(("ctrl+i",), "terminals send it as tab"),
    **dict.fromkeys(("ctrl+j", "ctrl+m"), "terminals send it as enter"),
    "ctrl+h": "terminals send it as backspace",
    "ctrl+c": "it is the way out of a stuck terminal",
    "ctrl+z": "it suspends the program",
    "ctrl+q": "it always quits",
}


@dataclass(frozen=True)
class KeyMap:
    """Keys that differ from the registry's, by command id, and what was wrong in the file."""

    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def of(self, command: Command) -> tuple[str, ...]:
        """The keys of a command, first the one to show."""
        return self.keys.get(command.id, command.keys)

    def label(self, command: Command) -> str:
        """The first key as people write it."""
        return key_label(self.of(command)[0])

    def for_textual(self) -> dict[str, str]:
        """What ``App.set_keymap`` takes."""
        return {id: ",".join(_long(key) for key in keys) for id, keys in self.keys.items()}


def default_path() -> Path:
    """Where the user's key map is, if there is one."""
    return Path(platformdirs.user_config_dir(APP_NAME)) / "keymap.toml"


def load_keymap(path: Path | None = None) -> KeyMap:
    """The key map of a file; a missing file is no key map, unless ``path`` was asked for."""
    file = path or default_path()
    if path is None and not file.exists():
        return KeyMap()
    try:
        table = tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        return KeyMap(problems=(f"Key map {file}: it can't be read ({error}).",))
    except tomllib.TOMLDecodeError as error:
        return KeyMap(problems=(f"Key map {file.name}: it isn't TOML: {error}.",))
    return make_keymap(table, file.name)


def make_keymap(table: Mapping[str, Any], name: str = "keymap.toml") -> KeyMap:
    """Check the lines one by one: known id, keys that exist, and no key for two commands."""
    keys: dict[str, tuple[str, ...]] = {}
    problems: list[str] = []
    for id, value in _flat(table):
        fault = _fault(id, value)
        if fault is None:
            wanted = (value,) if isinstance(value, str) else tuple(value)
            keys[id] = tuple(dict.fromkeys(key.strip() for key in wanted))
        else:
            problems.append(f"Key map {name}: {fault}.")
    while clash := _clash(keys):
        losing, key, other = clash
        problems.append(
            f"Key map {name}: {key_label(key)} can't be {losing}, it is {other}; "
            f"{losing} keeps {' '.join(map(key_label, BY_ID[losing].keys))}."
        )
        del keys[losing]
    return KeyMap(keys, tuple(problems))


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """``view.freeze = "s"`` in TOML is a table in a table: back to dotted ids."""
    for key, value in table.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _fault(id: str, value: object) -> str | None:
    if id not in BY_ID:
        near = difflib.get_close_matches(id, BY_ID, 1, 0.5)
        hint = f"; the nearest is {near[0]}" if near else "; the help screen lists them"
        return f"there is no command {id!r}{hint}"
    keys = [value] if isinstance(value, str) else value
    if not isinstance(keys, list) or not keys or not all(isinstance(key, str) for key in keys):
        return f'{id} needs a key or a list of keys, like "s" or ["s", "ctrl+s"]'
    for key in keys:
        if reason := _unusable(key.strip()):
            return f"{id} can't be {key!r}: {reason}"
    return None


def _unusable(key: str) -> str | None:
    if key in _EATEN:
        return _EATEN[key]
    *modifiers, name = key.split("+") if len(key) > 1 else [key]
    if any(modifier not in _MODIFIERS for modifier in modifiers):
        return "modifiers are ctrl, shift and alt"
    if len(name) == 1:
        return None if name.isprintable() and name not in " ," else "write space or comma"
    return None if name in _NAMED or name in _CHARACTERS else "there is no such key"


def _clash(keys: Mapping[str, tuple[str, ...]]) -> tuple[str, str, str] | None:
    """A rebound command, a key of it, and the command in its way; None when all is well."""
    for id, wanted in keys.items():
        for other in COMMANDS:
            if other.id == id or not _meet(BY_ID[id].scope, other.scope):
                continue
            for key in wanted:
                taken = {_long(one) for one in keys.get(other.id, other.keys)}
                shipped = key in BY_ID[id].keys and key in other.keys  # one screen hides the other
                if _long(key) in taken and not shipped:
                    return id, key, other.id
    return None


def _meet(one: str, other: str) -> bool:
    """Whether two scopes listen at the same time."""
    if one == other:
        return True
    if one in MODAL or other in MODAL:
        return False
    if SCRUBBER in (one, other):
        return bool({one, other} & {GLOBAL, REPLAY})  # it has the keyboard, and no pane
    return bool({one, other} & {GLOBAL, SCREEN, PANE, REPLAY})


def _long(key: str) -> str:
    """The key by Textual's long name: ``question_mark`` for ``?``."""
    return _character_to_key(key) if len(key) == 1 else key


_CHARACTERS = {_long(chr(code)) for code in range(33, 127)}

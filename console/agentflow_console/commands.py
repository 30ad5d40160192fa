"""Commands: everything a person can do here, once, as data.

Bindings, footer, palette, help, key map and the words of the audit screen are all read from
``COMMANDS``. No command uses a chord that tmux, VS Code or terminals keep for themselves.
"""

from __future__ import annotations

from collections.abc import Iterable

from agentflow_console._command import (
    CHANGE,
    CONFIRM,
    CONSOLE,
    FORM,
    GLOBAL,
    GO,
    HELP,
    LOOK,
    MODAL,
    MOVE,
    PALETTE,
    PANE,
    PLAN,
    READ,
    REPLAY,
    SCREEN,
    SCREENS,
    SCRUBBER,
    Command,
    ScreenName,
)  # fmt: skip
from agentflow_console._registry import COMMANDS

__all__ = [
    "BY_ID", "CHANGE", "COMMANDS", "CONFIRM", "CONSOLE", "FORM", "GLOBAL", "GO", "HELP", "LOOK",
    "MODAL", "MOVE", "PALETTE", "PANE", "PLAN", "READ", "REPLAY", "SCREEN", "SCREENS", "SCRUBBER",
    "Command",
    "ScreenName",
    "footer_groups", "in_scopes", "key_label", "on_screen", "title_of",
]  # fmt: skip

BY_ID = {command.id: command for command in COMMANDS}

_LABELS = {
    "enter": "↵",
    "escape": "esc",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "pageup": "pgup",
    "pagedown": "pgdn",
    "shift+tab": "⇧tab",
    "comma": ",",
}


def key_label(key: str) -> str:
    """A key as people write it: ``↵`` for ``enter``, ``esc`` for ``escape``."""
    return _LABELS.get(key, key)


def in_scopes(*scopes: str) -> list[Command]:
    """The commands of these scopes, in the order of the registry."""
    return [command for command in COMMANDS if command.scope in scopes]


def on_screen(screen_id: str) -> list[Command]:
    """What a person can do on this screen: its own commands hide others on the same key."""
    own = {key for command in in_scopes(screen_id) for key in command.keys}
    return [
        command
        for command in in_scopes(screen_id, GLOBAL, SCREEN, PANE)
        if command.scope == screen_id or not own.intersection(command.keys)
    ]


def footer_groups(commands: Iterable[Command]) -> list[list[Command]]:
    """The commands that have a word in the footer, grouped, in the order of the registry."""
    groups: dict[str, list[Command]] = {}
    for command in commands:
        if command.footer:
            groups.setdefault(command.group, []).append(command)
    return list(groups.values())


def title_of(engine_command: str) -> str:
    """What people call a command of the engine; its own name if nothing here sends it."""
    for command in COMMANDS:
        if engine_command in command.engine:
            return command.title
    return engine_command

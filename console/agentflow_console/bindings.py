"""Bindings: the registry's commands as Textual wants them.

Every binding has its command's id, so ``App.set_keymap`` can move it to another key.
"""

from __future__ import annotations

from textual.binding import Binding, BindingType

from agentflow_console.commands import in_scopes


def bindings(*scopes: str) -> list[BindingType]:
    """The bindings of these scopes, for the ``BINDINGS`` of the class that has the actions."""
    return [
        Binding(",".join(command.keys), command.action, command.title, id=command.id)
        for command in in_scopes(*scopes)
    ]

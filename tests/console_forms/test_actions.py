"""Every command of the registry does something: the method that it names is there."""

from __future__ import annotations

from importlib import import_module

import pytest
from textual.actions import parse
from textual.dom import DOMNode

from agentflow_console.app import ConsoleApp
from agentflow_console.commands import (
    COMMANDS,
    CONFIRM,
    FORM,
    GLOBAL,
    HELP,
    PALETTE,
    PANE,
    PLAN,
    READ,
    REPLAY,
    SCREEN,
    SCRUBBER,
)
from agentflow_console.commands import Command as Registered
from agentflow_console.forms.confirm import ConfirmScreen
from agentflow_console.forms.difference import DifferenceScreen
from agentflow_console.forms.form import Form
from agentflow_console.forms.palette import PaletteScreen
from agentflow_console.forms.plan import PlanScreen
from agentflow_console.panes.base import Pane
from agentflow_console.rooms import ROOMS
from agentflow_console.screens.base import Room
from agentflow_console.screens.help import HelpScreen
from agentflow_console.scrubber import Scrubber

CLASSES: dict[str, type[DOMNode]] = {
    GLOBAL: ConsoleApp,
    REPLAY: ConsoleApp,
    READ: DifferenceScreen,
    SCRUBBER: Scrubber,
    SCREEN: Room,
    PANE: Pane,
    FORM: Form,
    PLAN: PlanScreen,
    CONFIRM: ConfirmScreen,
    PALETTE: PaletteScreen,
    HELP: HelpScreen,
}


def owner(scope: str) -> type[DOMNode]:
    """The class that has the actions of a scope."""
    if scope in CLASSES:
        return CLASSES[scope]
    module, _, name = ROOMS[scope].partition(":")
    found: type[DOMNode] = getattr(import_module(f"agentflow_console.screens.{module}"), name)
    return found


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.id)
def test_every_action_exists(command: Registered) -> None:
    """The method that a command names is there, and its class binds the command's keys."""
    _, name, _ = parse(command.action)
    where = owner(command.scope)
    assert callable(getattr(where, f"action_{name}", None))
    bound = {
        getattr(binding, "id", None)
        for kind in where.__mro__
        for binding in vars(kind).get("BINDINGS", ())
    }
    assert command.id in bound

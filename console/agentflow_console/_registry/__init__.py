"""The table of all commands. Read it through ``commands``.

A command stands in the module of the place where its key works; the order here is that of help.
"""

from __future__ import annotations

from agentflow_console._command import Command
from agentflow_console._registry.everywhere import (
    CHANGING,
    GOING,
    LOOKING,
    MOVING,
    OF_THE_CONSOLE,
    VIEW_AGAIN,
)
from agentflow_console._registry.overlays import (
    CONFIRMING,
    IN_A_FORM,
    IN_A_PLAN,
    IN_HELP,
    IN_THE_PALETTE,
    READING,
)
from agentflow_console._registry.replaying import PLAYING, SCRUBBING
from agentflow_console._registry.screens import ONE_SCREEN
from agentflow_console._registry.stopping import STOPPING

COMMANDS: tuple[Command, ...] = (
    *LOOKING,
    *VIEW_AGAIN,
    *PLAYING,
    *CHANGING,
    *ONE_SCREEN,
    *STOPPING,
    *OF_THE_CONSOLE,
    *GOING,
    *MOVING,
    *SCRUBBING,
    *IN_A_FORM,
    *IN_A_PLAN,
    *CONFIRMING,
    *IN_THE_PALETTE,
    *IN_HELP,
    *READING,
)

__all__ = ["COMMANDS"]

"""Commands of what lies over a screen: forms, questions, palette, help, texts to read."""

from __future__ import annotations

from agentflow_console._command import (
    CHANGE,
    CONFIRM,
    CONSOLE,
    FORM,
    HELP,
    LOOK,
    MOVE,
    PALETTE,
    PLAN,
    READ,
    Command,
)

IN_A_FORM = (
    Command(
        "form.send",
        "Send",
        ("ctrl+r",),
        FORM,
        CHANGE,
        "send",
        True,
        "Only when everything in the form is right.",
        "send",
    ),
    Command(
        "form.cancel",
        "Cancel",
        ("escape",),
        FORM,
        LOOK,
        "cancel",
        help="Nothing is sent.",
        footer="cancel",
    ),
)

IN_A_PLAN = (
    Command(
        "plan.apply",
        "Apply",
        ("enter",),
        PLAN,
        CHANGE,
        "send",
        True,
        "Does what the plan says; in the mode form: shows the plan.",
    ),
)

CONFIRMING = (
    Command("confirm.yes", "Yes", ("y",), CONFIRM, CHANGE, "yes", help="Do it."),
    Command("confirm.no", "No", ("n", "escape"), CONFIRM, CHANGE, "no", help="Leave it."),
)

IN_THE_PALETTE = (
    Command("palette.choose", "Do it", ("enter",), PALETTE, LOOK, "choose"),
    Command("palette.cancel", "Close", ("escape",), PALETTE, LOOK, "cancel"),
    Command("palette.up", "Up", ("up",), PALETTE, MOVE, "step(-1)"),
    Command("palette.down", "Down", ("down",), PALETTE, MOVE, "step(1)"),
    Command("palette.page_up", "Page up", ("pageup",), PALETTE, MOVE, "step(-10)"),
    Command("palette.page_down", "Page down", ("pagedown",), PALETTE, MOVE, "step(10)"),
)

READING = (
    Command("read.close", "Close", ("escape", "q"), READ, LOOK, "dismiss"),
    Command("read.copy", "Copy", ("y",), READ, CONSOLE, "copy", help="All of it, as text."),
)

IN_HELP = (Command("help.close", "Close", ("escape", "?", "q"), HELP, LOOK, "dismiss"),)

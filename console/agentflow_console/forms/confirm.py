"""Confirm: the one question before anything that can't simply be taken back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from agentflow_console.bindings import bindings
from agentflow_console.commands import CONFIRM
from agentflow_console.forms.why import why_field, why_of
from agentflow_console.text import safe

_SHOWN = 12  # lines of what it touches


class ConfirmScreen(ModalScreen[bool]):
    """Says what an action will touch; ends with whether to do it.

    ``y`` does it and ``n`` or esc doesn't. Enter presses the button that has the keyboard:
    the one that does it, or the other one when the action ``destroys``. With ``asks`` there
    is a field for the operator's reason, found in ``why`` afterwards.
    """

    DEFAULT_CSS = """
    ConfirmScreen { align: center middle; }
    ConfirmScreen .sheet {
        width: 72; max-width: 100%; height: auto; max-height: 100%;
        background: $background; border: round $af-focus; padding: 0 1;
        border-title-color: $primary; border-title-style: bold;
    }
    ConfirmScreen.-destroys .sheet { border: round $error; border-title-color: $error; }
    ConfirmScreen .touches { height: auto; margin: 0 0 1 0; }
    ConfirmScreen .buttons { height: 1; }
    ConfirmScreen .row { height: 1; layout: horizontal; margin: 0 0 1 0; }
    ConfirmScreen .name { width: 5; color: $af-muted; }
    ConfirmScreen Input { width: 1fr; }
    ConfirmScreen Button {
        margin: 0 2 0 0; min-width: 0; width: auto; padding: 0 2;
        color: $foreground; background: $panel; text-style: none;
    }
    ConfirmScreen Button:focus { color: $background; background: $primary; text-style: bold; }
    ConfirmScreen.-destroys Button#yes:focus { background: $error; }
    ConfirmScreen:ansi Button:focus { text-style: bold reverse; background: transparent; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings(CONFIRM)

    def __init__(
        self,
        title: str,
        touches: Sequence[str],
        *,
        verb: str = "Yes",
        destroys: bool = False,
        asks: bool = False,
        insists: bool = False,
    ) -> None:
        super().__init__(classes="-destroys" if destroys else "")
        self._title = title
        self._touches = touches
        self._verb = verb
        self._destroys = destroys
        self._asks = asks
        self._insists = insists
        self.why: dict[str, Any] = {}
        """The reason, as an argument of a command; empty if none was given."""

    def compose(self) -> ComposeResult:
        with Vertical(classes="sheet") as sheet:
            sheet.border_title = Content(safe(self._title, 200)).markup
            yield Static(Content("\n".join(self._lines())), classes="touches")
            if self._asks:
                yield why_field()
            with Horizontal(classes="buttons"):
                yield Button(Content(f"{safe(self._verb, 30)} (y)"), id="yes", compact=True)
                yield Button("Cancel (n, esc)", id="no", compact=True)

    def _lines(self) -> list[str]:
        lines = [safe(line, 400) for line in self._touches]
        if len(lines) > _SHOWN:
            lines[_SHOWN - 1 :] = [f"… and {len(lines) - _SHOWN + 1} more"]
        return lines

    def on_mount(self) -> None:
        if self._asks and self._insists:
            self.query_one("#why").focus()
        else:
            self.query_one("#no" if self._destroys else "#yes", Button).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._end(True)

    def _end(self, yes: bool) -> None:
        if self._asks:
            self.why = why_of(self)
        self.dismiss(yes)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self._end(event.button.id == "yes")

    def action_yes(self) -> None:
        self._end(True)

    def action_no(self) -> None:
        self._end(False)

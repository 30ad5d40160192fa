"""Form: a dialog that collects something, sends it, and stays until the engine took it.

The engine's refusal is shown in the form, with everything still filled in.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static

from agentflow.control import Answer
from agentflow_console.bindings import bindings
from agentflow_console.commands import BY_ID, FORM, key_label
from agentflow_console.forms.choice import Choice
from agentflow_console.link.protocol import LinkError
from agentflow_console.text import safe

_AROUND = 4  # lines of a form around its fields: the border, what is said, the keys

Send = Callable[..., Awaitable[Answer]]
"""Like ``Link.command``: the name of an engine command and its arguments."""


@dataclass(frozen=True)
class Request:
    """What a filled-in form asks of the engine."""

    name: str
    arguments: dict[str, Any]


class Refused(Exception):
    """The form isn't right yet: why, and which widget to go to."""

    def __init__(self, message: str, widget: Widget | None = None) -> None:
        self.widget = widget
        super().__init__(message)


class Form(ModalScreen[Answer | None]):
    """A dialog that ends with the engine's answer, or with None when it was cancelled."""

    DEFAULT_CSS = """
    Form { align: center middle; }
    Form .sheet {
        width: 92; max-width: 100%; height: auto; max-height: 100%;
        background: $background; border: round $af-focus; padding: 0 1;
        border-title-color: $primary; border-title-style: bold;
    }
    Form .fields { height: auto; scrollbar-size-vertical: 1; }
    Form.-tiny .sheet { height: 100%; }
    Form.-tiny .fields { height: 1fr; }
    Form .said { height: auto; max-height: 4; color: $af-muted; }
    Form .said.-bad { color: $error; }
    Form .keys { height: 1; color: $af-muted; }
    Form .name { width: 10; height: 1; color: $af-muted; }
    Form .name.-close { width: 9; }
    Form .row Input > .input--placeholder { color: $af-muted; }
    Form .row { height: 1; layout: horizontal; }
    Form .hint { height: 1; color: $af-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings(FORM)
    VERTICAL_BREAKPOINTS = [(0, "-tiny"), (22, "-short"), (36, "-tall")]  # noqa: RUF012

    heading = ""
    verb = "send"
    """What the key that sends does, in a word."""
    sends = "form.send"
    """The command of that key, as the last line shows it."""

    def __init__(self, send: Send) -> None:
        super().__init__()
        self._send = send
        self.pending = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="sheet") as sheet:
            sheet.border_title = Content(safe(self.heading, 200)).markup
            with VerticalScroll(classes="fields", can_focus=False):
                yield from self.fields()
            yield Static(classes="said")
            yield Static(self._keys(), classes="keys")

    def fields(self) -> Iterator[Widget]:
        """The widgets of the form."""
        raise NotImplementedError

    def request(self) -> Request:
        """What to send. Raises Refused when something in the form is wrong."""
        raise NotImplementedError

    def say(self, message: str, *, bad: bool = False) -> None:
        """Show a sentence above the keys; '' removes it."""
        said = self.query_one(".said", Static)
        said.set_class(bad, "-bad")
        said.update(Content(safe(message, 600)))
        said.display = bool(message)

    def on_mount(self) -> None:
        self.say("")
        self._fit()

    def on_resize(self) -> None:
        self._fit()

    def _fit(self) -> None:
        """The fields scroll before the keys leave the screen."""
        if not self.has_class("-tiny"):
            self.query_one(".fields").styles.max_height = max(self.app.size.height - _AROUND, 3)

    def action_send(self) -> None:
        """Check everything, then send; what is wrong is said and gets the cursor."""
        if self.pending:
            return
        try:
            request = self.request()
        except Refused as refused:
            self.say(str(refused), bad=True)
            if refused.widget is not None:
                refused.widget.focus()
            return
        self.pending = True
        self.say("Sent; waiting for the engine to answer. esc leaves it at that.")
        self.run_worker(self._submit(request), group="send", exclusive=True)

    async def _submit(self, request: Request) -> None:
        try:
            answer = await self._send(request.name, **request.arguments)
        except LinkError as error:
            answer = Answer(False, str(error))
        self.pending = False
        if answer.ok:
            self.dismiss(answer)
        else:
            self.say(answer.message, bad=True)

    def action_cancel(self) -> None:
        """Leave without sending."""
        self.dismiss(None)

    def _keys(self) -> Content:
        keys = getattr(self.app, "keys", None)
        parts: list[Content] = []
        for id, word in ((self.sends, self.verb), ("form.cancel", "cancel")):
            key = keys.label(BY_ID[id]) if keys else key_label(BY_ID[id].keys[0])
            parts.append(Content.assemble((key, "$primary bold"), f" {word}   "))
        parts.append(Content.assemble(("tab", "$primary bold"), " next field"))
        return Content("").join(parts)


def named(name: str, widget: Widget, *more: Widget) -> Widget:
    """A field on one line: its name, then the widget."""
    close = " -close" if isinstance(widget, Choice) else ""  # its words have a blank before them
    return Horizontal(Static(name, classes=f"name{close}"), widget, *more, classes="row")

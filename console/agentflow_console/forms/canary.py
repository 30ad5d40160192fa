"""Canary: the two versions side by side, and which of them is to be for all sessions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from rich.text import Text
from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from agentflow.telemetry.planned import Preview
from agentflow.telemetry.snapshot import CanaryRow
from agentflow_console.bindings import bindings
from agentflow_console.commands import PLAN
from agentflow_console.forms.choice import Choice
from agentflow_console.forms.form import Form, Request, Send, named
from agentflow_console.forms.plan_text import plan_content
from agentflow_console.forms.why import why_field, why_of
from agentflow_console.palette import Palette
from agentflow_console.panes.canary import canary_lines

PROMOTE, END = "promote", "end"
_COMMANDS = {PROMOTE: "promote", END: "abort_canary"}
_CELLS = 86


class CanaryScreen(Form):
    """Promotes the canary or ends it; ``plans`` says by command what would come of that."""

    DEFAULT_CSS = """
    CanaryScreen .sides, CanaryScreen .plan { height: auto; }
    CanaryScreen .plan { margin: 1 0 1 0; }
    CanaryScreen Input { width: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings(PLAN)
    verb = "do it"
    sends = "plan.apply"

    def __init__(
        self,
        send: Send,
        row: CanaryRow,
        plans: Mapping[str, Preview],
        palette: Palette,
        *,
        chosen: str = PROMOTE,
    ) -> None:
        super().__init__(send)
        self.heading = f"v{row.new.version} is being tried out"
        self._row = row
        self._plans = plans
        self._palette = palette
        self._chosen = chosen

    def fields(self) -> Iterator[Widget]:
        cells = min(_CELLS, self.app.size.width - 5)
        lines = canary_lines(self._row, self._palette, cells, short=self.app.size.height < 30)
        sides = Text("\n").join(Text.assemble(*line) for line in lines)
        yield Static(sides, classes="sides")
        yield Static(classes="plan")
        yield named("Do", Choice(tuple(_COMMANDS), self._chosen, id="what"))
        yield why_field()

    def on_mount(self) -> None:
        super().on_mount()
        asks = any(plan.ask_why for plan in self._plans.values())
        self.query_one("#why" if asks else "#what").focus()
        self._show_plan()

    def on_choice_changed(self) -> None:
        self._show_plan()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_send()

    def _command(self) -> str:
        return _COMMANDS[self.query_one("#what", Choice).value]

    def _show_plan(self) -> None:
        plan = self._plans.get(self._command())
        brief = self.app.size.height < 36
        content = (
            Content("") if plan is None else plan_content(plan, 4 if brief else 8, brief=brief)
        )
        self.query_one(".plan", Static).update(content)
        self.say("")

    def request(self) -> Request:
        return Request(self._command(), why_of(self))

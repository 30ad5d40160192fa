"""Plan: what a change of the configuration would do, and for whom it is to be done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from agentflow.telemetry.planned import Preview
from agentflow_console.bindings import bindings
from agentflow_console.commands import PLAN
from agentflow_console.forms.choice import Choice
from agentflow_console.forms.form import Form, Refused, Request, Send, named
from agentflow_console.forms.plan_text import plan_content
from agentflow_console.forms.why import why_field, why_of

ALL, NEW, SHARE = "all", "new sessions", "a share of them"
_SCOPES = {ALL: "all", NEW: "new_sessions", SHARE: "share"}


class PlanScreen(Form):
    """Shows the plan of a command; enter does it, for everything or for new sessions.

    ``whole`` for a command that is always for everything.
    """

    DEFAULT_CSS = """
    PlanScreen .plan { height: auto; margin: 0 0 1 0; }
    PlanScreen .hint { margin: 0 0 0 10; height: auto; }
    PlanScreen Input { width: 1fr; }
    PlanScreen #share { width: 8; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings(PLAN)
    verb = "apply"
    sends = "plan.apply"

    def __init__(
        self,
        send: Send,
        of: str,
        arguments: Mapping[str, Any],
        preview: Preview,
        *,
        title: str,
        whole: bool = False,
    ) -> None:
        super().__init__(send)
        self.heading = title
        self._of = of
        self._arguments = dict(arguments)
        self._preview = preview
        # There is nothing to try out where nothing changes, or where something is already.
        self._whole = whole or bool(preview.canary) or not preview.differences

    def fields(self) -> Iterator[Widget]:
        most = max(3, (self.app.size.height - 14) // 2)
        yield Static(plan_content(self._preview, most), classes="plan")
        if not self._whole:
            yield named("For", Choice(tuple(_SCOPES), ALL, id="scope"))
            yield named("Percent", Input("10", compact=True, id="share"))
            yield Static(classes="hint", id="means")
        yield why_field()

    def on_mount(self) -> None:
        super().on_mount()
        if self._preview.ask_why:
            self.query_one("#why").focus()
        elif not self._whole:
            self.query_one("#scope").focus()
        self._show_scope()

    def on_choice_changed(self) -> None:
        self._show_scope()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_send()

    def _show_scope(self) -> None:
        if self._whole:
            return
        scope = self.query_one("#scope", Choice).value
        share = self.query_one("#share", Input)
        if share.parent is not None:
            share.parent.display = scope == SHARE
        old, sessions = f"v{self._preview.version}", f"{self._preview.sessions:,}"
        means = {
            ALL: "What runs finishes under its plan; all else runs under the new one.",
            NEW: f"The {sessions} sessions that are known stay with {old} until they are done: "
            "no event that is there is touched.",
            SHARE: f"So many percent of the sessions that are new; all others, and the {sessions} "
            f"that are known, stay with {old}. A promotes or ends it.",
        }[scope]
        self.query_one("#means", Static).update(Content(means))
        self.say("")

    def request(self) -> Request:
        arguments = {**self._arguments, **why_of(self)}
        if not self._whole:
            scope = self.query_one("#scope", Choice).value
            if scope != ALL:
                arguments["scope"] = _SCOPES[scope]
            if scope == SHARE:
                arguments["share"] = self._share()
        return Request(self._of, arguments)

    def _share(self) -> float:
        field = self.query_one("#share", Input)
        try:
            share = float(field.value.strip().removesuffix("%"))
        except ValueError:
            share = 0.0
        if not 0 < share < 100:
            raise Refused("A share is more than 0 and less than 100 percent.", field)
        return share

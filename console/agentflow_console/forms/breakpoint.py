"""Breakpoint: where events are to be stopped, and which."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from textual.content import Content
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Input, Static

from agentflow.filters import Predicate
from agentflow.telemetry.snapshot import BreakpointRow
from agentflow_console.forms.choice import Choice
from agentflow_console.forms.form import Form, Refused, Request, Send, named
from agentflow_console.text import safe

HOOKS = {
    "AgentError": "AgentError",
    "before run": "BeforeAgentRun",
    "after run": "AfterAgentRun",
    "before event": "BeforeEventHandling",
    "after event": "AfterEventHandling",
    "any": "any",
}
"""The hook points in words short enough for one line."""

MODES = ("any", "route", "collaborative", "sequential", "loop", "mixed")


class BreakpointScreen(Form):
    """A new breakpoint, or ``row`` to change. ``agents`` are the names offered."""

    DEFAULT_CSS = """
    BreakpointScreen Input { width: 1fr; }
    BreakpointScreen #example { height: auto; max-height: 3; color: $af-muted; }
    """
    verb = "set"

    def __init__(self, send: Send, agents: Sequence[str], row: BreakpointRow | None = None) -> None:
        super().__init__(send)
        self._agents = tuple(agents)
        self._row = row
        self.heading = "New breakpoint" if row is None else f"Breakpoint {row.number}"

    def fields(self) -> Iterator[Widget]:
        row = self._row
        here = row.hook if row else "BeforeAgentRun"
        hook = next(word for word, name in HOOKS.items() if name == here)
        yield named("Hook", Choice(tuple(HOOKS), hook, id="hook"))
        yield named(
            "Agent",
            Input(
                row.agent if row else "",
                placeholder="any, or a name, or a pattern such as val*",
                suggester=SuggestFromList(self._agents, case_sensitive=False),
                compact=True,
                id="agent",
            ),
        )
        yield named("Mode", Choice(MODES, (row.mode if row else "") or "any", id="mode"))
        yield named(
            "When",
            Input(
                row.when if row else "",
                placeholder="always, or as in the filter line",
                compact=True,
                id="when",
            ),
        )
        yield named("", Static(classes="hint", id="verdict"))
        hits = str(row.stop_at) if row else "1"
        yield named("From hit", Input(hits, compact=True, type="integer", id="hits"))
        yield Static(
            "data.size>100  state.score<0.5  meta.tenant:acme  error:/Syntax/  -priority:low",
            id="example",
        )

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#hook").focus()
        self._judge()

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.input.id == "when":
            self._judge()

    def on_input_submitted(self) -> None:
        self.focus_next()

    def _judge(self) -> None:
        """Say at each key whether the condition can be read."""
        text = self.query_one("#when", Input).value
        when = Predicate(text)
        verdict = self.query_one("#verdict", Static)
        if when.error:
            verdict.update(Content.styled(f"✗ {safe(when.error, 200)}", "$error"))
        elif not text.strip():
            verdict.update(Content("every event that comes there"))
        else:
            early = "" if when.of_moment else ", told by the event alone"
            verdict.update(Content.styled(f"✓ can be read{early}", "$success"))

    def request(self) -> Request:
        when = self.query_one("#when", Input)
        error = Predicate(when.value).error
        if error:
            raise Refused(f"Nothing was sent. When: {error}.", when)
        hits = self.query_one("#hits", Input)
        if not hits.value.strip().isdecimal() or int(hits.value) < 1:
            raise Refused("Nothing was sent. From hit: a number from 1 on.", hits)
        mode = self.query_one("#mode", Choice).value
        arguments = {
            "hook": HOOKS[self.query_one("#hook", Choice).value],
            "agent": self.query_one("#agent", Input).value.strip(),
            "mode": "" if mode == "any" else mode,
            "when": when.value.strip(),
            "hits": int(hits.value),
        }
        if self._row is not None:
            arguments["number"] = self._row.number
        return Request("break", arguments)

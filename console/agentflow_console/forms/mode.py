"""Mode: how events are orchestrated from now on, and by whom."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from agentflow.telemetry.snapshot import AgentRow
from agentflow_console.bindings import bindings
from agentflow_console.commands import PLAN
from agentflow_console.forms.choice import Choice
from agentflow_console.forms.form import Form, Refused, Request, Send, named
from agentflow_console.forms.roster import Roster

MODES = {
    "route": "each event goes to the agent that it names",
    "collaborative": "all chosen agents at once, their states merged in this order",
    "sequential": "one after the other, each on the outcome of the one before",
    "loop": "one agent, until it says that it is done",
    "mixed": "the collaborative agents at once, then the sequential ones in turn",
}
_PLACE = re.compile(r"sequential (\d+)")


class ModeScreen(Form):
    """Choose the mode and who takes part; what that would do is shown before it is done.

    Agents are chosen beforehand as the plan has them, else as the configuration's ``text`` says.
    """

    DEFAULT_CSS = """
    ModeScreen .rosters { height: 9; }
    ModeScreen.-tall .rosters { height: 16; }
    ModeScreen .hint { margin: 0 0 0 10; height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings(PLAN)
    heading = "Choose the mode"
    verb = "plan"
    sends = "plan.apply"

    def __init__(
        self,
        send: Send,
        mode: str,
        agents: Sequence[AgentRow],
        *,
        text: str = "",
    ) -> None:
        super().__init__(send)
        self._mode = mode
        self._names = [row.name for row in agents if row.state != "disabled"]
        table = _orchestration(text)
        placed = [row.name for row in agents if "collaborative" in row.place]
        listed = [name for name in _names(table, "collaborative_agents") if name in self._names]
        self._collaborative = placed or listed or self._names  # everyone, as the engine has it
        steps = [(int(found[1]), row.name) for row in agents if (found := _PLACE.search(row.place))]
        placed = [name for _, name in sorted(steps)]
        listed = [name for name in _names(table, "sequential_agents") if name in self._names]
        self._sequential = placed or listed
        placed = [row.name for row in agents if "loop" in row.place][:1]
        listed = [name for name in _names(table, "loop_agent") if name in self._names]
        self._loop = placed or listed

    def fields(self) -> Iterator[Widget]:
        yield named("Mode", Choice(tuple(MODES), self._mode, id="mode"))
        yield Static(classes="hint", id="about")
        yield Horizontal(
            Roster("Collaborative", self._names, self._collaborative, id="collaborative"),
            Roster("Sequential", self._names, self._sequential, id="sequential"),
            Roster("Loop", self._names, self._loop, one=True, id="loop"),
            classes="rosters",
        )

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#mode").focus()
        self._show_mode()

    def on_choice_changed(self) -> None:
        self._show_mode()

    def on_roster_changed(self) -> None:
        self.say("")

    def _show_mode(self) -> None:
        mode = self.query_one("#mode", Choice).value
        wanted = _lists(mode)
        hint = MODES[mode]
        if wanted:
            hint += "\nspace chooses" if mode == "loop" else "\nspace puts in or out, < > move"
        self.query_one("#about", Static).update(Content(hint))
        for roster in self.query(Roster):
            roster.display = roster.id in wanted
        self.query_one(".rosters").display = bool(wanted)
        self.say("")

    def request(self) -> Request:
        mode = self.query_one("#mode", Choice).value
        arguments: dict[str, Any] = {"mode": mode}
        for id in _lists(mode):
            roster = self.query_one(f"#{id}", Roster)
            if not roster.chosen:
                raise Refused(f"Choose at least one {id} agent: space puts it in.", roster)
            key = "loop_agent" if id == "loop" else f"{id}_agents"
            arguments[key] = roster.chosen[0] if id == "loop" else roster.chosen
        return Request("mode", arguments)


def _orchestration(text: str) -> dict[str, Any]:
    """The table of that name; empty when the text can't be read."""
    try:
        table = tomllib.loads(text).get("orchestration")
    except tomllib.TOMLDecodeError:
        return {}
    return table if isinstance(table, dict) else {}


def _names(table: dict[str, Any], key: str) -> list[str]:
    value = table.get(key)
    names = value if isinstance(value, list) else [value]
    return [name for name in names if isinstance(name, str)]


def _lists(mode: str) -> tuple[str, ...]:
    return {
        "route": (), "collaborative": ("collaborative",), "sequential": ("sequential",),
        "loop": ("loop",), "mixed": ("collaborative", "sequential"),
    }[mode]  # fmt: skip

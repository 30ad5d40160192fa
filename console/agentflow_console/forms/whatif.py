"""What-if: which recorded sessions to run, under what, and where outputs come from."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from agentflow_console.forms.choice import Choice
from agentflow_console.forms.form import Form, Refused, Request, Send, named
from agentflow_console.forms.mode import MODES
from agentflow_console.forms.picker import Picker
from agentflow_console.panes.base import Piece
from agentflow_console.panes.columns import Column
from agentflow_console.text import safe

AS_WRITTEN = "as written"
SOURCES = ("recorded", "mock", "rerun")
_ABOUT = {
    "recorded": "its recorded outputs; nothing runs",
    "mock": "an answer is made up; nothing runs",
    "rerun": "the real handler runs, with its side effects",
}


@dataclass(frozen=True, slots=True)
class Source:
    """Where the outputs of one agent come from."""

    agent: str
    source: str


class Sources(Picker[Source]):
    """The agents; space takes the next source for the selected one."""

    columns = (Column("AGENT", 12, share=1, most=30), Column("OUTPUTS", 8), Column("", 20, share=2))
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "next_source", "Next source", id="sources.next"),
    ]

    class Changed(Message):
        """An agent has another source."""

    def __init__(self, agents: Sequence[str], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.title = "Outputs of"
        self.sources = dict.fromkeys(agents, SOURCES[0])

    def on_mount(self) -> None:
        super().on_mount()
        self._arrange()

    def _arrange(self) -> None:
        self.show([Source(agent, source) for agent, source in self.sources.items()])
        self.refresh_edges()

    def action_next_source(self) -> None:
        row = self.selected
        if row is not None:
            self.sources[row.agent] = SOURCES[(SOURCES.index(row.source) + 1) % len(SOURCES)]
            self._arrange()
            self.post_message(self.Changed())

    def key(self, row: Source) -> Hashable:
        return row.agent

    def empty(self) -> str:
        return "There are no agents to choose for."

    def note(self) -> str:
        return "space: next source"

    def cells(self, row: Source) -> list[Piece]:
        palette = self.palette
        style = {"rerun": palette.warning, "mock": palette.accent}.get(row.source, palette.text)
        return [
            (safe(row.agent, 60), palette.text),
            (row.source, style),
            (_ABOUT[row.source], palette.muted),
        ]


class WhatIfScreen(Form):
    """Asks for everything that a run needs. ``send`` gets its command-line arguments."""

    DEFAULT_CSS = """
    WhatIfScreen Input { width: 1fr; }
    WhatIfScreen Sources { height: 7; margin: 1 0 0 0; }
    WhatIfScreen.-tall Sources { height: 12; }
    """
    heading = "What if …"
    verb = "run"

    def __init__(
        self,
        send: Send,
        *,
        session: str,
        recording: str,
        config: str,
        agents: Sequence[str],
        read_only: bool = False,
    ) -> None:
        super().__init__(send)
        self._session = session
        self._recording = recording
        self._config = config
        self._agents = agents
        self._read_only = read_only

    def fields(self) -> Iterator[Widget]:
        every = Input(self._session, placeholder="every session", compact=True, id="session")
        yield named("Session", every)
        yield named("Recording", Input(self._recording, compact=True, id="recording"))
        yield named(
            "Config",
            Input(self._config, placeholder="that of the recording", compact=True, id="config"),
        )
        yield named("Mode", Choice((AS_WRITTEN, *MODES), AS_WRITTEN, id="mode"))
        yield named("Missing", Choice(("fail", "mock", "rerun"), "fail", id="missing"))
        yield Static(
            Content("what happens to a run that the recording says nothing about"), classes="hint"
        )
        yield Sources(self._agents, id="sources")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#mode", Choice).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_send()

    def on_choice_changed(self) -> None:
        self._warn()

    def on_sources_changed(self) -> None:
        self._warn()

    def _rerun(self) -> list[str]:
        """What would run for real."""
        sources = self.query_one("#sources", Sources).sources
        found = [agent for agent, source in sources.items() if source == "rerun"]
        if self.query_one("#missing", Choice).value == "rerun":
            found.append("whatever is missing")
        return found

    def _warn(self) -> None:
        names = self._rerun()
        self.say(f"Runs for real, with its side effects: {', '.join(names)}." if names else "")

    def request(self) -> Request:
        recording = self.query_one("#recording", Input)
        config = self.query_one("#config", Input)
        _must_be_there(recording, "recording")
        if config.value.strip():
            _must_be_there(config, "configuration")
        if self._read_only and self._rerun():
            raise Refused("Read-only: nothing is run for real.", self.query_one("#sources"))
        return Request("whatif", {"arguments": self._arguments()})

    def _arguments(self) -> list[str]:
        def text(id: str) -> str:
            return self.query_one(f"#{id}", Input).value.strip()

        arguments = []
        mode = self.query_one("#mode", Choice).value
        if mode != AS_WRITTEN:
            arguments.append(f"--orchestration-mode={mode}")
        if session := text("session"):
            arguments.append(f"--session={session}")
        arguments.append(f"--missing={self.query_one('#missing', Choice).value}")
        for agent, source in self.query_one("#sources", Sources).sources.items():
            if source != SOURCES[0]:
                arguments.append(f"--agent={agent}={source}")
        paths = [
            str(Path(path).expanduser()) for path in (text("recording"), text("config")) if path
        ]
        return [*arguments, "--", *paths]


def _must_be_there(field: Input, what: str) -> None:
    text = field.value.strip()
    if not text:
        raise Refused(f"Say which {what}.", field)
    if not Path(text).expanduser().is_file():
        raise Refused(f"There is no {what} {text}", field)

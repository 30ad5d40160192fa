"""Edit, then replay: a dead letter's data in an editor, and its event once more."""

from __future__ import annotations

from collections.abc import Iterator

from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from agentflow.control import DeadDetail
from agentflow_console.forms.form import Form, Refused, Request, Send
from agentflow_console.forms.json_editor import JsonEditor
from agentflow_console.forms.json_text import Fault, write_object
from agentflow_console.text import safe


class EditReplayScreen(Form):
    """The data of one dead letter to edit; sending replays the letter with it."""

    DEFAULT_CSS = """
    EditReplayScreen .about { height: auto; max-height: 4; margin: 0 0 1 0; }
    EditReplayScreen #data MarkedArea { height: 11; }
    EditReplayScreen.-tall #data MarkedArea { height: 24; }
    """
    verb = "replay"

    def __init__(self, send: Send, letter: DeadDetail) -> None:
        super().__init__(send)
        self._letter = letter
        self.heading = f"Edit and replay dead letter {letter.row.number}"

    def fields(self) -> Iterator[Widget]:
        row = self._letter.row
        yield Static(
            Content.assemble(
                (f"{safe(row.target, 40)}", "bold"),
                f" failed after {row.attempts} attempt{'' if row.attempts == 1 else 's'}: ",
                (safe(self._letter.error, 300), "$error"),
            ),
            classes="about",
        )
        data = self._letter.event.get("data") or {}
        yield JsonEditor("Data", write_object(data), hint="JSON", id="data")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#data MarkedArea").focus()

    def request(self) -> Request:
        editor = self.query_one("#data", JsonEditor)
        if isinstance(editor.value, Fault):
            editor.area.go_to_fault()
            raise Refused(f"Nothing was sent. Data, {editor.value}.", editor.area)
        return Request("replay", {"number": self._letter.row.number, "data": editor.value})

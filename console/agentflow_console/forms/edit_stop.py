"""Edit a stopped event: its data, or the state that goes on from there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from agentflow.control import StopDetail
from agentflow_console.forms.form import Form, Refused, Request, Send
from agentflow_console.forms.json_editor import JsonEditor
from agentflow_console.forms.json_text import Fault, write_object
from agentflow_console.text import safe


class EditStopScreen(Form):
    """``what`` is "data" or "state", which has the meta beside it. The event stays stopped."""

    DEFAULT_CSS = """
    EditStopScreen .about { height: auto; max-height: 4; margin: 0 0 1 0; }
    EditStopScreen #data MarkedArea { height: 11; }
    EditStopScreen.-tall #data MarkedArea { height: 24; }
    EditStopScreen #state MarkedArea { height: 8; }
    EditStopScreen.-tall #state MarkedArea { height: 20; }
    EditStopScreen #meta MarkedArea { height: 4; }
    """
    verb = "edit"

    def __init__(self, send: Send, detail: StopDetail, what: str) -> None:
        super().__init__(send)
        self._detail = detail
        self._what = what
        self.heading = f"Edit the {what} of event {detail.row.seq}"

    def fields(self) -> Iterator[Widget]:
        row = self._detail.row
        where = f"{row.hook} of {row.agent}" if row.agent else row.hook
        again = ""
        if row.hook == "AgentError":
            again = f". When it goes on after that, {safe(row.agent, 40)} runs again."
        yield Static(
            Content.assemble(("stopped at ", "$af-muted"), (safe(where, 80), "bold"), again),
            classes="about",
        )
        if self._what == "data":
            yield JsonEditor("Data", write_object(self._data()), hint="JSON", id="data")
        else:
            yield JsonEditor("State", write_object(self._detail.state), hint="JSON", id="state")
            meta = write_object(self._detail.meta)
            yield JsonEditor("Meta", meta, hint="JSON, text by text", id="meta")

    def _data(self) -> dict[str, Any]:
        return self._detail.event.get("data") or {}

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(f"#{self._what} MarkedArea").focus()

    def request(self) -> Request:
        arguments: dict[str, Any] = {"number": self._detail.row.number}
        for name in ("data",) if self._what == "data" else ("state", "meta"):
            editor = self.query_one(f"#{name}", JsonEditor)
            if isinstance(editor.value, Fault):
                editor.area.go_to_fault()
                raise Refused(f"Nothing was sent. {name.title()}, {editor.value}.", editor.area)
            arguments[name] = editor.value
        return Request("edit_stop", arguments)

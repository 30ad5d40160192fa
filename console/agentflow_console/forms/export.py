"""Export: the dead letters into a file, for other programs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from agentflow.control import Answer
from agentflow_console.dead_export import DEFAULT_NAME, as_lines, exported, write_new
from agentflow_console.forms.form import Form, Refused, Request, named
from agentflow_console.link.protocol import Link


class ExportScreen(Form):
    """Asks where to, and writes the letters of these ``numbers`` there, one a line."""

    DEFAULT_CSS = """
    ExportScreen Input { width: 1fr; }
    ExportScreen .about { height: auto; margin: 0 0 1 0; }
    """
    verb = "write"

    def __init__(self, link: Link, numbers: Sequence[int]) -> None:
        super().__init__(self._export)
        self._link = link
        self._numbers = numbers
        count = len(numbers)
        self.heading = f"Export {count} dead letter{'' if count == 1 else 's'}"

    def fields(self) -> Iterator[Widget]:
        about = "With error, traceback and event, as JSON, one letter a line."
        yield Static(Content(about), classes="about")
        yield named("File", Input(DEFAULT_NAME, compact=True, id="path"))

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#path", Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_send()

    def request(self) -> Request:
        field = self.query_one("#path", Input)
        if not field.value.strip():
            raise Refused("Say which file.", field)
        path = Path(field.value.strip()).expanduser()
        if path.exists():
            raise Refused(f"{path} is there already. Nothing was written.", field)
        return Request("export", {"path": path})

    async def _export(self, name: str, *, path: Path, **_: Any) -> Answer:
        found = [await self._link.dead_letter(number) for number in self._numbers]
        letters = [exported(letter) for letter in found if letter is not None]
        try:
            await asyncio.to_thread(write_new, path, as_lines(letters))
        except OSError as error:
            return Answer(False, f"{path} can't be written: {error.strerror or error}")
        return Answer(True, f"{len(letters)} dead letters are in {path}")

"""Export: dead letters or the audit into a file, for other programs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from agentflow.control import Answer
from agentflow.telemetry.snapshot import AuditRow
from agentflow_console import audit_export, dead_export
from agentflow_console.forms.form import Form, Refused, Request, named
from agentflow_console.json_files import as_lines, write_new
from agentflow_console.link.protocol import Link


class ExportForm(Form):
    """Asks where to, and writes there what ``pieces`` gives; ``about`` says what that is."""

    DEFAULT_CSS = """
    ExportForm Input { width: 1fr; }
    ExportForm .about { height: auto; margin: 0 0 1 0; }
    """
    verb = "write"

    def __init__(self, what: str, name: str, about: str) -> None:
        super().__init__(self._export)
        self.heading = f"Export {what}"
        self._what, self._file, self._about = what, name, about

    async def pieces(self) -> Iterable[str]:
        """What to write."""
        raise NotImplementedError

    def fields(self) -> Iterator[Widget]:
        yield Static(Content(self._about), classes="about")
        yield named("File", Input(self._file, compact=True, id="path"))

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
        pieces = list(await self.pieces())
        try:
            await asyncio.to_thread(write_new, path, pieces)
        except OSError as error:
            return Answer(False, f"{path} can't be written: {error.strerror or error}")
        return Answer(True, f"{counted(len(pieces), self._what)} in {path}")


class ExportScreen(ExportForm):
    """Writes the dead letters of these ``numbers``, one a line."""

    def __init__(self, link: Link, numbers: Sequence[int]) -> None:
        super().__init__(
            f"{len(numbers)} dead letter{'s'[: len(numbers) != 1]}",
            dead_export.DEFAULT_NAME,
            "With error, traceback and event, as JSON, one letter a line.",
        )
        self._link = link
        self._numbers = numbers

    async def pieces(self) -> Iterable[str]:
        found = [await self._link.dead_letter(number) for number in self._numbers]
        return as_lines(dead_export.exported(letter) for letter in found if letter is not None)


class AuditExportScreen(ExportForm):
    """Writes these rows of the audit, one a line."""

    def __init__(self, rows: Sequence[AuditRow]) -> None:
        super().__init__(
            f"{len(rows)} action{'s'[: len(rows) != 1]}",
            audit_export.DEFAULT_NAME,
            "Who, when, what, why, what it changed and took back, as JSON, one action a line.",
        )
        self._rows = rows

    async def pieces(self) -> Iterable[str]:
        return as_lines(map(audit_export.exported, self._rows))


def counted(number: int, what: str) -> str:
    """How many were written: ``3 dead letters are``."""
    noun = what.partition(" ")[2].removesuffix("s")
    return f"{number} {noun} is" if number == 1 else f"{number} {noun}s are"

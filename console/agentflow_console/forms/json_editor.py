"""JsonEditor: a text area for a JSON object, checked at each keystroke, marked where it is bad."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, ClassVar

from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static, TextArea

from agentflow_console.forms.json_text import Fault, read_object

_PARTS = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*"(?=\s*:))|(?P<string>"(?:[^"\\]|\\.)*")'
    r"|(?P<word>\b(?:true|false|null)\b)|(?P<number>-?\b\d[\d.eE+-]*)"
)
_COLORED = 4_000  # characters of a line that gets colours, and is wrapped


class MarkedArea(TextArea):
    """A text area that shows one place as bad, and JSON in colours."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "marked--key",
        "marked--string",
        "marked--number",
        "marked--word",
        "marked--bad",
    }
    DEFAULT_CSS = """
    MarkedArea { border: round $af-border; padding: 0; }
    MarkedArea:focus { border: round $af-focus; }
    MarkedArea.-bad { border: round $error; }
    MarkedArea .marked--key { color: $primary; }
    MarkedArea .marked--string { color: $success; }
    MarkedArea .marked--number { color: $warning; }
    MarkedArea .marked--word { color: $accent; }
    MarkedArea .marked--bad { color: $background; background: $error; text-style: bold; }
    MarkedArea:ansi .marked--bad { color: ansi_white; background: ansi_red; }
    MarkedArea .text-area--gutter { color: $af-muted; }
    MarkedArea .text-area--cursor-gutter { color: $foreground; }
    """

    def __init__(self, text: str, *, colored: bool, id: str | None = None) -> None:
        super().__init__(
            text,
            id=id,
            tab_behavior="focus",
            show_line_numbers=True,
            soft_wrap=_is_short(text),
            highlight_cursor_line=False,
        )
        self._colored = colored
        self.fault: Fault | None = None

    def mark(self, fault: Fault | None) -> None:
        """Show this place as bad, or none."""
        if fault != self.fault:
            self.fault = fault
            self.set_class(fault is not None, "-bad")
            self._line_cache.clear()
            self.refresh()

    def go_to_fault(self) -> None:
        """Put the cursor where the text is bad."""
        if self.fault is not None:
            self.move_cursor((self.fault.line - 1, self.fault.column - 1))

    def get_line(self, line_index: int) -> Text:
        """The line with its colours, and the bad place marked."""
        line = super().get_line(line_index)
        if self._colored and len(line) <= _COLORED:
            for match in _PARTS.finditer(line.plain):
                line.stylize(self._style(match.lastgroup or "word"), *match.span())
        if self.fault is not None and self.fault.line == line_index + 1:
            at = min(self.fault.column - 1, len(line))
            if at == len(line):
                line.append(" ")  # the place just behind the end
            line.stylize(self._style("bad"), at, at + 1)
        return line

    def _style(self, part: str) -> Style:
        return self.get_component_rich_style(f"marked--{part}", partial=part != "bad")


def _is_short(text: str) -> bool:
    """Whether no line is so long that wrapping it would make keys slow."""
    return max(map(len, text.splitlines()), default=0) <= _COLORED


class Checked(Vertical):
    """A marked area under a line that says whether its text is right.

    ``read`` turns the text into a value or a Fault; ``praise`` says what a value is.
    """

    DEFAULT_CSS = """
    Checked { height: auto; }
    Checked > Static { height: 1; color: $af-muted; }
    """

    class Edited(Message):
        """The text was checked again."""

        def __init__(self, editor: Checked) -> None:
            super().__init__()
            self.editor = editor

    def __init__(
        self,
        name: str,
        text: str,
        read: Callable[[str], dict[str, Any] | Fault],
        *,
        hint: str = "",
        colored: bool = True,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self._label, self._hint, self._read = name, hint, read
        self.area = MarkedArea(text, colored=colored)
        self.value: dict[str, Any] | Fault = read(text)

    def compose(self) -> ComposeResult:
        yield Static(self._verdict())
        yield self.area

    @property
    def fault(self) -> Fault | None:
        """What is wrong with the text now."""
        return self.value if isinstance(self.value, Fault) else None

    def on_mount(self) -> None:
        self.area.mark(self.fault)

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        text = self.area.text
        self.value = self._read(text)
        self.area.soft_wrap = _is_short(text)
        self.area.mark(self.fault)
        self.query_one(Static).update(self._verdict())
        self.post_message(self.Edited(self))

    def _verdict(self) -> Content:
        name = Content.styled(f"{self._label:<10}", "$af-muted")
        if isinstance(self.value, Fault):
            return Content.assemble(name, ("✗ " + str(self.value), "$error"))
        count = f"{len(self.value)} key{'' if len(self.value) == 1 else 's'}"
        return Content.assemble(name, ("✓ ", "$success"), count, (f"  {self._hint}", "$af-muted"))


class JsonEditor(Checked):
    """A JSON object to edit."""

    def __init__(self, name: str, text: str, *, hint: str = "", id: str | None = None) -> None:
        super().__init__(name, text, read_object, hint=hint, id=id)

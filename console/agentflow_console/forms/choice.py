"""Choice: a few words on one line, one of them chosen; no list to open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget


class Choice(Widget, can_focus=True):
    """One of ``options``; ← and → change it, so does a click."""

    DEFAULT_CSS = """
    Choice { height: 1; width: 1fr; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"choice--chosen", "choice--focused", "choice--other"}
    DEFAULT_CSS += """
    Choice > .choice--other { color: $af-muted; }
    Choice > .choice--chosen { color: $primary; text-style: bold underline; }
    Choice > .choice--focused {
        color: $af-cursor-text; background: $af-cursor; text-style: bold;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h,up,k", "step(-1)", "Previous", id="choice.previous", show=False),
        Binding("right,l,down,j,space", "step(1)", "Next", id="choice.next", show=False),
    ]

    chosen: reactive[int] = reactive(0)

    class Changed(Message):
        """Another option is chosen."""

        def __init__(self, choice: Choice) -> None:
            super().__init__()
            self.choice = choice

    def __init__(self, options: Sequence[str], value: str = "", *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.options = tuple(options)
        self.set_reactive(Choice.chosen, self.options.index(value) if value in options else 0)

    @property
    def value(self) -> str:
        """The chosen option."""
        return self.options[self.chosen]

    def choose(self, value: str) -> None:
        """Choose an option by its word."""
        self.chosen = self.options.index(value)

    def watch_chosen(self) -> None:
        self.post_message(self.Changed(self))

    def action_step(self, by: int) -> None:
        self.chosen = (self.chosen + by) % len(self.options)

    def on_click(self, event: events.Click) -> None:
        at = 0
        for index in range(self._first(), len(self.options)):
            end = at + len(self.options[index]) + 2
            if at <= event.x < end:
                self.chosen = index
            at = end + 1

    def _first(self) -> int:
        """The first option that is shown: the least one that leaves room for the chosen."""
        first, cells = 0, self.size.width
        while first < self.chosen and cells < sum(
            len(option) + 3 for option in self.options[first : self.chosen + 1]
        ):
            first += 1
        return first

    def render_line(self, y: int) -> Strip:
        plain = self.rich_style
        segments: list[Segment] = []
        for index in range(self._first(), len(self.options)):
            part = "chosen" if index == self.chosen else "other"
            if part == "chosen" and self.has_focus:
                part = "focused"
            style = plain + self.get_component_rich_style(f"choice--{part}", partial=True)
            segments += [Segment(f" {self.options[index]} ", style), Segment(" ", plain)]
        return Strip(segments).adjust_cell_length(self.size.width, plain)

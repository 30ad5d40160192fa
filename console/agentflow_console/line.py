"""Line: a widget of one line that is drawn again only when what it says has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from agentflow_console.palette import Palette, make_palette
from agentflow_console.panes.base import Piece
from agentflow_console.text import crop, width

if TYPE_CHECKING:
    from agentflow_console.app import ConsoleApp


class Line(Widget):
    """One line of pieces: some from the left, some against the right edge.

    Those that choose what they say by the ``cells`` there are do so in ``refresh_from``.
    """

    DEFAULT_CSS = """
    Line { height: 1; width: 1fr; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.palette = make_palette({})
        self.left: list[Piece] = []
        self.right: list[Piece] = []

    def refresh_from(self, app: ConsoleApp) -> None:
        """Say how things are now. A plain line goes on saying what it was told."""

    def on_resize(self) -> None:
        """What was chosen for another width, or before there was one, is chosen again."""
        self.refresh_from(cast("ConsoleApp", self.app))

    def say(self, left: list[Piece], right: list[Piece] | None = None) -> None:
        """Show these pieces, of safe text. What doesn't fit at the left is cut."""
        right = right or []
        if left != self.left or right != self.right:
            self.left, self.right = left, right
            self.refresh()

    @property
    def cells(self) -> int:
        """Cells of the line; before it has a size, those of the screen."""
        return self.size.width or self.app.size.width

    def restyle(self, palette: Palette) -> None:
        """Another theme."""
        self.palette = palette
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """The line."""
        cells = self.size.width
        right = cut(self.right, cells)
        left = cut(self.left, cells - length(right))
        between = cells - length(left) - length(right)
        return Strip(
            [
                *(Segment(text, style) for text, style in left),
                Segment(" " * between, self.palette.bar),
                *(Segment(text, style) for text, style in right),
            ],
            cells,
        )


def length(pieces: list[Piece]) -> int:
    """The cells that the pieces take."""
    return sum(width(text) for text, _ in pieces)


def cut(pieces: list[Piece], cells: int) -> list[Piece]:
    """The pieces in at most ``cells`` cells, the last one with an ellipsis if need be."""
    if length(pieces) <= cells:
        return pieces
    kept: list[Piece] = []
    for text, style in pieces:
        if width(text) >= cells:
            return [*kept, (crop(text, cells), style)] if cells > 0 else kept
        kept.append((text, style))
        cells -= width(text)
    return kept

"""Pane: a framed area that is drawn line by line.

It draws its own frame and background, so that a title or a count that changes costs one
line and never a layout. A pane is a view: it reads the store in ``refresh_from`` and keeps
what it shows until the next time, which is what makes freezing the view free.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from agentflow_console.bindings import bindings
from agentflow_console.commands import PANE
from agentflow_console.palette import Palette, make_palette
from agentflow_console.text import crop, width

if TYPE_CHECKING:
    from textual import events
    from textual.binding import BindingType

    from agentflow_console.store import Store

Piece = tuple[str, Style]
"""Text that is safe already, and how it looks."""


class Pane(Widget, can_focus=True):
    """A framed area with a title, drawn by ``draw_body``.

    ``period`` is the least time between two looks at the store, in seconds: 0.05 for
    streams, 0.2 for tables, 0.5 for plots.
    """

    DEFAULT_CSS = """
    Pane { width: 1fr; height: 1fr; background: $background; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings(PANE)

    title = ""
    more = ""
    """What follows the title: that there are more panes than the screen has room for."""
    period = 0.2
    sides = True
    """Whether the frame has sides; a narrow screen keeps the columns for the text."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.palette = make_palette({})
        self._looked = -1.0
        self._drawn_size: Size | None = None
        self._edges: tuple[object, ...] = ()

    # -- what a pane says about itself -----------------------------------------------------

    def heading(self) -> str:
        """What stands in the frame: safe text."""
        return self.title

    def note(self) -> str:
        """What stands at the right of the title: counts, the filter. Safe text."""
        return ""

    @property
    def noted(self) -> bool:
        """Whether the note is something to be aware of: rows are hidden."""
        return False

    def foot(self) -> str:
        """What stands at the right of the bottom line: where in the list one is."""
        return ""

    def look(self, store: Store, now: float) -> None:
        """Take over what the store has now, and call ``refresh_body`` for what changed."""

    def draw_body(self, y: int, cells: int) -> list[Piece]:
        """Line ``y`` of the body, at most ``cells`` wide."""
        return []

    def copy_text(self) -> str:
        """What ``y`` copies."""
        return ""

    # -- being refreshed -------------------------------------------------------------------

    def refresh_from(self, store: Store, now: float, *, force: bool = False) -> None:
        """Look at the store, if it is time. ``now`` in seconds, of any steady clock."""
        if not self.shown or (not force and now - self._looked < self.period - 0.01):
            return
        self._looked = now
        self.look(store, now)
        self.refresh_edges()

    @property
    def new(self) -> bool:
        """Whether it has not looked at the store yet."""
        return self._looked < 0

    @property
    def shown(self) -> bool:
        """Whether there is anything of it on the screen."""
        return self.is_attached and self.display and self.size.height > 0

    def refresh_edges(self) -> None:
        """Draw title and bottom line again if they changed."""
        edges = (self.heading(), self.more, self.note(), self.foot(), self.has_focus, self.sides)
        if edges != self._edges:
            self._edges = edges
            self.refresh(Region(0, 0, self.size.width, 1))
            self.refresh(Region(0, self.size.height - 1, self.size.width, 1))

    def refresh_body(self, y: int | None = None) -> None:
        """Draw line ``y`` of the body again, or all of it."""
        if y is None:
            self.refresh(Region(0, 1, self.size.width, self.body_height))
        elif y < self.body_height:
            self.refresh(Region(0, y + 1, self.size.width, 1))

    def restyle(self, palette: Palette, *, sides: bool = True) -> None:
        """Another theme, or another width of the whole screen."""
        self.palette = palette
        self.sides = sides
        self.forget()
        self.refresh()

    def forget(self) -> None:
        """Drop what was drawn before: colours or widths are others now."""

    # -- sizes -----------------------------------------------------------------------------

    @property
    def body_height(self) -> int:
        """Lines of the body."""
        return max(self.size.height - (2 if self.sides else 1), 0)

    @property
    def body_width(self) -> int:
        """Cells of a line of the body."""
        return max(self.size.width - (2 if self.sides else 0), 0)

    # -- drawing ---------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """One line of the pane, frame included."""
        cells = self.size.width
        if y == 0:
            return self._top_edge(cells)
        if self.sides and y == self.size.height - 1:
            return self._bottom_edge(cells)
        return self.body_strip(y - 1, cells - (2 if self.sides else 0))

    def body_strip(self, y: int, cells: int) -> Strip:
        """Line ``y`` of the body with the sides of the frame, ``cells`` wide between them."""
        return self.framed(self.draw_body(y, cells), cells)

    def framed(self, pieces: list[Piece], inner: int) -> Strip:
        """Pieces as a strip between the sides, filled up to ``inner`` cells."""
        segments = [Segment(text, style) for text, style in pieces if text]
        used = sum(width(text) for text, _ in pieces)
        if used < inner:
            segments.append(Segment(" " * (inner - used), self.palette.text))
        strip = Strip(segments, max(used, inner))
        if used > inner:
            strip = strip.crop(0, inner)
        if not self.sides:
            return strip
        side = Segment("│", self._edge_style)
        return Strip([side, *strip, side], inner + 2)

    @property
    def _edge_style(self) -> Style:
        return self.palette.border_focus if self.has_focus else self.palette.border

    def _top_edge(self, cells: int) -> Strip:
        palette, edge = self.palette, self._edge_style
        left, right = ("╭─ ", "╮") if self.sides else ("── ", "")
        room = cells - len(left) - len(right) - 2
        title = crop(self.heading() + self.more, room)
        note = self.note()
        gap = room - width(title)
        if note and gap < 6:
            note = ""
        note = crop(note, gap - 2) if note else ""
        rest = room - width(title) - (width(note) + 2 if note else 0)
        pieces: list[Piece] = [
            (left if title else left.replace(" ", "─"), edge),
            (title, palette.title_focus if self.has_focus else palette.title),
            ((" " if title else "─") + "─" * rest, edge),
        ]
        if note:
            style = palette.accent if self.noted else palette.muted
            pieces += [(" ", edge), (note, style), (" ", edge)]
        pieces.append(("─" + right, edge))
        return Strip([Segment(text, style) for text, style in pieces], cells)

    def _bottom_edge(self, cells: int) -> Strip:
        foot = crop(self.foot(), cells - 6)
        edge = self._edge_style
        if not foot:
            return Strip([Segment("╰" + "─" * (cells - 2) + "╯", edge)], cells)
        line = "─" * (cells - 5 - width(foot))
        return Strip(
            [
                Segment("╰" + line + " ", edge),
                Segment(foot, self.palette.muted),
                Segment(" ─╯", edge),
            ],
            cells,
        )

    # -- the keyboard and the mouse --------------------------------------------------------

    def on_focus(self) -> None:
        """A focused pane has another frame."""
        self.forget()
        self.refresh()

    def on_blur(self) -> None:
        """So has one that lost the focus."""
        self.forget()
        self.refresh()

    def on_resize(self, event: events.Resize) -> None:
        """Another size: nothing that was drawn fits any more.

        Textual also says so of a pane that is shown again as it was: that costs nothing.
        """
        if event.size != self._drawn_size:
            self._drawn_size = event.size
            self.forget()
            self.refresh()

    def page(self) -> int:
        """How many lines page up and page down move."""
        return max(self.body_height - 2, 1)

    def move(self, lines: int) -> None:
        """Move the cursor or the view by ``lines``; the whole list when it is that far."""

    def pan(self, cells: int) -> None:
        """Move sideways."""

    def scroll_view(self, lines: int) -> None:
        """Move the view and leave the cursor where it is: the wheel."""
        self.move(lines)

    def action_cursor_up(self) -> None:
        self.move(-1)

    def action_cursor_down(self) -> None:
        self.move(1)

    def action_cursor_left(self) -> None:
        self.pan(-8)

    def action_cursor_right(self) -> None:
        self.pan(8)

    def action_page_up(self) -> None:
        self.move(-self.page())

    def action_page_down(self) -> None:
        self.move(self.page())

    def action_first(self) -> None:
        self.move(-(1 << 40))

    def action_last(self) -> None:
        self.move(1 << 40)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.scroll_view(-3)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.scroll_view(3)

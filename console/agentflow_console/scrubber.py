"""Scrubber: the line under the panes of a replay that shows its time, and moves it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar, cast

from rich.style import Style

from agentflow_console.bindings import bindings
from agentflow_console.commands import SCRUBBER
from agentflow_console.line import Line, length
from agentflow_console.link.kinds import as_recorded
from agentflow_console.panes.base import Piece

if TYPE_CHECKING:
    from textual import events
    from textual.binding import BindingType

    from agentflow_console.app import ConsoleApp
    from agentflow_console.link.recorded import RecordedLink

_LEAST = 10  # cells of the rail, below which the times beside it go


class Scrubber(Line, can_focus=True):
    """A rail from the beginning of the recording to its end, with a mark where something failed.

    The left key and the right one go a cell back and on, home and end to the ends; the mouse
    goes where it is pressed or drawn to.
    """

    DEFAULT_CSS = """
    Scrubber { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings(SCRUBBER)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._rail = (0, 1)  # its first cell, and how many there are
        self._drawn = False
        self._marked: tuple[object, frozenset[int]] = ((), frozenset())

    @property
    def link(self) -> RecordedLink | None:
        """What it moves, while a recording is shown."""
        return as_recorded(self.console.link)

    @property
    def console(self) -> ConsoleApp:
        """The app."""
        return cast("ConsoleApp", self.app)

    def refresh_from(self, app: ConsoleApp) -> None:
        """Show where it is; nothing where nothing is replayed."""
        link = self.link
        self.display = link is not None
        if link is not None:
            self.say(self._pieces(link))

    def _pieces(self, link: RecordedLink) -> list[Piece]:
        palette = self.palette
        span, at = link.recording.span, link.at
        sign = "▶" if link.playing else "‖"
        focused = palette.key if self.has_focus else palette.bar
        day = "%a " if span.end - span.start > 80_000 else ""
        head: list[Piece] = [
            (f" {sign} ", focused),
            (f"{_clock(at, day)}.{int(at * 10) % 10} ", palette.bar),
        ]
        tail: list[Piece] = [(f" {_clock(span.end, day)} ×{link.speed:g} ", palette.bar_muted)]
        if self.cells - length(head) - length(tail) < _LEAST:
            tail = []
        cells = max(self.cells - length(head) - length(tail), 1)
        self._rail = (length(head), cells)
        here = self._cell(at)
        marks = self._marks(link, cells)
        rail: list[Piece] = []
        for cell in range(cells):
            if cell == here:
                piece: Piece = ("●", focused)
            elif cell in marks:
                piece = ("╽" if cell < here else "╷", _on(palette.error, palette.bar))
            else:
                piece = ("━", palette.bar) if cell < here else ("─", palette.bar_muted)
            _append(rail, piece)
        return head + rail + tail

    def _marks(self, link: RecordedLink, cells: int) -> frozenset[int]:
        """The cells in whose time something failed."""
        failures = link.replay.failures()
        seen = (len(failures), cells, link.recording.span)
        if self._marked[0] != seen:
            self._marked = (seen, frozenset(map(self._cell, failures)))
        return self._marked[1]

    def _cell(self, at: float) -> int:
        link = self.link
        assert link is not None
        span, cells = link.recording.span, self._rail[1]
        share = (at - span.start) / ((span.end - span.start) or 1.0)
        return min(max(round(share * (cells - 1)), 0), cells - 1)

    def _time(self, cell: int) -> float:
        link = self.link
        assert link is not None
        span, cells = link.recording.span, self._rail[1]
        share = min(max(cell, 0), cells - 1) / max(cells - 1, 1)
        return span.start + share * (span.end - span.start)

    # -- moving -------------------------------------------------------------------------

    def action_cell(self, step: int) -> None:
        """Go so many cells on, or back."""
        link = self.link
        if link is not None:
            span = link.recording.span
            self.console.seek(link.at + step * (span.end - span.start) / max(self._rail[1], 1))

    def action_play(self) -> None:
        """Play, or stop."""
        self.console.action_freeze()

    def action_end(self, which: int) -> None:
        """Go to the beginning (0) or to the end (1)."""
        link = self.link
        if link is not None:
            self.console.seek(link.recording.span[which])

    def action_leave(self) -> None:
        """Give the keyboard back to the pane."""
        if self.console.room is not None:
            self.console.room.focus_pane()

    def on_focus(self) -> None:
        self.refresh_from(self.console)

    def on_blur(self) -> None:
        self.refresh_from(self.console)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        event.stop()
        self._drawn = True
        self.capture_mouse()
        self._go_to(event.x)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._drawn:
            self._go_to(event.x)

    def on_mouse_up(self) -> None:
        self._drawn = False
        self.release_mouse()

    def _go_to(self, x: int) -> None:
        if self.link is not None:
            self.console.seek(self._time(x - self._rail[0]))


def _append(rail: list[Piece], piece: Piece) -> None:
    if rail and rail[-1][1] == piece[1]:
        piece = (rail.pop()[0] + piece[0], piece[1])
    rail.append(piece)


def _clock(at: float, day: str) -> str:
    return time.strftime(f"{day}%H:%M:%S", time.localtime(at))


def _on(style: Style, bar: Style) -> Style:
    return bar + Style(color=style.color)

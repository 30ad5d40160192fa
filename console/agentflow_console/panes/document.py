"""Document: a pane of lines to read: the detail of an event, an agent, a hook."""

from __future__ import annotations

from collections.abc import Callable

from agentflow_console.panes.base import Pane, Piece
from agentflow_console.text import wrap

Lines = list[list[Piece]]


class DocumentPane(Pane):
    """Lines that scroll. ``show`` puts other ones in and keeps the place if it is the same."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.lines: Lines = []
        self.subject: object = None
        self.plain_of: Callable[[], str] | None = None
        self._top = 0

    def show(self, subject: object, heading: str, lines: Lines) -> None:
        """Show these lines about ``subject``; another subject starts at its top."""
        if subject != self.subject:
            self._top = 0
        changed = subject != self.subject or lines != self.lines
        self.subject, self.title, self.lines = subject, heading, lines
        self._top = min(self._top, self._last_top)
        if changed:
            self.refresh_body()
        self.refresh_edges()

    @property
    def _last_top(self) -> int:
        return max(len(self.lines) - self.body_height, 0)

    def move(self, lines: int) -> None:
        top = min(max(self._top + lines, 0), self._last_top)
        if top != self._top:
            self._top = top
            self.refresh_body()
            self.refresh_edges()

    def forget(self) -> None:
        self._top = min(self._top, self._last_top)

    def foot(self) -> str:
        if not self._last_top:
            return ""
        last = min(self._top + self.body_height, len(self.lines))
        return f"{self._top + 1}–{last} of {len(self.lines)}"

    def draw_body(self, y: int, cells: int) -> list[Piece]:
        index = self._top + y
        return self.lines[index] if index < len(self.lines) else []

    def copy_text(self) -> str:
        """What ``plain_of`` says, or the lines as they are."""
        if self.plain_of is not None:
            return self.plain_of()
        return "\n".join("".join(text for text, _ in line).rstrip() for line in self.lines)


def folded(pieces: list[Piece], text: Piece, cells: int, indent: int = 0) -> Lines:
    """``pieces`` and then a long text, on as many lines as it needs."""
    first, *rest = wrap(text[0], max(cells - indent, 8))
    lines: Lines = [[*pieces, (first, text[1])]]
    lines += [[(" " * indent, text[1]), (line, text[1])] for line in rest]
    return lines

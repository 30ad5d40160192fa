"""The text of the configuration file, with what is wrong marked on its line."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.style import Style

from agentflow.telemetry.snapshot import ProblemRow
from agentflow_console.palette import Palette
from agentflow_console.panes.base import Piece
from agentflow_console.panes.document import DocumentPane, Lines, folded
from agentflow_console.text import crop, safe

_LINES = 4_000
_TABLE = re.compile(r"\s*\[")
_PAIR = re.compile(r"(\s*)([^=#\"'\[\]{}]+?)(\s*=\s*)(.*)")
_COMMENT = re.compile(r"""(?:[^#"']|"(?:[^"\\]|\\.)*"|'[^']*')*?(#.*)$""")


class ConfigText(DocumentPane):
    """The file, numbered; ``go_to`` brings a line into view."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._at: dict[int, int] = {}

    def show_file(
        self, subject: object, name: str, text: str, problems: Sequence[ProblemRow]
    ) -> None:
        """Show a file's text; each problem stands below the line that it is about."""
        new = subject != self.subject
        lines, self._at = text_lines(text, problems, self.palette, self.body_width)
        self.show(subject, name, lines)
        if new and problems:
            self.go_to(min(problem.line for problem in problems))

    def go_to(self, line: int) -> None:
        """Scroll so that this line of the file, from 1, is in the upper half."""
        place = self._at.get(line, 0)
        self.move(max(place - self.body_height // 3, 0) - self._top)


def text_lines(
    text: str, problems: Sequence[ProblemRow], palette: Palette, cells: int
) -> tuple[Lines, dict[int, int]]:
    """The lines to show, and where each line of the file is among them."""
    bad: dict[int, list[ProblemRow]] = {}
    for problem in problems:
        bad.setdefault(max(problem.line, 1), []).append(problem)
    written = text.splitlines()[:_LINES]
    gutter = len(str(len(written))) + 1
    lines: Lines = []
    at: dict[int, int] = {}
    for number, line in enumerate(written, 1):
        at[number] = len(lines)
        here = bad.get(number, [])
        mark = ("✗" if any(one.severity == "error" for one in here) else "!") if here else " "
        style = _severity(here[0], palette) if here else palette.faint
        room = cells - gutter - 3
        shown = crop(safe(line.rstrip("\n"), 2_000), room)
        lines.append(
            [
                (f"{number:>{gutter}} ", palette.muted if not here else style),
                (mark + " ", style),
                *_marked(_colored(shown, palette), here, palette),
            ]
        )
        for problem in here:
            lines += _said(problem, gutter, palette, cells)
    for number in sorted(set(bad) - set(at)):  # behind the end of the text
        for problem in bad[number]:
            lines += _said(problem, gutter, palette, cells)
    return lines, at


def _said(problem: ProblemRow, gutter: int, palette: Palette, cells: int) -> Lines:
    style = _severity(problem, palette)
    column = min(max(problem.column - 1, 0), max(cells - gutter - 30, 0))
    start: list[Piece] = [(" " * (gutter + 3 + column) + "╰ ", style)]
    return folded(start, (advice(problem), style), cells - 1, gutter + 5 + column)


def advice(problem: ProblemRow) -> str:
    """What is wrong, and what to do about it if somebody knows."""
    parts = (safe(problem.message, 300), safe(problem.suggestion, 200))
    return "; ".join(part for part in parts if part)


def _severity(problem: ProblemRow, palette: Palette) -> Style:
    return palette.error if problem.severity == "error" else palette.warning


def _colored(line: str, palette: Palette) -> list[Piece]:
    comment = ""
    if found := _COMMENT.match(line):
        comment = found[1]
        line = line[: found.start(1)]
    pieces: list[Piece]
    if _TABLE.match(line):
        pieces = [(line, palette.title_focus)]
    elif pair := _PAIR.match(line):
        pieces = [
            (pair[1] + pair[2], palette.text),
            (pair[3], palette.muted),
            (pair[4], palette.primary),
        ]
    else:
        pieces = [(line, palette.primary)]
    return [*pieces, (comment, palette.muted)]


def _marked(pieces: list[Piece], problems: list[ProblemRow], palette: Palette) -> list[Piece]:
    """The piece of the line from the bad column on, underlined."""
    if not problems:
        return pieces
    column = max(min(problem.column for problem in problems) - 1, 0)
    style = Style(underline=True)
    marked: list[Piece] = []
    used = 0
    for text, own in pieces:
        split = min(max(column - used, 0), len(text))
        marked += [(text[:split], own), (text[split:], own + style)]
        used += len(text)
    return marked

"""Prose: the parts that details are written with: headings, facts, tables, tracebacks."""

from __future__ import annotations

from collections.abc import Mapping

from agentflow_console.palette import Palette
from agentflow_console.panes.base import Piece
from agentflow_console.panes.document import Lines, folded
from agentflow_console.text import fit, safe

_NAME = 11  # cells of the name of a fact
_TRACE = 200  # lines of a traceback, of which the end says most


def section(title: str, palette: Palette, cells: int) -> Lines:
    """An empty line and a heading with a rule."""
    rule = "─" * max(cells - len(title) - 4, 0)
    return [[], [(f" {title} ", palette.heading), (rule, palette.faint)]]


def fact(name: str, value: str | Piece, palette: Palette, cells: int) -> Lines:
    """A name and its value, on as many lines as the value needs; nothing for no value."""
    text, style = value if isinstance(value, tuple) else (value, palette.text)
    if not text:
        return []
    start: list[Piece] = [(" " + fit(name, _NAME), palette.muted)]
    return folded(start, (safe(text), style), cells - 1, _NAME + 1)


def paragraph(text: str | Piece, palette: Palette, cells: int, indent: int = 1) -> Lines:
    """A text on as many lines as it needs."""
    words, style = text if isinstance(text, tuple) else (text, palette.text)
    return folded([(" " * indent, style)], (safe(words), style), cells - 1, indent)


def values(table: Mapping[str, object], palette: Palette, cells: int) -> Lines:
    """Keys and values, the keys as wide as the longest."""
    wide = min(max(max((len(str(key)) for key in table), default=0), 8), 24)
    lines: Lines = []
    for key, value in table.items():
        start: list[Piece] = [(" " + fit(safe(str(key), 80), wide) + " ", palette.muted)]
        lines += folded(start, (safe(str(value), 2_000), palette.text), cells - 1, wide + 2)
    return lines


def traceback(text: str, palette: Palette, cells: int) -> Lines:
    """A traceback, lines of one's own code brighter than those of libraries."""
    written = text.rstrip().splitlines()
    lines: Lines = []
    if len(written) > _TRACE:
        lines.append([(f" … {len(written) - _TRACE} earlier lines", palette.muted)])
    for line in written[-_TRACE:]:
        shown = safe(line.rstrip(), 400)
        own = shown.startswith("  File ") and "site-packages" not in shown
        lines += folded(
            [(" ", palette.text)], (shown, palette.text if own else palette.muted), cells - 1, 3
        )
    return lines

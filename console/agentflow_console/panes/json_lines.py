"""JSON as lines of a document: bounded, safe, keys and values apart by colour."""

from __future__ import annotations

import json
from typing import Any

from agentflow_console.palette import Palette
from agentflow_console.panes.base import Piece
from agentflow_console.panes.document import Lines
from agentflow_console.text import safe, wrap

_TEXT = 4_000  # characters of one text
_ITEMS = 200  # entries of one list or table
_DEPTH = 24
_LINES = 600


def json_lines(value: Any, palette: Palette, cells: int, indent: int = 1) -> Lines:
    """``value`` as indented JSON in lines of at most ``cells``; says what it left out."""
    lines: Lines = []
    _write(value, "", "", indent, 0, palette, cells, lines)
    if len(lines) > _LINES:
        left = len(lines) - _LINES
        lines = [*lines[:_LINES], [(f" … {left} more lines; y copies it all", palette.muted)]]
    return lines


def _write(
    value: Any, key: str, comma: str, indent: int, depth: int, palette: Palette, cells: int,
    lines: Lines,
) -> None:  # fmt: skip
    if len(lines) > _LINES * 2:
        return
    start: list[Piece] = [(" " * indent, palette.text)]
    if key:
        start += [(key, palette.primary), (": ", palette.muted)]
    if isinstance(value, dict | list | tuple) and value:
        table = isinstance(value, dict)
        opened, closed = ("{", "}") if table else ("[", "]")
        if depth >= _DEPTH:
            lines.append([*start, (f"{opened} … {closed}{comma}", palette.muted)])
            return
        lines.append([*start, (opened, palette.muted)])
        entries = list(value.items()) if isinstance(value, dict) else [("", one) for one in value]
        for number, (name, one) in enumerate(entries[:_ITEMS]):
            after = "," if number < len(entries) - 1 else ""
            shown = safe(json.dumps(str(name), ensure_ascii=False), 200) if table else ""
            _write(one, shown, after, indent + 2, depth + 1, palette, cells, lines)
        if len(entries) > _ITEMS:
            more = f"… {len(entries) - _ITEMS} more entries"
            lines.append([(" " * (indent + 2), palette.text), (more, palette.muted)])
        lines.append([(" " * indent, palette.text), (closed + comma, palette.muted)])
        return
    _write_atom(value, start, comma, indent, palette, cells, lines)


def _write_atom(
    value: Any, start: list[Piece], comma: str, indent: int, palette: Palette, cells: int,
    lines: Lines,
) -> None:  # fmt: skip
    more = ""
    if isinstance(value, str):
        if len(value) > _TEXT:
            more = f" … {len(value) - _TEXT} more characters; y copies it all"
            value = value[:_TEXT]
        text, style = safe(json.dumps(value, ensure_ascii=False), _TEXT * 3), palette.success
    else:
        text, style = safe(_plain(value), 400), palette.accent
    used = sum(len(piece) for piece, _ in start)
    room = max(cells - used - 1, 12)
    first, *rest = wrap(text + comma, room)
    lines.append([*start, (first, style)])
    blank = " " * (used if cells - used > 20 else indent + 2)
    lines.extend([(blank, palette.text), (line, style)] for line in rest)
    if more:
        lines.append([(blank, palette.text), (more, palette.muted)])


def _plain(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        return repr(value)

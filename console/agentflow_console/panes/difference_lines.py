"""A difference as lines of a document: + added, - removed, ~ changed, also without colour."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from agentflow.telemetry.difference import ADDED, REMOVED, Change
from agentflow_console.palette import Palette
from agentflow_console.panes.base import Piece
from agentflow_console.panes.document import Lines, folded
from agentflow_console.text import safe

_CHANGES = 200  # that are shown
_VALUE = 240  # characters of a value
_SIGNS = {ADDED: "+", REMOVED: "-"}


def difference_lines(changes: Sequence[Change], palette: Palette, cells: int) -> Lines:
    """A line or a few for each change: sign, path, and old → new."""
    lines: Lines = []
    for change in changes[:_CHANGES]:
        style = {ADDED: palette.success, REMOVED: palette.error}.get(change.kind, palette.warning)
        sign = _SIGNS.get(change.kind, "~")
        start: list[Piece] = [
            (f" {sign} ", style), (safe(change.place, 120), palette.primary), ("  ", palette.text),
        ]  # fmt: skip
        lines += _value(start, change, style, cells)
    if len(changes) > _CHANGES:
        lines.append([(f" … {len(changes) - _CHANGES} more changes", palette.muted)])
    return lines


def _value(start: list[Piece], change: Change, style: Any, cells: int) -> Lines:
    if change.kind == ADDED:
        text = short(change.new)
    elif change.kind == REMOVED:
        text = short(change.old)
    else:
        text = f"{short(change.old)} → {short(change.new)}"
    used = sum(len(piece) for piece, _ in start)
    if used + len(text) <= cells - 1:
        return [[*start, (text, style)]]
    if used > cells // 2:  # the path is long: its value goes below
        return [start, *folded([("     ", style)], (text, style), cells - 1, 5)]
    return folded(start, (text, style), cells - 1, used)


def summary(changes: Sequence[Change]) -> str:
    """How many there are of each: ``+2 -1 ~3``."""
    kinds = [change.kind for change in changes]
    added, removed = kinds.count(ADDED), kinds.count(REMOVED)
    counts = ((added, "+"), (removed, "-"), (len(kinds) - added - removed, "~"))
    return " ".join(f"{sign}{count}" for count, sign in counts if count) or "nothing"


def plain_lines(changes: Sequence[Change]) -> list[str]:
    """The same as text."""
    found = []
    for change in changes:
        sign = _SIGNS.get(change.kind, "~")
        both = f"{_json(change.old)} → {_json(change.new)}"
        value = {ADDED: _json(change.new), REMOVED: _json(change.old)}.get(change.kind, both)
        found.append(f"{sign} {change.place}  {value}")
    return found


def short(value: Any) -> str:
    """A value on one line, cut where it is long."""
    return safe(_json(value), _VALUE)


def _json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=repr)
    except (TypeError, ValueError, RecursionError):
        return repr(value)

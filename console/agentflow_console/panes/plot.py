"""Plots as text: numbers over time in eighths of a block, or in braille dots."""

from __future__ import annotations

from collections.abc import Sequence

_BARS = "▁▂▃▄▅▆▇█"
_DOTS = ((0x40, 0x80), (0x04, 0x20), (0x02, 0x10), (0x01, 0x08))  # from the bottom: left, right


def bars(values: Sequence[float], cells: int, top: float = 0.0) -> str:
    """One line of ``cells`` blocks, the newest value at the right; ``top`` is full height.

    Without ``top`` the greatest value is. What is not known yet is blank.
    """
    values = values[-cells:]
    top = top or max(values, default=0.0)
    if top <= 0:
        return (_BARS[0] * len(values)).rjust(cells)
    last = len(_BARS) - 1
    return "".join([_BARS[min(max(round(value / top * last), 0), last)] for value in values]).rjust(
        cells
    )


def thin(values: Sequence[float], columns: int) -> list[float]:
    """At most ``columns`` values: the greatest of each stretch, so that no peak gets lost."""
    count = len(values)
    if count <= columns:
        return list(values)
    return [
        max(values[index * count // columns : max((index + 1) * count // columns, 1)])
        for index in range(columns)
    ]


def braille(values: Sequence[float], cells: int, lines: int, top: float = 0.0) -> list[str]:
    """A filled plot of ``lines`` lines, two values to a cell, the newest at the right."""
    columns, dots = cells * 2, lines * 4
    values = thin(values, columns)
    top = top or max(values, default=0.0) or 1.0
    heights = [0] * (columns - len(values)) + [_height(value, top, dots) for value in values]
    rows = []
    for line in range(lines - 1, -1, -1):
        base = line * 4
        row = []
        for cell in range(0, columns, 2):
            left, right = heights[cell] - base, heights[cell + 1] - base
            code = 0x2800
            for step, (one, other) in enumerate(_DOTS):
                if left > step:
                    code |= one
                if right > step:
                    code |= other
            row.append(chr(code))
        rows.append("".join(row))
    return rows


def _height(value: float, top: float, dots: int) -> int:
    if value <= 0:
        return 0
    return min(max(round(value / top * dots), 1), dots)


def axis_top(value: float) -> float:
    """The round number at or above ``value`` that an axis ends with: 1, 2 or 5 times ten."""
    if value <= 0:
        return 1.0
    power = 1.0
    while power * 10 <= value:
        power *= 10
    while power > value:
        power /= 10
    for step in (1, 2, 5, 10):
        if step * power >= value * 0.999:
            return step * power
    return 10 * power

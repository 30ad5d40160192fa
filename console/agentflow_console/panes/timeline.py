"""Timeline: stretches of time as cells, in eighths of a cell, and the ticks above them."""

from __future__ import annotations

from dataclasses import dataclass

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_STEPS = (1.0, 2.0, 5.0, 10.0)
_DAY = 86_400.0
_LONG = (60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 10_800.0, 21_600.0, 43_200.0,
         _DAY)  # fmt: skip
_TICK = 10  # cells that a tick needs


@dataclass(frozen=True, slots=True)
class Axis:
    """From ``start`` (seconds since the epoch) on, ``length`` seconds on ``cells`` cells."""

    start: float
    length: float
    cells: int

    def eighth(self, moment: float) -> int:
        """Where a moment is, in eighths of a cell from the left edge, within the axis."""
        share = (moment - self.start) / self.length if self.length > 0 else 0.0
        return round(min(max(share, 0.0), 1.0) * self.cells * 8)

    def ticks(self) -> str:
        """Times since the start, each beginning at the cell that it names."""
        if self.cells < 4:
            return ""
        step = _nice(self.length * _TICK / self.cells)
        line = [" "] * self.cells
        count = int(self.length / step + 1e-9) if step else 0
        free = 0
        for number in range(count + 1):
            text = _label(number * step, step)
            at = self.eighth(self.start + number * step) // 8
            if at >= free and at + len(text) <= self.cells:
                line[at : at + len(text)] = text
                free = at + len(text) + 1
        return "".join(line)


def _nice(length: float) -> float:
    """The least round time that is not below ``length``, in seconds."""
    if length <= 0:
        return 0.0
    for step in _LONG:
        if 60 <= length <= step or (step == 60 and 50 < length <= 60):
            return step
    unit = _DAY if length > _DAY else 1.0
    power = 1e-6
    while power * 10 < length / unit:
        power *= 10
    return unit * next(power * step for step in _STEPS if power * step >= length / unit * 0.999)


def _label(seconds: float, step: float) -> str:
    if not seconds:
        return "0"
    for unit, word in ((_DAY, "d"), (3600.0, "h"), (60.0, "m"), (1.0, "s")):
        if step >= unit:
            return f"{seconds / unit:g}{word}"
    return f"{seconds * 1e3:.0f}ms" if step >= 0.001 else f"{seconds * 1e6:.0f}µs"


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar on the cells of an axis: ``before`` blanks, then text; ``edge`` is its first cell.

    ``edge`` is to be drawn with its colours swapped: that is how a bar begins inside a cell.
    """

    before: int
    edge: str
    text: str


def solid(start: int, end: int) -> Bar:
    """A bar from one eighth to another; it is never less than an eighth long."""
    end = max(end, start + 1)
    first, inside = divmod(start, 8)
    last, over = divmod(end, 8)
    if first == last:
        return Bar(first, "", _EIGHTHS[max(over - inside, 1)])
    edge = _EIGHTHS[inside] if inside else ""
    full = last - first - (1 if inside else 0)
    return Bar(first, edge, "█" * full + (_EIGHTHS[over] if over else ""))


def dashed(start: int, end: int, *, mark: str, closed: bool) -> Bar:
    """A thin line of ``mark`` from one eighth to another, with an end only when ``closed``."""
    first, last = start // 8, max((end + 7) // 8, start // 8 + 1)
    length = last - first
    if length == 1:
        return Bar(first, "", "├")
    return Bar(first, "", "├" + mark * (length - 2) + ("┤" if closed else mark))

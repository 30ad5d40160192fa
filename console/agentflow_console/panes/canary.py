"""Canary: a version that is being tried out, beside the one that runs."""

from __future__ import annotations

from collections.abc import Callable

from rich.style import Style

from agentflow.telemetry.snapshot import CanaryRow, SideRow
from agentflow_console import show
from agentflow_console.palette import Palette
from agentflow_console.panes.base import Piece
from agentflow_console.panes.document import Lines
from agentflow_console.panes.prose import paragraph
from agentflow_console.text import fit, safe

_NAME = 10  # cells of the name of a figure
_FIGURE = 14


def canary_lines(row: CanaryRow, palette: Palette, cells: int, *, short: bool = False) -> Lines:
    """Both versions since the canary began; ``short`` leaves out how they run events."""
    old, new = row.old, row.new
    head: list[Piece] = [
        (" " + " " * _NAME, palette.muted),
        (fit(f"v{old.version} runs", _FIGURE), palette.strong),
        (fit(f"v{new.version} canary", _FIGURE), palette.accent),
    ]
    lines: Lines = paragraph((who(row), palette.muted), palette, cells)
    lines.append(head)
    for name, figure in _FIGURES.items():
        lines.append(
            [
                (" " + fit(name, _NAME), palette.muted),
                (fit(figure(old), _FIGURE), palette.text),
                (fit(figure(new), _FIGURE), _worse(name, old, new, palette)),
            ]
        )
    if not short:
        for side in (old, new):
            lines += paragraph(f"v{side.version}  {side.agents}", palette, cells)
    return lines


def who(row: CanaryRow) -> str:
    """Which sessions have the new version."""
    what = "every new session" if row.share >= 100 else f"{row.share:g}% of the new sessions"
    known = f"{row.known:,} known session{'s'[: row.known != 1]}"
    return f"For {what} since {show.clock_short(row.since)}; {known} stay with v{row.old.version}."


def dead(side: SideRow) -> str:
    """How many ended without success, and the share of all."""
    return f"{show.count(side.dead)}  {error_rate(side) * 100:.1f}%" if side.events else "0"


def error_rate(side: SideRow) -> float:
    """The share of the events that ended without success."""
    return side.dead / side.events if side.events else 0.0


def took(side: SideRow, seconds: float) -> str:
    """A duration, if anything has ended."""
    return show.duration(seconds) if side.events else "—"


_FIGURES: dict[str, Callable[[SideRow], str]] = {
    "mode": lambda side: safe(side.mode, 20),
    "events": lambda side: show.count(side.events),
    "dead": dead,
    "running": lambda side: show.count(side.in_flight),
    "rate": lambda side: f"{show.rate(side.rate)}/s",
    "p50": lambda side: took(side, side.p50),
    "p95": lambda side: took(side, side.p95),
}


def _worse(name: str, old: SideRow, new: SideRow, palette: Palette) -> Style:
    """Red for the figure of the new version that is clearly worse."""
    if name == "dead" and error_rate(new) > error_rate(old) + 0.01:
        return palette.error
    if name in ("p50", "p95") and old.events and new.events:
        before, after = (old.p50, new.p50) if name == "p50" else (old.p95, new.p95)
        if after > 1.5 * before:
            return palette.warning
    return palette.text

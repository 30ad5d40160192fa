"""Show: values as people read them. Every answer has a width that stays the same."""

from __future__ import annotations

import time
from functools import lru_cache

GLYPHS = {
    "queued": "○", "running": "●", "held": "‖", "retrying": "↻", "succeeded": "✓", "dead": "✗",
    "idle": "○", "paused": "‖", "stopped": "✗", "open": "⊘", "disabled": "–",
    "missing": "?",
    "ok": "✓", "failed": "✗", "vetoed": "⊘",
}  # fmt: skip
"""The glyph of each state; it never stands without its word."""


def state(name: str) -> str:
    """A state as glyph and word: ``● running``."""
    return f"{GLYPHS.get(name, '·')} {name}"


def duration(seconds: float) -> str:
    """Seconds as ``88µs``, ``2ms``, ``1.2s``, ``3m05``, ``2h07``: at most five cells."""
    if seconds < 0:
        return "…"
    if seconds < 0.0009995:
        return f"{seconds * 1e6:.0f}µs"
    if seconds < 0.0099950:
        return f"{seconds * 1e3:.1f}ms"
    if seconds < 0.9995:
        return f"{seconds * 1e3:.0f}ms"
    if seconds < 9.95:
        return f"{seconds:.1f}s"
    if seconds < 59.5:
        return f"{seconds:.0f}s"
    minutes = round(seconds / 60) if seconds >= 3600 else int(seconds // 60)
    if seconds < 3600:
        return f"{minutes}m{int(seconds % 60):02}"
    if minutes < 24 * 60:
        return f"{minutes // 60}h{minutes % 60:02}"
    return f"{minutes // 1440}d"


def count(number: float) -> str:
    """A number in at most five cells: ``412``, ``9999``, ``12.4k``, ``3.1M``."""
    if number < 10_000:
        return f"{number:.0f}"
    if number < 99_950:
        return f"{number / 1e3:.1f}k"
    if number < 999_500:
        return f"{number / 1e3:.0f}k"
    if number < 99_950_000:
        return f"{number / 1e6:.1f}M"
    return f"{number / 1e6:.0f}M"


def rate(number: float) -> str:
    """Events a second in at most five cells, with a decimal where it says something."""
    return f"{number:.1f}" if 0 < number < 9.95 else count(number)


def clock(seconds: float) -> str:
    """A moment as local time with milliseconds: ``12:04:31.204``."""
    whole = int(seconds)
    return f"{_second(whole)}.{int((seconds - whole) * 1000):03}"


def clock_short(seconds: float) -> str:
    """A moment as local time of day: ``12:04:31``."""
    return _second(int(seconds))


@lru_cache(256)
def _second(whole: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(whole))


def ago(seconds: float) -> str:
    """How long since: ``now``, ``12s``, ``4m``, ``2h``."""
    if seconds < 1:
        return "now"
    if seconds < 60:
        return f"{seconds:.0f}s"
    if seconds < 3600:
        return f"{seconds // 60:.0f}m"
    if seconds < 86_400:
        return f"{seconds // 3600:.0f}h"
    return f"{seconds // 86_400:.0f}d"


def memory(size: int) -> str:
    """Bytes as ``48 MB``."""
    return f"{size / 1e6:.0f} MB"


def size(number: float) -> str:
    """Bytes as ``812 B``, ``1.2 kB``, ``41 kB``, ``51 GB``."""
    value, unit = number, "B"
    for bigger in ("kB", "MB", "GB"):
        if value < 999.5:
            break
        value, unit = value / 1000, bigger
    return f"{value:.1f} {unit}" if unit != "B" and value < 9.95 else f"{value:.0f} {unit}"

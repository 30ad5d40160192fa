"""Words: moments and sizes as the command line writes them."""

from __future__ import annotations

import time
from pathlib import Path


def when(seconds: float) -> str:
    """A moment in local time: ``2025-03-01 12:04:31``."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def size(path: Path) -> str:
    """The size of a file: ``412 kB``, ``48.1 MB``."""
    try:
        number = path.stat().st_size
    except OSError:
        return "of unknown size"
    return f"{number / 1e3:,.0f} kB" if number < 1e6 else f"{number / 1e6:,.1f} MB"

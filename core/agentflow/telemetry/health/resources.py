"""Resources: what the operating system says of this process."""

from __future__ import annotations

import os
from pathlib import Path

_PAGE_SIZE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def memory() -> int:
    """Bytes of memory that this process uses; 0 where that can't be read."""
    try:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - twenty times a second
            return int(file.read().split()[1]) * _PAGE_SIZE
    except (OSError, ValueError, IndexError):
        return 0


def memory_limit() -> int:
    """Bytes that this process may use: its container's limit or the machine's memory.

    0 where neither can be read.
    """
    limits = [_machine()]
    for path in _LIMITS:
        try:
            limits.append(int(Path(path).read_text("ascii")))
        except (OSError, ValueError):  # "max": no limit
            continue
    return min((limit for limit in limits if limit > 0), default=0)


def _machine() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * _PAGE_SIZE
    except (AttributeError, OSError, ValueError):
        return 0

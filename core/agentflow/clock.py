"""Clock: where the engine gets time and chance from, so that tests can turn the hands."""

from __future__ import annotations

import random
import time
from collections.abc import Callable


class Clock:
    """Real time. ``monotonic`` never goes back; ``time`` is seconds since the epoch.

    Both are in seconds. The two are kept apart because the wall clock can jump:
    durations and timeouts use the first, deadlines and displayed times the second.
    ``random`` is what the waits before retries vary by.
    """

    random = random.Random()

    monotonic: Callable[[], float] = staticmethod(time.perf_counter)
    time: Callable[[], float] = staticmethod(time.time)

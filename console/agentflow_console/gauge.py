"""Gauge: how the console itself does: what a frame takes, how long keys wait, what it costs.

Feeding it costs less than a microsecond; what is to be read is worked out when somebody looks.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from agentflow.telemetry.health.resources import memory

_FRAMES, _KEYS = 256, 256
_RECENT = 5.0  # seconds that the figures of frames are about
_LEAST = 1.0  # seconds between two readings of counters


class Frame(NamedTuple):
    """Where one frame's time went, in seconds. ``at`` is of the steady clock."""

    at: float
    fetch: float  # from the question to the engine's answer
    apply: float  # taking the answer into the store
    paint: float  # from there until all that had changed was sent to the terminal


class Reading(NamedTuple):
    """How the console did in the last seconds. Times are in seconds, p95 of the frames."""

    fps: float  # frames that were painted, a second
    fetch: float
    apply: float
    paint: float
    taken: float  # how long the terminal took for what it was sent
    key_p50: float
    key_p99: float
    keys: int  # pressed so far, as far as they are remembered
    bytes_rate: float  # to the terminal, a second
    skipped: int  # frames, so far
    cpu: float  # share of a core that this process takes
    memory: int  # bytes of this process


class Gauge:
    """Fed by the pump and the app; ``read`` says what came of it."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._frames: deque[Frame] = deque(maxlen=_FRAMES)
        self._keys: deque[float] = deque(maxlen=_KEYS)
        self._painted = 0
        self._pressed = 0
        self.skipped = 0
        """Frames that were left out because the terminal could not take them."""
        self._counters = (clock(), 0, 0, time.process_time())
        self._rates = (0.0, 0.0, 0.0)

    def frame(self, fetch: float, apply: float, paint: float) -> None:
        """A frame was painted."""
        self._painted += 1
        self._frames.append(Frame(self._clock(), fetch, apply, paint))

    def key(self, lag: float) -> None:
        """What a key did was painted so many seconds after it was pressed."""
        self._pressed += 1
        self._keys.append(lag)

    def worst(self, seconds: float) -> float:
        """What the slowest frame of the last seconds took, without the engine's share."""
        since = self._clock() - seconds
        worst = 0.0
        for frame in reversed(self._frames):
            if frame.at < since:
                break
            worst = max(worst, frame.apply + frame.paint)
        return worst

    def read(self, size: int, taken: list[tuple[float, float]]) -> Reading:
        """How it is now. ``size`` and ``taken`` are those of the terminal's output."""
        now = self._clock()
        before, painted, written, used = self._counters
        elapsed = now - before
        if elapsed >= _LEAST:
            cpu = time.process_time()
            self._rates = (
                (self._painted - painted) / elapsed,
                max(size - written, 0) / elapsed,
                (cpu - used) / elapsed,
            )
            self._counters = (now, self._painted, size, cpu)
        fps, bytes_rate, share = self._rates
        recent = [frame for frame in self._frames if frame.at > now - _RECENT]
        return Reading(
            fps,
            percentile([frame.fetch for frame in recent], 0.95),
            percentile([frame.apply for frame in recent], 0.95),
            percentile([frame.paint for frame in recent], 0.95),
            percentile([took for at, took in taken if at > now - _RECENT], 0.95),
            percentile(self._keys, 0.5),
            percentile(self._keys, 0.99),
            self._pressed,
            bytes_rate,
            self.skipped,
            share,
            memory(),
        )


def percentile(values: deque[float] | list[float], share: float) -> float:
    """The value below which that share of them lies; 0 for none."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0

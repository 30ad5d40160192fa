"""Metrics: counts and histograms that cost next to nothing to feed and nothing to keep."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

_BUCKETS_PER_OCTAVE = 8
_OCTAVES = 34
_LOWEST = 2.0**-20  # about a microsecond; the highest bound is about four and a half hours

BOUNDS = [
    _LOWEST * 2.0 ** (step / _BUCKETS_PER_OCTAVE) for step in range(_OCTAVES * _BUCKETS_PER_OCTAVE)
]
"""The upper bounds of the buckets, in seconds, 9 % apart."""

FOLD_AT = 256


class Histogram:
    """Durations in seconds, in fixed buckets from a microsecond to hours.

    ``add`` only appends to ``pending``; sorting into buckets is done in batches. The mean
    is of the true values, percentiles are the middle of their bucket.
    """

    __slots__ = ("_buckets", "_count", "_total", "maximum", "pending")

    def __init__(self) -> None:
        self.pending: list[float] = []
        self._buckets: list[int] | None = None
        self._count = 0
        self._total = 0.0
        self.maximum = 0.0

    def add(self, duration: float) -> None:
        """Count one duration."""
        pending = self.pending
        pending.append(duration)
        if len(pending) >= FOLD_AT:
            self.fold()

    def fold(self) -> None:
        """Sort what is pending into the buckets."""
        pending = self.pending
        if not pending:
            return
        buckets = self._buckets
        if buckets is None:
            buckets = self._buckets = [0] * (len(BOUNDS) + 1)
        # A sorted batch spans few buckets: one search for each beats arithmetic for each value.
        pending.sort()
        size = len(pending)
        done = 0
        while done < size:
            bucket = bisect_left(BOUNDS, pending[done])
            end = (
                bisect_right(pending, BOUNDS[bucket], done, size) if bucket < len(BOUNDS) else size
            )
            buckets[bucket] += end - done
            done = end
        self._count += size
        self._total += sum(pending)
        self.maximum = max(self.maximum, pending[-1])
        pending.clear()

    @property
    def count(self) -> int:
        """How many durations were counted."""
        return self._count + len(self.pending)

    @property
    def mean(self) -> float:
        """The true mean, in seconds; 0 when empty."""
        self.fold()
        return self._total / self._count if self._count else 0.0

    def percentiles(self, *shares: float) -> list[float]:
        """For each share (0.95 for p95) the duration below which it lies; 0 when empty."""
        self.fold()
        if not self._count or self._buckets is None:
            return [0.0] * len(shares)
        return percentiles_of(self._buckets, self._count, self.maximum, *shares)

    def buckets(self) -> list[int]:
        """How many durations there are in each bucket, to be compared with those of later."""
        self.fold()
        return [] if self._buckets is None else list(self._buckets)


def percentiles_of(
    buckets: Sequence[int], count: int, maximum: float, *shares: float
) -> list[float]:
    """The percentiles of ``count`` durations, of which none is longer than ``maximum``."""
    found = [0.0] * len(shares)
    wanted = sorted(range(len(shares)), key=lambda place: shares[place])
    seen = 0
    at = 0
    for index, number in enumerate(buckets):
        if not number:
            continue
        seen += number
        while at < len(wanted) and seen >= shares[wanted[at]] * count:
            found[wanted[at]] = min(middle_of(index), maximum)
            at += 1
        if at == len(wanted):
            break
    return found


def middle_of(bucket: int) -> float:
    """The duration in the middle of a bucket, in seconds."""
    upper = BOUNDS[min(bucket, len(BOUNDS) - 1)]
    return float(upper * (1 + 2.0 ** (-1 / _BUCKETS_PER_OCTAVE)) / 2)


class Rate:
    """Events a second, from readings of a counter taken at any intervals."""

    __slots__ = ("_count", "_time", "value")

    def __init__(self) -> None:
        self._count = 0
        self._time = 0.0
        self.value = 0.0

    def read(self, count: int, now: float) -> float:
        """The rate, given the counter's value ``count`` at ``now`` (monotonic seconds)."""
        elapsed = now - self._time
        if elapsed >= 1.0:
            fresh = (count - self._count) / elapsed if self._time else 0.0
            # Half a second of memory: steady enough to read, quick enough to follow.
            self.value = fresh if elapsed > 3 else 0.4 * self.value + 0.6 * fresh
            if self.value < 0.05:
                self.value = 0.0
            self._count, self._time = count, now
        return self.value


class Meter:
    """What is counted for one agent, mode or callback.

    ``abandoned`` are the runs that did not end when their time was up and were left behind.
    """

    __slots__ = (
        "abandoned", "errors", "last_error", "last_time", "latency", "rate", "retries",
        "tokens_in", "tokens_out",
    )  # fmt: skip

    def __init__(self) -> None:
        self.latency = Histogram()
        self.rate = Rate()
        self.errors = 0
        self.retries = 0
        self.abandoned = 0
        self.tokens_in = 0
        self.tokens_out = 0
        self.last_error = ""
        self.last_time = 0.0

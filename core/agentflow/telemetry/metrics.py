"""Metrics: counts and histograms that cost next to nothing to feed and nothing to keep."""

from __future__ import annotations

from math import frexp

_BUCKETS_PER_OCTAVE = 8
_LOWEST = -20  # 2**-20 s, about a microsecond
_HIGHEST = 14  # 2**14 s, about four and a half hours
_SIZE = (_HIGHEST - _LOWEST) * _BUCKETS_PER_OCTAVE
_FOLD_AT = 512


class Histogram:
    """Durations in seconds, in fixed buckets of about 6 % from a microsecond to hours.

    ``add`` only appends; the sorting into buckets is done in batches. The mean is of the
    true values, percentiles are the middle of their bucket.
    """

    __slots__ = ("_buckets", "_count", "_pending", "_total", "maximum")

    def __init__(self) -> None:
        self._pending: list[float] = []
        self._buckets: list[int] | None = None
        self._count = 0
        self._total = 0.0
        self.maximum = 0.0

    def add(self, duration: float) -> None:
        """Count one duration."""
        pending = self._pending
        pending.append(duration)
        if len(pending) >= _FOLD_AT:
            self._fold()

    def _fold(self) -> None:
        pending = self._pending
        if not pending:
            return
        buckets = self._buckets
        if buckets is None:
            buckets = self._buckets = [0] * _SIZE
        for duration in pending:
            buckets[bucket_of(duration)] += 1
        self._count += len(pending)
        self._total += sum(pending)
        self.maximum = max(self.maximum, max(pending))
        pending.clear()

    @property
    def count(self) -> int:
        """How many durations were counted."""
        return self._count + len(self._pending)

    @property
    def mean(self) -> float:
        """The true mean, in seconds; 0 when empty."""
        self._fold()
        return self._total / self._count if self._count else 0.0

    def percentiles(self, *shares: float) -> list[float]:
        """For each share (0.95 for p95) the duration below which it lies; 0 when empty."""
        self._fold()
        found = [0.0] * len(shares)
        if not self._count or self._buckets is None:
            return found
        wanted = sorted(range(len(shares)), key=lambda place: shares[place])
        seen = 0
        at = 0
        for index, number in enumerate(self._buckets):
            if not number:
                continue
            seen += number
            while at < len(wanted) and seen >= shares[wanted[at]] * self._count:
                found[wanted[at]] = min(middle_of(index), self.maximum)
                at += 1
            if at == len(wanted):
                break
        return found


def bucket_of(duration: float) -> int:
    """The bucket a duration falls into; what is out of range goes to the first or last."""
    mantissa, exponent = frexp(duration)  # 0.5 <= mantissa < 1
    index = (exponent - 1 - _LOWEST) * _BUCKETS_PER_OCTAVE + int((mantissa - 0.5) * 16)
    if index < 0 or duration <= 0:
        return 0
    return index if index < _SIZE else _SIZE - 1


def middle_of(index: int) -> float:
    """The duration in the middle of a bucket, in seconds."""
    octave, part = divmod(index, _BUCKETS_PER_OCTAVE)
    return float(2.0 ** (octave + _LOWEST) * (1 + (part + 0.5) / _BUCKETS_PER_OCTAVE))


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
    """What is counted for one agent, mode or callback."""

    __slots__ = (
        "errors", "in_flight", "last_error", "last_time", "latency", "rate", "retries",
        "tokens_in", "tokens_out",
    )  # fmt: skip

    def __init__(self) -> None:
        self.latency = Histogram()
        self.rate = Rate()
        self.errors = 0
        self.in_flight = 0
        self.retries = 0
        self.tokens_in = 0
        self.tokens_out = 0
        self.last_error = ""
        self.last_time = 0.0

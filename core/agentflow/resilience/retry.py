"""RetryPolicy: how often to try again, and how long to wait before it."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential backoff. Delays are in seconds.

    The wait before retry n (from 1) is ``initial_delay * backoff_factor ** (n - 1)``,
    at most ``max_delay``; with ``jitter`` a random part of up to a quarter is taken off,
    so that what failed together does not come back together.
    """

    max_retries: int = 3
    initial_delay: float = 1.0
    max_delay: float = 30.0
    backoff_factor: float = 2.0
    jitter: bool = True

    def delay(self, retry: int, rng: random.Random | None = None) -> float:
        """Seconds to wait before the given retry, counted from 1."""
        try:
            delay = self.initial_delay * self.backoff_factor ** (retry - 1)
        except OverflowError:
            delay = self.max_delay
        delay = min(delay, self.max_delay)
        if self.jitter:
            delay *= 1 - 0.25 * (rng or random).random()
        return delay

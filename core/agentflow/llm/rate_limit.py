"""RateLimit: a token bucket that lets callers through in the order in which they came."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

_ROUNDING = 1e-9


class RateLimit:
    """Lets ``rate`` calls through in a second, and up to ``burst`` at once after a rest.

    A caller that is cancelled while it waits takes nothing and holds up nobody.
    ``clock`` tells the time in seconds and ``sleep`` waits for some; tests give their own.
    Raises ValueError unless ``rate`` is above 0 and ``burst`` at least 1.
    """

    def __init__(
        self,
        rate: float,
        burst: int = 1,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        if not 0 < rate < float("inf"):
            raise ValueError(f"rate must be above 0, not {rate!r}")
        if burst < 1:
            raise ValueError(f"burst must be at least 1, not {burst!r}")
        self.rate = rate
        self.burst = burst
        self._clock = clock
        self._sleep = sleep
        self._tokens = float(burst)
        self._filled_at = clock()
        self._turn = asyncio.Lock()  # hands itself on in the order of arrival

    @classmethod
    def from_config(cls, config: Any) -> RateLimit | None:
        """The limit in a ``rate_limit`` table, or None when it sets none.

        ``requests_per_second`` and ``requests_per_minute`` may both be given: the
        stricter holds. ``burst`` defaults to the calls of one second, at least 1.
        """
        per_second = getattr(config, "requests_per_second", None)
        per_minute = getattr(config, "requests_per_minute", None)
        rates = [per_second] if per_second else []
        if per_minute:
            rates.append(per_minute / 60)
        if not rates:
            return None
        rate = min(rates)
        return cls(rate, getattr(config, "burst", None) or max(1, int(rate)))

    async def acquire(self) -> None:
        """Wait until one more call is allowed."""
        async with self._turn:
            while (missing := 1.0 - self._fill()) > _ROUNDING:
                await self._sleep(missing / self.rate)
            self._tokens -= 1.0

    def _fill(self) -> float:
        now = self._clock()
        earned = max(0.0, now - self._filled_at) * self.rate
        self._filled_at = now
        self._tokens = min(float(self.burst), self._tokens + earned)
        return self._tokens

"""Restart intensity: how often an agent may come back and fail again until it is stopped.

The rule is that of the supervisors of Erlang/OTP: more than ``max_restarts`` restarts
within ``period`` seconds are too many. A restart here is a trial of the agent after its
circuit breaker's cool-down, or of its ``initialize``; it counts when it has failed.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RestartIntensity:
    """More than ``max_restarts`` failed restarts within ``period`` seconds stop an agent."""

    max_restarts: int = 5
    period: float = 600.0

    def window(self, cool_down: float) -> float:
        """The seconds that restarts are counted over when they are ``cool_down`` apart.

        The period; longer where so many cool-downs would not fit into it: an agent that
        fails every time must be stopped at some time.
        """
        return max(self.period, 1.5 * self.max_restarts * cool_down)

    @property
    def apart(self) -> float:
        """Seconds within which restarts count as one.

        A very short cool-down must not use them all up in a moment: it would take a
        hiccup for a crash loop.
        """
        return self.period / max(100, 2 * (self.max_restarts + 1))


class Restarts:
    """The failed restarts of one agent since it last worked. Times are monotonic seconds."""

    __slots__ = ("_times",)

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def __len__(self) -> int:
        return len(self._times)

    def failed(self, now: float, limit: RestartIntensity, cool_down: float = 0.0) -> bool:
        """Count one that failed ``now``; whether that is one too many."""
        times = self._times
        oldest = now - limit.window(cool_down)
        while times and times[0] < oldest:
            times.popleft()
        if times and now - times[-1] < limit.apart:
            return False
        times.append(now)
        return len(times) > limit.max_restarts

    def clear(self) -> None:
        """It works: nothing counts any more."""
        self._times.clear()

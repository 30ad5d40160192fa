"""CircuitBreaker: stop calling what keeps failing, and try again later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class BreakerState(StrEnum):
    """Closed lets calls through, open none, half-open a few to see."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When a breaker opens and closes. ``cool_down`` is in seconds.

    ``failure_threshold`` failures in a row open it; after ``cool_down`` up to
    ``half_open_calls`` at a time are let through; ``success_threshold`` successes close
    it, one failure opens it again.
    """

    failure_threshold: int = 5
    cool_down: float = 30.0
    half_open_calls: int = 2
    success_threshold: int = 3


class CircuitBreaker:
    """The breaker of one agent. ``now`` gives monotonic seconds.

    ``told``, if there is one, is called with the state before when the breaker has opened,
    and after a success that has closed it or has ended a row of failures.
    """

    __slots__ = (
        "_now", "failures", "in_trial", "opened_at", "policy", "state", "successes", "told",
    )  # fmt: skip

    def __init__(self, policy: BreakerPolicy, now: Callable[[], float]) -> None:
        self.policy = policy
        self._now = now
        self.told: Callable[[BreakerState], None] | None = None
        self.state = BreakerState.CLOSED
        self.failures = 0
        self.successes = 0
        self.in_trial = 0
        self.opened_at = 0.0

    def retry_after(self) -> float:
        """Seconds until a call may get through; 0 when one may now."""
        if self.state is BreakerState.CLOSED:
            return 0.0
        return max(0.0, self.opened_at + self.policy.cool_down - self._now())

    def allow(self) -> bool:
        """Whether a call may go ahead now. If so, ``succeeded`` or ``failed`` must follow."""
        if self.state is BreakerState.CLOSED:
            return True
        if self.state is BreakerState.OPEN:
            if self.retry_after() > 0:
                return False
            self.state = BreakerState.HALF_OPEN
            self.successes = self.in_trial = 0
        if self.in_trial >= self.policy.half_open_calls:
            return False
        self.in_trial += 1
        return True

    def succeeded(self) -> None:
        """Record that a call ended well."""
        failures, self.failures = self.failures, 0
        before = self.state
        if before is BreakerState.HALF_OPEN:
            self.in_trial = max(0, self.in_trial - 1)
            self.successes += 1
            if self.successes >= self.policy.success_threshold:
                self.state = BreakerState.CLOSED
        if (
            self.told is not None
            and self.state is BreakerState.CLOSED
            and (failures or before is not BreakerState.CLOSED)
        ):
            self.told(before)

    def failed(self) -> None:
        """Record that a call failed."""
        self.failures += 1
        before = self.state
        if before is BreakerState.HALF_OPEN or (
            before is BreakerState.CLOSED and self.failures >= self.policy.failure_threshold
        ):
            self.state = BreakerState.OPEN
            self.opened_at = self._now()
            self.in_trial = 0
            if self.told is not None:
                self.told(before)

    def abandoned(self) -> None:
        """Record that a call ended without saying anything about the agent's health."""
        self.in_trial = max(0, self.in_trial - 1)

    def reset(self) -> None:
        """Close it, with nothing behind it."""
        self.state = BreakerState.CLOSED
        self.failures = self.successes = self.in_trial = 0

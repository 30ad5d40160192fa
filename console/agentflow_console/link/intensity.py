"""Restart intensity: how often an engine that dies is started again."""

from __future__ import annotations

from collections import deque

MOST_RESTARTS = 3
WITHIN = 60.0  # seconds


class RestartIntensity:
    """At most ``most`` restarts within ``within`` seconds; who dies more often stays dead.

    The idea and the words are those of the supervisors of Erlang/OTP: what a fresh start
    mends, it mends in a few, and what it doesn't mend must not go round for ever.
    """

    def __init__(self, most: int = MOST_RESTARTS, within: float = WITHIN) -> None:
        self.most = most
        self.within = within
        self._restarts: deque[float] = deque()

    def allows(self, now: float) -> bool:
        """Whether there may be one more restart now; then it is counted.

        ``now`` is in seconds of a steady clock.
        """
        while self._restarts and now - self._restarts[0] >= self.within:
            self._restarts.popleft()
        if len(self._restarts) >= self.most:
            return False
        self._restarts.append(now)
        return True

"""Cost: which share of a core the console's questions take, measured where they are answered."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

_SPAN = 2.0  # seconds over which the share is taken


class Cost:
    """``with cost:`` around the answering; CPU time of that thread, not time that it waited."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        used: Callable[[], float] = time.thread_time,
    ) -> None:
        """``used`` gives the seconds of CPU that the thread has taken so far."""
        self._clock, self._used = clock, used
        self._since = clock()
        self._spent = 0.0
        self._begun = 0.0
        self.share = 0.0
        """Share of a core, over the last seconds."""

    def __enter__(self) -> Cost:
        self._begun = self._used()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._spent += self._used() - self._begun
        now = self._clock()
        if now - self._since >= _SPAN:
            self.share = self._spent / (now - self._since)
            self._since, self._spent = now, 0.0

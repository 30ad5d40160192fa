"""Steady: what keeps verdicts and measurements from flapping."""

from __future__ import annotations

from collections import deque
from itertools import pairwise

import msgspec

from agentflow.telemetry.health.report import RANKS, Check

CALM = 10
"""Seconds in a row that a check must have been better until it counts as better."""

_EVERY = 10.0  # seconds between two samples of memory
_SAMPLES = 61
_GROWTH, _SHARE = 256e6, 0.5


class Steady:
    """One check over time: it gets worse at once, and better only when it stays so."""

    def __init__(self) -> None:
        self._shown: Check | None = None
        self._better = 0

    def take(self, check: Check) -> Check:
        """The check as it is to be shown: what was wrong stays until it is really over."""
        shown = self._shown
        if shown is not None and RANKS[check.status] < RANKS[shown.status]:
            self._better += 1
            if self._better < CALM:
                detail = f"now {check.value}" + (f", {check.detail}" if check.detail else "")
                return msgspec.structs.replace(shown, detail=detail, number=check.number)
        self._better = 0
        self._shown = check
        return check


class Growth:
    """Whether a measurement has grown a lot in ten minutes, and goes on growing."""

    def __init__(self) -> None:
        self._samples: deque[float] = deque(maxlen=_SAMPLES)
        self._due = 0.0

    def feed(self, value: float, now: float) -> float:
        """By how much it has grown, if that is much and goes on, else 0.

        ``now`` is in seconds of any steady clock.
        """
        samples = self._samples
        if now >= self._due:
            self._due = now + _EVERY
            samples.append(value)
        if len(samples) < _SAMPLES or not samples[0]:
            return 0.0
        grown = value - samples[0]
        # Also in the last minute, and in most of them before: not once, and then no more.
        marks = list(samples)[::6]
        rising = sum(later > earlier for earlier, later in pairwise(marks))
        if grown > max(_GROWTH, samples[0] * _SHARE) and rising >= 8 and value > samples[-7]:
            return grown
        return 0.0

"""FrameRate: how long a frame has to last, decided from how long the terminal takes its bytes.

A pure function of what was and what happened. A terminal that is busy with frames for more
than half of its time gets so few that it is for a third, for keys need it too; one that is busy
for less than a seventh gets more after a second of ease, but never more than that third. Between
the two nothing changes: so a steady terminal gets a steady rate.
"""

from __future__ import annotations

from dataclasses import dataclass

BUSY = 0.5
"""The most of its time that a terminal may be busy with frames."""

AIM = 1 / 3
"""What a change of the rate aims at."""

FREE = 1 / 7
"""The part of its time below which it could take more."""

QUICKER = 4
"""How many times more frames one step gives back."""

SLOWEST = 2.0
"""Seconds that a frame lasts at most."""

CALM = 1.0
"""Seconds of ease before the frames become quicker."""


@dataclass(frozen=True, slots=True)
class FrameRate:
    """``base`` and ``period`` are the seconds that a frame should last, and now lasts."""

    base: float
    period: float
    before: float = 0.0  # how long the frame before took, if that was too long
    eased: float | None = None  # since when there has been ease
    most: float = 0.0  # the longest that a frame took since then

    @classmethod
    def at(cls, fps: int) -> FrameRate:
        """So many frames a second, as long as the terminal can take them."""
        return cls(1 / fps, 1 / fps)

    @property
    def slow(self) -> bool:
        """Whether the terminal can't take what it should get."""
        return self.period > self.base


def after(rate: FrameRate, took: float, now: float) -> FrameRate:
    """The rate after a frame whose bytes took the terminal so many seconds.

    ``now`` is of any steady clock. One slow frame alone is no reason to change anything.
    """
    if took > BUSY * rate.period:
        if not rate.before:
            return FrameRate(rate.base, rate.period, before=took)
        return FrameRate(rate.base, _limited(rate, min(took, rate.before) / AIM, rate.period))
    if took >= FREE * rate.period or not rate.slow:
        return FrameRate(rate.base, rate.period)
    if rate.eased is None:
        return FrameRate(rate.base, rate.period, eased=now, most=took)
    most = max(rate.most, took)
    if now - rate.eased < CALM:
        return FrameRate(rate.base, rate.period, eased=rate.eased, most=most)
    period = _limited(rate, most / AIM, rate.period / QUICKER)
    return FrameRate(rate.base, period, eased=now, most=took)


def _limited(rate: FrameRate, period: float, least: float) -> float:
    return min(max(period, least, rate.base), SLOWEST)

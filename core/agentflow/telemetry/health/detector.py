"""Detector: says when a measurement is out of the ordinary, and when it is no longer."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from math import exp, log

_CONSISTENT = 1.4826
"""Makes the median absolute deviation of normal noise its standard deviation."""

_DECILES = 2.5631
"""How many standard deviations of normal noise lie between its first and its last decile."""

_REFRESH = 5
"""Values after which the baseline is worked out anew."""


class Detector:
    """Compares each value of a series, one a second, with what was usual just before.

    Usual is the median of the last ``window`` values, and how far they stray from it is
    their median absolute deviation, which a few wild values can't move as they would move
    a mean and a standard deviation (Leys et al., "Detecting outliers: Do not use standard
    deviation around the mean, use absolute deviation around the median", Journal of
    Experimental Social Psychology 49, 2013). A series that goes to and fro between two
    levels may have none: then the distance between its deciles counts. All are of
    logarithms, so that a fifth of the usual is as far away as five times as much.

    A value is strange when it is ``ratio`` times the usual (or one part in ``ratio``) and
    ``deviations`` away from it. So that nothing flaps, an alarm begins when ``begin`` of
    the last ``begin + 3`` values were strange on the same side, and ends when ``end`` in a
    row were within half that distance. While it lasts the baseline stands still; what lasts
    longer than ``adapt`` values is what is usual from then on, and ends the alarm too.

    ``least`` is the value below which nothing is strange, ``least_usual`` the same for the
    baseline; before ``warm_up`` values nothing is.
    """

    def __init__(
        self,
        *,
        up: bool = True,
        down: bool = True,
        least: float = 0.0,
        least_usual: float = 0.0,
        offset: float = 0.0,
        ratio: float = 3.0,
        deviations: float = 5.0,
        begin: int = 5,
        end: int = 20,
        warm_up: int = 60,
        window: int = 120,
        adapt: int = 300,
    ) -> None:
        self._up, self._down = up, down
        self._least, self._least_usual = least, least_usual
        # Added to every value: keeps the logarithm from making much of next to nothing.
        self._offset = max(offset, 1e-9)
        self._far = log(ratio)
        self._deviations = deviations
        self._begin, self._end = begin, end
        self._warm_up, self._adapt = warm_up, adapt
        self._window = window
        self.reset()

    def reset(self) -> None:
        """Forget everything: what comes from now on can't be compared with what was."""
        self.alarm = 0
        """1 while the values are too high, -1 while they are too low, else 0."""
        self.usual = 0.0
        """The median that values are compared with."""
        self._values: deque[float] = deque(maxlen=self._window)
        self._latest: deque[float] = deque(maxlen=self._window)
        self._sides: deque[int] = deque(maxlen=self._begin + 3)
        self._middle = self._stray = 0.0
        self._age = _REFRESH
        self._calm = self._lasted = 0

    def feed(self, value: float | None) -> int:
        """Take the next value, None for a second without one; what ``alarm`` is then."""
        if value is None:
            # Nothing to be strange: an alarm runs out, and the baseline learns nothing.
            self._settle(calm=True)
            return self.alarm
        # Infinities and the like say nothing that a logarithm could take.
        place = log(max(min(value, 1e300), 0.0) + self._offset)
        side, near = self._judge(value, place)
        self._latest.append(place)
        if self.alarm:
            self._settle(calm=near)
            return self.alarm
        self._values.append(place)
        self._age += 1
        self._sides.append(side)
        for direction in (1, -1):
            if self._sides.count(direction) >= self._begin:
                self.alarm = direction
                self._calm = self._lasted = 0
                self._sides.clear()
        return self.alarm

    def _judge(self, value: float, place: float) -> tuple[int, bool]:
        """On which side the value is strange (0 if it isn't), and whether it is near the usual."""
        if len(self._values) < self._warm_up:
            return 0, True
        if not self.alarm and self._age >= _REFRESH:
            self._middle, self._stray = spread(self._values)
            self.usual = max(exp(self._middle) - self._offset, 0.0)
            self._age = 0
        away = place - self._middle
        limit = max(self._far, self._deviations * self._stray)
        near = abs(away) < limit / 2
        if abs(away) < limit or self.usual < self._least_usual:
            return 0, near
        if away > 0:
            return (1 if self._up and value >= self._least else 0), near
        return (-1 if self._down else 0), near

    def _settle(self, *, calm: bool) -> None:
        if not self.alarm:
            return
        self._lasted += 1
        self._calm = self._calm + 1 if calm else 0
        if self._calm >= self._end:
            self.alarm = 0
        elif self._lasted >= self._adapt:
            self.alarm = 0
            self._values = deque(self._latest, maxlen=self._window)
            self._age = _REFRESH


def spread(values: Collection[float]) -> tuple[float, float]:
    """The median of the values, and how far they stray, as one standard deviation of noise."""
    ordered = sorted(values)
    middle = _middle(ordered)
    deviation = _CONSISTENT * _middle(sorted([abs(value - middle) for value in ordered]))
    tenth = len(ordered) // 10
    return middle, max(deviation, (ordered[-1 - tenth] - ordered[tenth]) / _DECILES)


def _middle(ordered: Sequence[float]) -> float:
    half = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[half]
    return (ordered[half - 1] + ordered[half]) / 2

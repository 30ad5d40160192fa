"""The gauge: frames, keys and costs as they were, in figures of the last seconds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agentflow_console.gauge import Gauge, percentile


class Clock:
    """A clock that somebody else turns."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_figures_are_of_the_last_seconds() -> None:
    """Rates are worked out between two looks; what is long ago no longer counts."""
    clock = Clock()
    gauge = Gauge(clock)
    for _ in range(40):
        clock.now += 0.05
        gauge.frame(0.001, 0.0002, 0.008)
    gauge.key(0.02)
    reading = gauge.read(80_000, [(clock.now, 0.004)])
    assert (round(reading.fps), round(reading.bytes_rate)) == (20, 40_000)
    assert (reading.fetch, reading.apply, reading.paint) == (0.001, 0.0002, 0.008)
    assert (reading.taken, reading.key_p50, reading.keys) == (0.004, 0.02, 1)
    assert reading.memory > 1_000_000
    clock.now += 10
    later = gauge.read(80_000, [(2.0, 0.004)])
    assert (later.fps, later.paint, later.taken, later.bytes_rate) == (0, 0, 0, 0)
    assert later.key_p50 == 0.02


def test_the_worst_frame_is_that_of_the_time_asked_for() -> None:
    """The engine's part is not the screen's: it counts what was taken in and painted."""
    clock = Clock()
    gauge = Gauge(clock)
    gauge.frame(9.0, 0.1, 0.2)
    clock.now = 2.0
    gauge.frame(9.0, 0.01, 0.02)
    assert round(gauge.worst(1.0), 3) == 0.03
    assert round(gauge.worst(3.0), 3) == 0.3


@given(st.lists(st.floats(0, 100), min_size=1), st.floats(0, 1))
def test_a_percentile_is_one_of_the_values(values: list[float], share: float) -> None:
    """And as many of them as it says lie at or below it."""
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values)

"""The detector: what is out of the ordinary, said once, and not more than once."""

from __future__ import annotations

import random
from collections.abc import Iterable
from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentflow.telemetry.health.detector import Detector, spread


def alarms(detector: Detector, values: Iterable[float | None]) -> list[int]:
    """What the alarm was after each value."""
    return [detector.feed(value) for value in values]


def episodes(states: Iterable[int]) -> list[int]:
    """The alarms one after the other, each stretch counted once."""
    return [state for state, _ in groupby(states) if state]


def noisy(level: float, count: int, seed: int = 0, share: float = 0.2) -> list[float]:
    """Values around a level, at most that share away from it."""
    chance = random.Random(seed)
    return [level * (1 + chance.uniform(-share, share)) for _ in range(count)]


@settings(max_examples=50, deadline=None)
@given(st.floats(0, 1e12), st.integers(1, 900))
def test_a_constant_series_never_alarms(level: float, count: int) -> None:
    """Whatever its level is, and from the first value on."""
    assert not any(alarms(Detector(), [level] * count))


@settings(max_examples=50, deadline=None)
@given(st.floats(0.01, 1e9), st.integers(0, 1000), st.sampled_from([5.0, 0.2]))
def test_a_step_of_five_alarms_once_and_ends_once(level: float, seed: int, factor: float) -> None:
    """Up or down, through noise of a fifth: it begins within seconds, and gets usual in the end."""
    detector = Detector()
    before = noisy(level, 200, seed)
    after = noisy(level * factor, 700, seed + 1)
    assert not any(alarms(detector, before))
    states = alarms(detector, after)
    assert episodes(states) == [1 if factor > 1 else -1]
    assert states.index(states[10]) <= 5
    assert states[-1] == 0


@settings(max_examples=50, deadline=None)
@given(st.floats(0.01, 1e9), st.integers(6, 200))
def test_a_step_that_goes_back_ends_with_it(level: float, lasting: int) -> None:
    """One alarm, which ends when the values have been usual for a while, and none after it."""
    detector = Detector()
    alarms(detector, [level] * 200)
    states = alarms(detector, [level * 5] * lasting + [level] * 600)
    assert episodes(states) == [1]
    assert states[lasting + 25] == 0


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 15), st.integers(1, 15), st.floats(3.5, 100))
def test_flapping_input_does_not_flap(high: int, low: int, factor: float) -> None:
    """Values that jump up and down for twenty minutes make one alarm at the most."""
    detector = Detector()
    alarms(detector, [10.0] * 200)
    wave = ([10.0 * factor] * high + [10.0] * low) * (1_200 // (high + low))
    assert len(episodes(alarms(detector, wave))) <= 1


def test_a_single_wild_value_says_nothing() -> None:
    """One second of a thousand times as much is a second, and not an alarm."""
    detector = Detector()
    states = alarms(detector, ([100.0] * 99 + [100_000.0]) * 5)
    assert not any(states)


def test_slow_growth_is_no_step() -> None:
    """What grows tenfold in an hour is always like what was just before."""
    assert not any(alarms(Detector(), [100 * 10 ** (second / 3_600) for second in range(3_600)]))


def test_noise_widens_what_is_usual() -> None:
    """Bursts that have been there all the time are no news."""
    chance = random.Random(7)
    values = [chance.choice([1.0, 1.0, 30.0, 60.0, 90.0]) for _ in range(3_000)]
    assert not any(alarms(Detector(), values))


def test_small_numbers_are_left_to_chance() -> None:
    """Below what is worth a word nothing is strange, however large the factor."""
    assert not any(alarms(Detector(least=50), [1.0] * 200 + [49.0] * 100))
    assert not any(alarms(Detector(least_usual=5), [1.0] * 200 + [500.0] * 100))


def test_seconds_without_a_value_end_an_alarm_and_teach_nothing() -> None:
    """When there is nothing to measure any more, the alarm runs out."""
    detector = Detector()
    alarms(detector, [100.0] * 200 + [500.0] * 10)
    assert detector.alarm == 1
    states = alarms(detector, [None] * 30)
    assert episodes(states) == [1]
    assert states[-1] == 0
    assert detector.usual == pytest.approx(100)


@pytest.mark.parametrize("value", [0.0, -5.0, float("inf"), 1e308])
def test_no_value_is_too_strange_to_take(value: float) -> None:
    """Nothing, less than nothing and infinity are values like others."""
    detector = Detector()
    assert not any(alarms(detector, [value] * 300))
    alarms(detector, [100.0] * 300)


def test_the_spread_of_normal_noise_is_its_standard_deviation() -> None:
    """And some wild values hardly move it."""
    chance = random.Random(3)
    values = [chance.gauss(50, 4) for _ in range(5_000)]
    wild = values[:4_750] + [10_000.0] * 250
    assert spread(values) == pytest.approx((50, 4), rel=0.05)
    assert spread(wild) == pytest.approx((50, 4), rel=0.2)

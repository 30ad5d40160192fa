"""The frame rate of a terminal: never more than it takes, steady, and back by itself."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from agentflow_console.frame_rate import AIM, BUSY, SLOWEST, FrameRate, after

fps = st.integers(1, 100)
seconds = st.floats(0, 10)


def shown(rate: FrameRate, takes: list[float], start: float = 0.0) -> list[FrameRate]:
    """The rates while frames take so long, each shown when it is its turn."""
    rates, now = [], start
    for took in takes:
        rate = after(rate, took, now)
        rates.append(rate)
        now += max(rate.period, took)
    return rates


@given(fps, st.lists(seconds, max_size=60))
def test_a_frame_lasts_no_less_than_asked_for_and_no_more_than_the_limit(
    number: int, takes: list[float]
) -> None:
    """Whatever a terminal does, the period stays between what was asked for and the slowest."""
    for rate in shown(FrameRate.at(number), takes):
        assert rate.base <= rate.period <= SLOWEST


@given(st.integers(2, 100), st.floats(0, 1))
def test_a_steady_terminal_gets_a_steady_rate(number: int, took: float) -> None:
    """Where every frame takes the same, the rate is found soon and then never changes."""
    periods = [rate.period for rate in shown(FrameRate.at(number), [took] * 300)]
    assert len(set(periods[-200:])) == 1
    assert took <= BUSY * periods[-1]


@given(st.integers(2, 100), st.floats(0.1, 1), st.floats(0.8, 1.25), st.integers(0, 1000))
def test_noise_does_not_make_it_oscillate(
    number: int, took: float, noise: float, seed: int
) -> None:
    """Frames that take a quarter more or less change the rate two times at most."""
    takes = [took * (noise if (seed >> index % 10) & 1 else 1) for index in range(200)]
    periods = [rate.period for rate in shown(FrameRate.at(number), takes)]
    changes = sum(a != b for a, b in pairwise(periods))
    assert changes <= 2


@given(fps, st.floats(0.1, 10))
def test_one_slow_frame_alone_changes_nothing(number: int, took: float) -> None:
    """A hiccup is no slow terminal."""
    rate = FrameRate.at(number)
    assert shown(rate, [0.0, took, 0.0, 0.0])[-1] == rate


@given(st.integers(2, 100), st.floats(0.5, 10))
def test_it_recovers_by_itself_within_eight_seconds(number: int, took: float) -> None:
    """As soon as the terminal is quick again the frames come back, in a few seconds."""
    slow = shown(FrameRate.at(number), [took] * 10)[-1]
    assert slow.slow
    now, rate = 100.0, slow
    while rate.slow:
        rate = after(rate, 0.0, now)
        now += rate.period
    assert now - 100 <= 8 + SLOWEST


def test_a_slow_terminal_is_left_two_thirds_of_its_time() -> None:
    """Frames of 100 ms come every 300 ms: keys find the terminal free."""
    rate = shown(FrameRate.at(20), [0.1] * 5)[-1]
    assert abs(0.1 / rate.period - AIM) < 1e-9

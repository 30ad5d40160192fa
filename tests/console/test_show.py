"""Values as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentflow_console import show


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.000088, "88µs"),
        (0.0021, "2.1ms"),
        (0.088, "88ms"),
        (1.24, "1.2s"),
        (42, "42s"),
        (185, "3m05"),
        (7_620, "2h07"),
        (200_000, "2d"),
        (-1, "…"),
    ],
)
def test_durations_read_at_a_glance(seconds: float, shown: str) -> None:
    """A duration has the unit that fits it."""
    assert show.duration(seconds) == shown


@given(st.floats(0, 1e6))
def test_durations_fit_five_cells(seconds: float) -> None:
    """No duration up to eleven days takes more than five cells."""
    assert len(show.duration(seconds)) <= 5


@given(st.floats(0, 9e8))
def test_counts_fit_five_cells(number: float) -> None:
    """No count below a billion takes more than five cells."""
    assert len(show.count(number)) <= 5
    assert len(show.rate(number)) <= 5


def test_times_are_local_and_to_the_millisecond() -> None:
    """A moment is given as time of day."""
    assert show.clock(1_800_000_000.25) == "08:00:00.250"
    assert show.clock_short(1_800_000_000.9) == "08:00:00"


def test_every_state_has_its_own_glyph() -> None:
    """The states of an event differ without their colours."""
    states = ("queued", "running", "held", "retrying", "succeeded", "dead")
    assert len({show.state(state)[0] for state in states}) == len(states)

"""Numbers over time, as text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agentflow_console.panes.plot import axis_top, bars, braille, thin

numbers = st.lists(st.floats(0, 1e9), max_size=300)


@given(numbers, st.integers(1, 120))
def test_bars_take_exactly_their_cells(values: list[float], cells: int) -> None:
    """A line of blocks is as long as it was asked to be."""
    assert len(bars(values, cells)) == cells


@given(numbers, st.integers(1, 60), st.integers(1, 12))
def test_a_plot_fills_exactly_its_lines(values: list[float], cells: int, lines: int) -> None:
    """A plot has its lines, all of them of the same length, all of them braille."""
    plot = braille(values, cells, lines)
    assert [len(line) for line in plot] == [cells] * lines
    assert all(0x2800 <= ord(char) <= 0x28FF for line in plot for char in line)


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=300), st.integers(1, 50))
def test_thinning_keeps_the_peak(values: list[float], columns: int) -> None:
    """However few columns there are, the greatest value is in one of them."""
    assert max(thin(values, columns)) == max(values)


def test_the_newest_value_stands_at_the_right() -> None:
    """Blocks grow with the value, and what is not known yet is blank."""
    assert bars([0, 1, 2, 4], 6, 4) == "  ▁▃▅█"
    assert braille([0, 4], 2, 1, 4) == ["\u2800⢸"]


def test_a_small_value_is_not_nothing() -> None:
    """One failure among thousands still shows a dot."""
    assert braille([1, 1], 1, 1, 10_000) == ["⣀"]


@given(st.floats(1e-6, 1e12))
def test_an_axis_ends_at_a_round_number(value: float) -> None:
    """The end of the axis is at or above the value, and less than three times it."""
    assert value * 0.99 <= axis_top(value) <= value * 2.6

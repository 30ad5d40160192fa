"""Bars and ticks: they stay on their axis, and say the same time in the same cell."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agentflow_console.panes.timeline import Axis, Bar, dashed, solid

CELLS = st.integers(12, 200)
LENGTHS = st.floats(1e-6, 1e6)


def drawn(bar: Bar) -> str:
    """The bar as it stands on its line."""
    return " " * bar.before + bar.edge + bar.text


def test_a_bar_ends_in_eighths() -> None:
    """A bar of twelve and a half cells ends in half a cell."""
    assert drawn(solid(0, 100)) == "█" * 12 + "▌"


def test_a_bar_begins_in_eighths() -> None:
    """A bar that begins inside a cell has an edge to draw with swapped colours."""
    assert solid(12, 24) == Bar(1, "▌", "█")


def test_a_short_bar_is_still_seen() -> None:
    """What took no time at all is an eighth of a cell."""
    assert drawn(solid(16, 16)) == "  ▏"


def test_a_thin_line_is_open_while_it_lasts() -> None:
    """A thin line has an end only when what it shows has one."""
    assert drawn(dashed(0, 40, mark="·", closed=False)) == "├····"
    assert drawn(dashed(0, 40, mark="·", closed=True)) == "├···┤"


def test_ticks_are_round_numbers() -> None:
    """An axis of half a second on fifty cells is labelled in hundreds of milliseconds."""
    assert Axis(0, 0.5, 50).ticks().split() == ["0", "100ms", "200ms", "300ms", "400ms"]


@given(CELLS, LENGTHS)
def test_ticks_fit_their_axis(cells: int, length: float) -> None:
    """Ticks start at zero, never overlap and never leave the axis."""
    ticks = Axis(1e9, length, cells).ticks()
    assert len(ticks) == cells
    assert ticks.startswith("0 ")
    assert len(set(ticks.split())) == len(ticks.split())


@given(CELLS, LENGTHS, st.floats(0, 1), st.floats(0, 1))
def test_bars_stay_on_the_axis(cells: int, length: float, one: float, other: float) -> None:
    """Whatever the times, a bar begins and ends within the axis, and is at least a cell."""
    axis = Axis(1e9, length, cells)
    start, end = sorted((axis.eighth(1e9 + one * length), axis.eighth(1e9 + other * length)))
    start = min(start, cells * 8 - 1)
    for bar in (solid(start, end), dashed(start, end, mark="─", closed=True)):
        assert bar.before < len(drawn(bar)) <= cells


@given(CELLS, st.floats(allow_nan=False, allow_infinity=False))
def test_moments_outside_are_put_at_the_edge(cells: int, moment: float) -> None:
    """A time before or after the axis is at its edge."""
    assert 0 <= Axis(1e9, 2.0, cells).eighth(moment) <= cells * 8

"""Columns share the width there is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agentflow_console.panes.columns import GAP, Column, lay_out

COLUMNS = (
    Column("NAME", 10, share=2, most=20),
    Column("STATE", 10),
    Column("RATE", 5, ">", drop=1),
    Column("ERROR", 10, share=1, drop=2),
)


@given(st.integers(30, 300))
def test_columns_and_gaps_never_need_more_than_there_is(cells: int) -> None:
    """From 30 cells on, the columns that are kept fit."""
    widths = [size for size in lay_out(COLUMNS, cells) if size]
    assert sum(widths) + GAP * (len(widths) - 1) <= cells


def test_columns_that_matter_least_go_first() -> None:
    """The highest drop goes first; columns without one stay."""
    assert lay_out(COLUMNS, 41)[3] == 10
    assert lay_out(COLUMNS, 40)[3] == 0
    assert lay_out(COLUMNS, 29)[2:] == [5, 0]
    assert lay_out(COLUMNS, 28)[1:] == [10, 0, 0]


def test_what_is_left_goes_to_the_columns_that_share() -> None:
    """The rest is shared out, up to the most that a column takes."""
    assert lay_out(COLUMNS, 100) == [20, 10, 5, 59]


def test_too_narrow_for_all_the_first_gives_way() -> None:
    """Where even the columns that stay do not fit, the first of them shrinks."""
    assert lay_out(COLUMNS, 20)[:2] == [8, 10]

"""A table keeps its cursor on its row while rows come, go and change places."""

from __future__ import annotations

from collections.abc import Hashable

from textual.app import App, ComposeResult

from agentflow_console.panes.base import Piece
from agentflow_console.panes.columns import Column
from agentflow_console.panes.table import TablePane

from .screen import text_of


class Numbers(TablePane[int]):
    """Rows that are numbers."""

    title = "Numbers"
    columns = (Column("NUMBER", 8, ">"),)

    def key(self, row: int) -> Hashable:
        return row

    def cells(self, row: int) -> list[Piece]:
        return [(str(row), self.palette.text)]

    def empty(self) -> str:
        return "No numbers.\nCount something."


class Stream(Numbers):
    """The same as a stream, the newest at the top."""

    follows = True


class Tail(Stream):
    """The same with the newest at the bottom."""

    newest_first = False


class One(App[None]):
    """One table on a screen of ten lines: seven rows."""

    def __init__(self, table: Numbers) -> None:
        super().__init__()
        self.table = table

    def compose(self) -> ComposeResult:
        yield self.table


def rows_of(table: Numbers) -> list[str]:
    """The rows that are visible, without frame and thumb."""
    return [line.strip("│▐ ") for line in text_of(table)[2:-1]]


SIZE = (30, 10)


async def test_the_cursor_stays_with_its_row_when_rows_are_sorted_anew() -> None:
    """Another order moves the row, and the cursor with it."""
    async with One(Numbers()).run_test(size=SIZE) as pilot:
        table = pilot.app.query_one(Numbers)
        table.show([3, 1, 2])
        table.move(1)
        table.show([1, 2, 3])
        await pilot.pause()
        assert table.selected == 1
        assert rows_of(table)[0].startswith(">")


async def test_the_cursor_takes_the_neighbour_when_its_row_goes() -> None:
    """A row that is gone leaves the cursor where it was."""
    async with One(Numbers()).run_test(size=SIZE) as pilot:
        table = pilot.app.query_one(Numbers)
        table.show([1, 2, 3])
        table.move(1)
        table.show([1, 3])
        assert table.selected == 3
        table.show([])
        assert table.selected is None
        await pilot.pause()


async def test_a_stream_follows_its_newest_row() -> None:
    """Until the cursor leaves it, the newest row has the cursor."""
    async with One(Stream()).run_test(size=SIZE) as pilot:
        table = pilot.app.query_one(Stream)
        table.show(range(20, 0, -1))
        table.show(range(25, 0, -1))
        await pilot.pause()
        assert table.following
        assert table.selected == 25


async def test_a_stream_stands_still_once_the_cursor_has_left_its_newest_row() -> None:
    """New rows arrive above, and not one of the visible lines moves."""
    async with One(Stream()).run_test(size=SIZE) as pilot:
        table = pilot.app.query_one(Stream)
        table.show(range(20, 0, -1))
        await pilot.press("j", "j")
        before = rows_of(table)
        table.show(range(500, 0, -1))
        await pilot.pause()
        assert rows_of(table) == before
        assert table.selected == 18


async def test_the_first_key_follows_again() -> None:
    """Back on the newest row, the stream follows."""
    async with One(Stream()).run_test(size=SIZE) as pilot:
        table = pilot.app.query_one(Stream)
        table.show(range(20, 0, -1))
        await pilot.press("j", "g")
        table.show(range(30, 0, -1))
        assert table.selected == 30
        assert table.following


async def test_a_tail_keeps_its_newest_row_at_the_bottom() -> None:
    """With the newest row last, G follows and the view ends with it."""
    async with One(Tail()).run_test(size=SIZE) as pilot:
        table = pilot.app.query_one(Tail)
        table.show(range(1, 21))
        await pilot.press("k", "k")
        assert (table.selected, table.following) == (18, False)
        table.show(range(1, 31))
        assert table.selected == 18
        await pilot.press("G")
        table.show(range(1, 41))
        await pilot.pause()
        assert table.selected == 40
        assert rows_of(table)[-1] == ">      40"


async def test_rows_that_fall_out_of_a_ring_take_the_view_to_what_is_left() -> None:
    """The oldest row stands in for a row that is no longer there."""
    async with One(Stream()).run_test(size=SIZE) as pilot:
        table = pilot.app.query_one(Stream)
        table.show(range(20, 0, -1))
        await pilot.press("G")
        assert table.selected == 1
        table.show(range(120, 100, -1))
        assert table.selected == 101
        await pilot.pause()


async def test_the_wheel_moves_the_view_and_not_the_cursor() -> None:
    """Looking around does not lose the row that was selected."""
    async with One(Stream()).run_test(size=SIZE) as pilot:
        table = pilot.app.query_one(Stream)
        table.show(range(100, 0, -1))
        await pilot.press("j")
        table.scroll_view(50)
        await pilot.pause()
        assert table.selected == 99
        assert rows_of(table)[0] == "50"


async def test_a_click_selects() -> None:
    """The row under the mouse gets the cursor."""
    async with One(Numbers()).run_test(size=SIZE) as pilot:
        table = pilot.app.query_one(Numbers)
        table.show(range(5))
        await pilot.pause()
        await pilot.click(Numbers, offset=(5, 4))
        assert table.selected == 2


async def test_an_empty_table_says_what_to_do() -> None:
    """Where there is nothing, there is a hint."""
    async with One(Numbers()).run_test(size=SIZE) as pilot:
        table = pilot.app.query_one(Numbers)
        table.show([])
        await pilot.pause()
        assert rows_of(table)[:2] == ["No numbers.", "Count something."]


async def test_only_lines_that_changed_are_drawn_again() -> None:
    """One row that differs is one line to draw."""
    async with One(Numbers()).run_test(size=SIZE) as pilot:
        table = pilot.app.query_one(Numbers)
        table.show([1, 2, 3, 4])
        await pilot.pause()
        text_of(table)
        drawn: list[int] = []
        draw = table.render_line
        table.render_line = lambda y: (drawn.append(y), draw(y))[1]  # type: ignore[method-assign]
        table.show([1, 2, 9, 4])
        await pilot.pause()
        assert drawn == [4]

"""Between widgets and terminal: drawing waits for a terminal that is busy, nothing else does."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from agentflow_console.app import ConsoleApp
from agentflow_console.output import Output

from . import rows
from .screen import SMALL, WIDE, console, screen_text, settled, until
from .test_output import Slow


class Terminal:
    """A terminal that is busy when it is told to be, under an app without one."""

    def __init__(self, app: ConsoleApp) -> None:
        self.output = Output(Slow(), lambda: None)  # type: ignore[arg-type]
        self.drawn = 0
        app._driver.output = self.output  # type: ignore[union-attr]
        display = app.post_display_hook
        app.post_display_hook = self._count(display)  # type: ignore[method-assign]

    def _count(self, display: Callable[[], None]) -> Callable[[], None]:
        def count() -> None:
            self.drawn += 1
            display()

        return count

    def send(self) -> None:
        """Something is on its way to it."""
        self.output.sent()

    def take(self) -> None:
        """It takes what is on its way."""
        self.output._file.open.set()  # type: ignore[attr-defined]
        self.output.write("x")
        self.output.flush()


async def busy(app: ConsoleApp, pilot: Pilot[int]) -> Terminal:
    """An app that has noticed that its terminal is busy."""
    await settled(pilot)
    terminal = Terminal(app)
    terminal.send()
    app.refresh(layout=False)
    app.screen.refresh()
    await until(pilot, lambda: app._held)
    return terminal


async def test_while_the_terminal_is_busy_nothing_is_drawn_and_all_goes_on() -> None:
    """The engine is asked and keys are obeyed; the screen then is as it is by then."""
    link = rows.link()
    app = console(link)
    async with app.run_test(size=WIDE) as pilot:
        terminal = await busy(app, pilot)
        assert app.terminal_busy
        pulls, drawn, skipped = link.pulls, terminal.drawn, app.gauge.skipped
        await pilot.press("0")
        await until(pilot, lambda: link.pulls > pulls + 3)
        assert terminal.drawn == drawn
        assert app.gauge.skipped > skipped
        terminal.take()
        await until(pilot, lambda: terminal.drawn > drawn)
        assert not app.terminal_busy
        await until(pilot, lambda: "line 60 of the log" in screen_text(app))


async def test_a_layout_that_came_meanwhile_is_drawn_afterwards() -> None:
    """Even another size of the screen waits, and nothing of it is lost."""
    app = console()
    async with app.run_test(size=WIDE) as pilot:
        terminal = await busy(app, pilot)
        await pilot.resize_terminal(*SMALL)
        await until(pilot, lambda: app.size == SMALL)
        drawn = terminal.drawn
        terminal.take()
        await until(pilot, lambda: terminal.drawn > drawn and not app._lost_update)
        await until(pilot, lambda: "6 Metr" in screen_text(app))


async def test_leaving_does_not_wait_for_a_busy_terminal() -> None:
    """The app ends although nothing could be drawn any more."""
    link = rows.link()
    link.journal = "/somewhere/agentflow.db"
    app = console(link)
    async with app.run_test(size=WIDE) as pilot:
        await busy(app, pilot)
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)


@pytest.mark.parametrize("key", ["j", "2"])
async def test_the_time_from_a_key_to_the_screen_is_measured(key: str) -> None:
    """A key of a pane, and one of the app, that change what is shown."""
    app = console()
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        Terminal(app)
        before = app.reading().keys
        await pilot.press(key)
        await until(pilot, lambda: app.reading().keys == before + 1)
        assert 0 < app.reading().key_p99 < 5


async def test_frames_are_measured_and_so_is_what_they_cost() -> None:
    """After some frames there is a figure for every part of them."""
    app = console()
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        reading = app.reading()
        assert reading.fetch > 0
        assert reading.paint > 0
        assert reading.memory > 1_000_000

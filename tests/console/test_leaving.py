"""Leaving: a drain that can be watched and hastened, and what is said when it is over."""

from __future__ import annotations

import signal

import pytest

from agentflow.telemetry.snapshot import Blocked, Counts
from agentflow_console import farewell
from agentflow_console.testing import StillLink
from agentflow_console.text import width

from . import rows
from .screen import SMALL, WIDE, console, screen_text, settled, until

JOURNAL = "/srv/flows/.agentflow/agentflow.db"


def draining_link(**fields: object) -> StillLink:
    """A link to an engine with a journal, whose drain ends only when it is hastened."""
    link = rows.link(**fields)
    link.journal = JOURNAL
    link.seconds_left = 9.6
    link.drained.clear()
    return link


@pytest.mark.parametrize("key", ["q", "ctrl+c", "ctrl+q"])
async def test_the_first_quit_drains_and_the_second_stops_at_once(key: str) -> None:
    """Every key for it does the same; the screen stays and tells until the engine has ended."""
    link = draining_link()
    app = console(link)
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press(key)
        await until(pilot, lambda: "Stopping: 128 queued, 7 running at " in screen_text(app))
        shown = screen_text(app)
        assert "44 held; 10 s left" in shown
        assert "q again: stop now, what is left stays in the journal" in shown
        assert link.closings == [True]
        link.give(counts=Counts(1000, 0, 44, 2, 900, 54))
        await until(pilot, lambda: "Stopping: 2 running" in screen_text(app))
        await pilot.press(key)
        await until(pilot, lambda: not app.is_running)
    assert link.closings == [True, False]
    assert app.return_code == 0


async def test_without_a_journal_held_events_are_asked_about() -> None:
    """No drain saves them: q says how many, esc stays, a second q begins to leave."""
    link = rows.link()
    app = console(link)
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("q")
        await until(pilot, lambda: "44 held would be lost: q quits, esc" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: "would be lost" not in screen_text(app))
        assert link.closings == []
        link.drained.clear()
        await pilot.press("q", "q")
        await until(pilot, lambda: "q again: stop now, what is left is lost" in screen_text(app))
        link.drained.set()
        await until(pilot, lambda: not app.is_running)
    assert link.closings == [True]


async def test_quitting_an_idle_system_does_not_ask() -> None:
    """With nothing to lose, one q leaves."""
    app = console(rows.link(counts=Counts(10, 0, 0, 0, 10, 0)))
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)
    assert app.return_code == 0


async def test_a_signal_never_asks_and_closes_dialogs() -> None:
    """SIGTERM while a form is open: the form goes, because the progress is said below it."""
    link = draining_link()
    app = console(link)
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("i")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        app.signalled(signal.SIGTERM, 1)
        await until(pilot, lambda: "Stopping: 128 queued" in screen_text(app))
        app.signalled(signal.SIGTERM, 2)
        await until(pilot, lambda: not app.is_running)
    assert link.closings == [True, False]


async def test_a_blocked_engine_is_named_while_it_drains() -> None:
    """What keeps the drain from going on is what the operator needs to know."""
    link = draining_link()
    app = console(link)
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        link.open.clear()
        link.blocked = Blocked("analyzer", rows.NOW - 0.8, "handlers.py:12 in parse", [])
        await pilot.press("q")
        await until(pilot, lambda: "Stopping: analyzer blocks the engine" in screen_text(app))
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)


async def test_an_engine_that_others_stop_is_watched_too() -> None:
    """Its drain is shown without anybody here having asked for it, and nobody leaves."""
    link = draining_link()
    app = console(link)
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        link.status = "draining"
        await until(pilot, lambda: "Stopping: 128 queued" in screen_text(app))
        assert "q again" not in screen_text(app)
        link.status, link.reason = "lost", "the engine was told from elsewhere to end"
        await until(pilot, lambda: "told from elsewhere" in screen_text(app))
        assert app.is_running


async def test_a_death_is_told_while_the_engine_is_started_again_and_after() -> None:
    """How it died stands on the alert line, whether it is there again or not yet."""
    link = rows.link()
    app = console(link)
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        died = "the engine was killed by SIGSEGV; it was at handlers.py:10 in x"
        link.status, link.reason = "restarting", f"{died}; it is being started again"
        await until(pilot, lambda: f"! {died}; it is being started again" in screen_text(app))
        link.status, link.reason = "connected", ""
        link.deaths.append(f"{died}; started again")
        await until(pilot, lambda: f"! {died}; started again" in screen_text(app))


def test_what_is_left_is_said_with_its_place() -> None:
    """How many, and whether they wait or are lost; nothing if there is nothing to say."""
    assert farewell.left_sentence(12, JOURNAL) == f"12 events wait in {JOURNAL} for the next start"
    assert farewell.left_sentence(1, JOURNAL) == f"1 event waits in {JOURNAL} for the next start"
    assert farewell.left_sentence(2, "") == "2 events not finished and lost: there is no journal"
    assert farewell.left_sentence(0, "") == farewell.left_sentence(None, JOURNAL) == ""


@pytest.mark.parametrize("cells", [40, 60, 78, 100, 158])
def test_progress_fits_where_it_can(cells: int) -> None:
    """At every width both halves are there whole, the shortest forms in 60 cells."""
    lefts = farewell.progress(Counts(0, 128, 44, 7, 0, 0), ["analyzer", "publisher"], 9.6)
    rights = farewell.second_quit("q", JOURNAL)
    left, right = farewell.fitting(lefts, rights, cells)
    assert (left in lefts, right in rights) == (True, True)
    assert cells == 40 or width(left) + width(right) + 2 <= cells

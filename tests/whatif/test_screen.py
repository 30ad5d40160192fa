"""The what-if screen: the form, the run in a process of its own, and what is shown of it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import psutil
import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from agentflow.recording import Recording
from agentflow_console.app import ConsoleApp
from agentflow_console.forms.choice import Choice
from agentflow_console.forms.whatif import Sources, WhatIfScreen
from agentflow_console.keymap import KeyMap
from agentflow_console.link.recorded import RecordedLink
from agentflow_console.screens.whatif import WhatIf
from agentflow_console.settings import Settings
from agentflow_console.whatif.running import CANCELLED, Run
from console_forms.looking import SMALL, WIDE, console, reads, seen, until
from console_forms.samples import sample_link
from whatif.test_command import calls, place

__all__ = ["place"]


async def form_of(app: ConsoleApp, pilot: Pilot[Any]) -> WhatIfScreen:
    """Open the form from the Traces screen."""
    await until(pilot, lambda: app.room is not None and app.room.ready)
    await pilot.press("5")
    await reads(pilot, "Sessions")
    await until(pilot, lambda: app.room is not None and app.room.selected is not None)
    await pilot.press("W")
    await until(pilot, lambda: isinstance(app.screen, WhatIfScreen))
    await pilot.pause()
    assert isinstance(app.screen, WhatIfScreen)
    return app.screen


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
async def test_a_session_is_run_otherwise_from_its_trace(
    place: Path, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """W on a session asks what to run; verdict and first divergence are on the screen."""
    before = calls(place) if (place / "calls").exists() else ""
    link = sample_link()
    link.journal = str(place / "run.db")
    app = console(link)
    async with app.run_test(size=size) as pilot:
        form = await form_of(app, pilot)
        assert form.query_one("#session", Input).value
        assert form.query_one("#recording", Input).value == str(place / "run.rec")
        form.query_one("#session", Input).value = "s0"
        form.query_one("#config", Input).value = str(place / "agentflow.toml")
        form.query_one("#mode", Choice).choose("sequential")
        await pilot.press("ctrl+r")
        await reads(pilot, "≠ they part", "W What-if")
        room = app.room
        assert isinstance(room, WhatIf)
        await pilot.press("enter")
        text = await reads(pilot, "First divergence: other agents", "shape and size side by side")
        assert "▶" in text
        wide = size == WIDE
        assert any("shape" in line and "writer" in line for line in text.splitlines()) is wide
        if wide:
            assert any(line.rstrip(" │").endswith("recorded") for line in text.splitlines())
    assert calls(place) == before


async def test_what_would_run_for_real_is_said_before(place: Path) -> None:
    """A rerun is named in the form, and refused where nothing may be changed."""
    app = console(read_only=True)
    async with app.run_test(size=WIDE) as pilot:
        form = await form_of(app, pilot)
        form.query_one("#recording", Input).value = str(place / "run.rec")
        form.query_one("#config", Input).value = ""
        sources = form.query_one("#sources", Sources)
        sources.focus()
        await pilot.press("space", "space")
        agent = next(iter(sources.sources))
        assert sources.sources[agent] == "rerun"
        await reads(pilot, f"side effects: {agent}")
        await pilot.press("ctrl+r")
        await reads(pilot, "Read-only")


async def test_a_file_that_is_not_there_is_said_in_the_form() -> None:
    """The form stays, with everything still filled in."""
    app = console()
    async with app.run_test(size=SMALL) as pilot:
        form = await form_of(app, pilot)
        form.query_one("#recording", Input).value = "nowhere.rec"
        await pilot.press("ctrl+r")
        await reads(pilot, "There is no recording nowhere.rec")


async def test_an_empty_room_says_what_to_do() -> None:
    """Before anything was run, the screen names the key."""
    app = console()
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: app.room is not None and app.room.ready)
        assert "What-if" not in seen(app)
        await pilot.press("W")
        await reads(pilot, "Nothing was run yet", "W asks what to run")


async def test_a_run_that_is_cancelled_leaves_no_process(place: Path) -> None:
    """Cancelling ends the process, and the run says that it was cancelled."""
    begun = asyncio.Event()
    run = Run([str(place / "run.rec")], begun.set)
    task = asyncio.create_task(run.go())
    await begun.wait()
    assert psutil.pid_exists(run.process)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert run.state == CANCELLED
    assert not psutil.pid_exists(run.process)


async def test_what_is_wrong_with_a_run_is_a_sentence(place: Path) -> None:
    """The command's own words are what is shown."""
    run = Run([str(place / "run.rec"), "--session", "nobody"], lambda: None)
    await run.go()
    assert run.state == "failed"
    assert "no events" in run.error


async def test_a_session_of_a_recording_that_is_shown_again_is_run_otherwise(place: Path) -> None:
    """While a recording is replayed, the form knows which one; nothing hostile is on the screen."""
    with Recording.open(place / "run.rec") as recording:
        link = RecordedLink(recording, at=recording.span.end)
        app = ConsoleApp(link, read_only=True, settings=Settings(), keymap=KeyMap(), fps=30)
        async with app.run_test(size=WIDE) as pilot:
            form = await form_of(app, pilot)
            assert form.query_one("#recording", Input).value == str(place / "run.rec")
            form.query_one("#session", Input).value = "s1"
            form.query_one("#mode", Choice).choose("sequential")
            await pilot.press("ctrl+r")
            await reads(pilot, "≠ they part")
            await pilot.press("enter")
            text = await reads(pilot, "First divergence", "[/INST]")
            assert "\x1b" not in text

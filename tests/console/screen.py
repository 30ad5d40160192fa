"""A console on an engine that stands still, and what is to be read on its screen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from textual.pilot import Pilot
from textual.widget import Widget

from agentflow_console.app import ConsoleApp
from agentflow_console.keymap import KeyMap
from agentflow_console.settings import Settings
from agentflow_console.testing import StillLink

from . import rows

WIDE, MEDIUM, SMALL = (160, 45), (120, 36), (80, 24)


def console(link: StillLink | None = None, **options: object) -> ConsoleApp:
    """A console with nobody's settings and a clock that stands still."""
    return ConsoleApp(
        link or rows.link(),
        settings=options.pop("settings", Settings()),  # type: ignore[arg-type]
        keymap=KeyMap(),
        clock=lambda: rows.NOW + 0.4,
        fps=options.pop("fps", 100),  # type: ignore[arg-type]
        **options,  # type: ignore[arg-type]
    )


async def until(pilot: Pilot[int], true: Callable[[], object]) -> None:
    """Let the console go on until something is true. Fails if that takes too long."""
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 - what is on a screen sets no event
            await asyncio.sleep(0.002)
    await pilot.pause()


async def settled(pilot: Pilot[int]) -> None:
    """Let the console show what the link has now."""
    app = pilot.app
    assert isinstance(app, ConsoleApp)
    link = app.link
    assert isinstance(link, StillLink)
    await until(pilot, lambda: app.room is not None and app.room.ready)
    before = link.pulls
    await until(pilot, lambda: link.pulls >= before + 2)
    app.paint_now()
    await pilot.pause()


def text_of(widget: Widget) -> list[str]:
    """What a widget that draws line by line shows."""
    return [
        "".join(segment.text for segment in widget.render_line(y)).rstrip()
        for y in range(widget.size.height)
    ]


def screen_text(app: ConsoleApp) -> str:
    """Everything that is on the screen, as a terminal would show it."""
    strips = app.screen._compositor.render_strips(app.size)
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)

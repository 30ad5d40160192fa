"""A console on samples, and what is to be read on its screen."""

from __future__ import annotations

import time
from collections.abc import Callable

from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen

from agentflow_console import theming
from agentflow_console.app import ConsoleApp
from agentflow_console.keymap import KeyMap
from agentflow_console.settings import Settings
from agentflow_console.testing import StillLink

from .samples import NOW, sample_link

WIDE, SMALL = (160, 45), (80, 24)


class Host(App[None]):
    """An app of one screen, with our themes and nothing else."""

    ENABLE_COMMAND_PALETTE = False

    def __init__(self, screen: Screen[object], theme: str = "night") -> None:
        super().__init__()
        self._shown = screen
        self._wanted = theme
        self.results: list[object] = []
        """What the screen ended with."""

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return theming.FALLBACKS

    def on_mount(self) -> None:
        theming.install(self)  # type: ignore[arg-type]
        self.theme = self._wanted
        self.push_screen(self._shown, self.results.append)


def console(link: StillLink | None = None, **options: object) -> ConsoleApp:
    """A console with nobody's settings and a clock that stands still."""
    return ConsoleApp(
        link or sample_link(),
        settings=options.pop("settings", Settings()),  # type: ignore[arg-type]
        keymap=KeyMap(),
        clock=lambda: NOW + 0.5,
        fps=30,
        **options,  # type: ignore[arg-type]
    )


async def until(pilot: Pilot[object], true: Callable[[], object]) -> None:
    """Let the app go on until something is true. Fails if that takes too long."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if true():
            await pilot.pause()
            return
        await pilot.pause(0.005)
    raise AssertionError(f"it did not come true; on the screen:\n{seen(pilot.app)}")


async def reads(pilot: Pilot[object], *words: str) -> str:
    """Let the app go on until all the words are on the screen; what is on it then."""
    await until(pilot, lambda: all(word in seen(pilot.app) for word in words))
    return seen(pilot.app)


async def visit(pilot: Pilot[object], key: str, *words: str) -> str:
    """Go to a screen by its key and wait for the words."""
    await until(pilot, lambda: pilot.app.room is not None and pilot.app.room.ready)  # type: ignore[attr-defined]
    await pilot.press(key)
    return await reads(pilot, *words)


def seen(app: App[object]) -> str:
    """Everything that is on the screen, as a terminal would show it."""
    strips = app.screen._compositor.render_strips(app.size)
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)

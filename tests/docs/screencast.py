"""Takes the pictures of the README from the real console on its demo.

python tests/docs/screencast.py [overview] [breakpoint] [whatif]
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

os.environ.setdefault("TEXTUAL_FPS", "120")

from film import Film
from textual.pilot import Pilot

import agentflow_console
from agentflow_console.app import ConsoleApp
from agentflow_console.host_options import HostOptions
from agentflow_console.keymap import KeyMap
from agentflow_console.link.client import ChildLink
from agentflow_console.link.process import EngineProcess
from agentflow_console.settings import Settings

PACKAGE = Path(agentflow_console.__file__).parent
ASSETS = PACKAGE / "assets"
PATIENCE = 90.0  # seconds


class Scene:
    """A console in somebody's hands."""

    def __init__(self, pilot: Pilot[int]) -> None:
        self.pilot = pilot
        assert isinstance(pilot.app, ConsoleApp)
        self.app = pilot.app
        self.film = Film()

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.pilot.press(key)
        await self.pilot.pause(0.3)

    async def write(self, text: str) -> None:
        await self.press(*text)

    async def until(self, true: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not true():
                await self.pilot.pause(0.1)
        await self.pilot.pause(0.5)

    def take(self, seconds: float) -> None:
        self.app.paint_now()
        self.film.take(self.app.export_screenshot(), seconds)


async def play(
    scene: Callable[[Scene], Awaitable[None]], size: tuple[int, int], pace: float
) -> Scene:
    """Play a scene on the demo in a folder of its own."""
    folder = tempfile.mkdtemp()
    before = Path.cwd()
    os.chdir(folder)
    try:
        file = str(PACKAGE / "demo" / "agentflow.toml")
        options = HostOptions(path=file, demo=True, pace=pace, watch=False)
        link = ChildLink(options, EngineProcess(options))
        app = ConsoleApp(link, settings=Settings(), keymap=KeyMap(), fps=20)
        async with app.run_test(size=size) as pilot:
            made = Scene(pilot)
            await scene(made)
            await link.close(drain=False)
        return made
    finally:
        os.chdir(before)
        shutil.rmtree(folder, ignore_errors=True)


# -- the scenes --------------------------------------------------------------------------------


async def overview(scene: Scene) -> None:
    """Everything at once, a minute into the demo."""
    await scene.until(lambda: len(scene.app.store.dead) > 2)
    scene.take(1)


async def breakpoint_(scene: Scene) -> None:
    """A module that doesn't parse is stopped, given another file, and succeeds."""
    app = scene.app
    await scene.until(lambda: len(app.store.events.rows()) > 10)
    await scene.press("4", "G")
    scene.take(2)
    await scene.press("b")
    scene.take(2)
    await scene.press("B")
    await scene.until(lambda: app.store.snapshot is not None and app.store.snapshot.stops)
    await scene.pilot.pause(1.0)
    scene.take(3)
    await scene.press("enter")
    await scene.pilot.pause(1.0)
    scene.take(4)
    await scene.press("e")
    await scene.pilot.pause(0.5)
    scene.take(2)
    await scene.press("down", "down", "end", "ctrl+u")
    await scene.write('  "path": "json/decoder.py"')
    scene.take(3)
    await scene.press("ctrl+r")
    await scene.pilot.pause(0.5)
    scene.take(2)
    snapshot = app.store.snapshot
    assert snapshot is not None
    event = snapshot.stops[0].event_id
    stopped = sum(stop.event_id == event for stop in snapshot.stops)
    for _ in range(stopped):
        await scene.press("c")
        await scene.pilot.pause(0.5)
    scene.take(2)
    await scene.until(
        lambda: any(row.id == event and row.state == "succeeded" for row in app.store.events.rows())
    )
    app.open_in("events", next(row.seq for row in app.store.events.rows() if row.id == event))
    await scene.pilot.pause(1.0)
    scene.take(4)
    await scene.press("9")
    await scene.pilot.pause(0.5)
    scene.take(3)
    await scene.press(*["down"] * stopped, "enter")
    await scene.pilot.pause(0.5)
    scene.take(4)


async def what_if(scene: Scene) -> None:
    """A session that ran under mixed, run again under sequential: where the two part."""
    app = scene.app
    await scene.until(lambda: sum(row.state == "succeeded" for row in app.store.events.rows()) > 60)
    await scene.press("5")
    await scene.pilot.pause(1.5)
    scene.take(3)
    await scene.press("W")
    await scene.pilot.pause(1.0)
    await scene.press("right", "right", "right")
    scene.take(4)
    await scene.press("ctrl+r")
    room = app.rooms["whatif"]
    await scene.until(lambda: room.selected is not None)
    await scene.pilot.pause(1.0)
    await scene.press("enter")
    await scene.pilot.pause(1.0)
    scene.take(6)


async def _film(scene: Callable[[Scene], Awaitable[None]], name: str) -> None:
    made = await play(scene, (120, 34), 20)
    (ASSETS / f"{name}.svg").write_text(made.film.svg(), "utf-8")


async def main(wanted: list[str]) -> None:
    """Take what is wanted, or all of it."""
    if not wanted or "overview" in wanted:
        made = await play(overview, (160, 45), 20)
        (ASSETS / "overview.svg").write_text(made.film.first, "utf-8")
    if not wanted or "breakpoint" in wanted:
        await _film(breakpoint_, "breakpoint")
    if not wanted or "whatif" in wanted:
        await _film(what_if, "whatif")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))

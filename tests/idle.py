"""Idle: the moment at which an app has nothing more to do until something comes from outside.

Textual's pilot watches the processor for that, in steps of 20 ms. A console that looks at its
engine a hundred times a second is never idle by that measure: a second went by with each key.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from textual import app, pilot
from textual._context import active_app
from textual.app import ScreenStackError

_ROUNDS = 4
"""What has been laid out tells its widgets, and they may want another layout."""


async def wait_for_idle(min_sleep: float = 0.0, max_sleep: float = 1.0) -> None:
    """Wait until no task of the loop can go on, and what was to be drawn is drawn.

    Timers that are not due and threads are not waited for. At most ``max_sleep`` seconds.
    """
    loop: Any = asyncio.get_running_loop()
    console = active_app.get()
    end = loop.time() + max_sleep
    for _ in range(_ROUNDS):
        await asyncio.sleep(0)
        # Textual puts off a resize for a moment, in case there is another one.
        while (loop._ready or console._resize_event) and loop.time() < end:  # noqa: ASYNC110
            await asyncio.sleep(0 if loop._ready else 0.002)
        try:
            console.screen._on_timer_update()
        except ScreenStackError:
            return  # the app is at its end


@pytest.fixture(autouse=True)
def soon_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pilots wait for what there is to do, and no longer."""
    for module in (app, pilot):
        monkeypatch.setattr(module, "wait_for_idle", wait_for_idle)

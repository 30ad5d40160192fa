"""Showing: what reaches the terminal and when; frames that it can't take wait, keys don't.

Everything that Textual draws goes through ``_display``. While the terminal is still at what
it was sent, nothing is drawn: what changes meanwhile is drawn once, as it is by then. So a
terminal that takes nothing keeps neither this program nor its memory waiting.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from textual import events

from agentflow_console.gauge import Gauge, Reading
from agentflow_console.operate import Operating

if TYPE_CHECKING:
    from rich.console import RenderableType
    from textual.screen import Screen

    from agentflow_console.output import Output

_GRACE = 0.015  # seconds that a terminal may take for a frame without being waited for
_NOTHING_DONE = 0.1  # seconds after which a key that has changed nothing on the screen is forgotten


class Showing(Operating):
    """The part of the app between the widgets and the terminal; measures what passes."""

    def __init__(self) -> None:
        super().__init__()
        self.gauge = Gauge()
        """How this console does."""
        self._watched = False
        self._held = False
        self._lost_update = False
        self._freed = 0.0  # when the terminal was waited for last
        self._frame: tuple[float, float, float] | None = None
        self._looked = 0.0
        self._handled: list[tuple[float, float]] = []  # keys: when pressed, when worked off

    @property
    def output(self) -> Output | None:
        """The way to the terminal; None where there is none."""
        return getattr(self._driver, "output", None)

    @property
    def terminal_busy(self) -> bool:
        """Whether the terminal takes nothing more just now."""
        output = self.output
        return self._held or (output is not None and output.busy > _GRACE)

    def reading(self) -> Reading:
        """How the console does."""
        output = self.output
        if output is None:
            return self.gauge.read(0, [])
        return self.gauge.read(output.size, list(output.taken))

    # -- frames ----------------------------------------------------------------------------

    def paint(self) -> None:
        """What is visible looks at the store."""
        raise NotImplementedError

    def show_frame(self, fetch: float, apply: float) -> None:
        """Paint one frame, which took so many seconds to fetch and to take in."""
        begun = time.perf_counter()
        self.paint()
        self._frame = (fetch, apply, begun)
        self._looked = time.perf_counter() - begun
        self.call_after_refresh(self._nothing_to_draw)

    def _nothing_to_draw(self) -> None:
        """The frame is over; if nothing was drawn, looking was all there was to do."""
        if self._frame is not None:
            fetch, apply, _ = self._frame
            self.gauge.frame(fetch, apply, self._looked)
            self._frame = None

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        if self._held and renderable is not None:
            self._lost_update = True  # a layout that could not wait: all is drawn afterwards
            return
        super()._display(screen, renderable)
        if renderable is None or self._batch_count:
            return
        if self._frame is not None:
            fetch, apply, begun = self._frame
            self.gauge.frame(fetch, apply, time.perf_counter() - begun)
            self._frame = None
        if self._handled:
            self._keys_painted()
        if not self._watched and self.output is not None:
            self._watched = True
            asyncio.get_running_loop().call_later(_GRACE, self._look)

    # -- a terminal that is slow -------------------------------------------------------------

    def _look(self) -> None:
        """Hold what is drawn back if the terminal is still at what it was sent."""
        self._watched = False
        output, loop = self.output, asyncio.get_running_loop()
        if self._held or output is None or not self._running:
            return

        def free() -> None:
            try:
                loop.call_soon_threadsafe(self._let_go)
            except RuntimeError:
                pass  # the loop is closed: the terminal was slower than the end

        if output.busy and output.when_free(free):
            self._held = True
            self._begin_batch()

    def _let_go(self) -> None:
        """The terminal is free: draw what has changed since."""
        if not self._held:
            return
        self._held = False
        self._freed = time.monotonic()
        self._end_batch()
        if not self._running or self._batch_count:
            return
        if self._lost_update:
            self._lost_update = False
            self.screen.refresh()
        self.screen.check_idle()

    # -- keys ------------------------------------------------------------------------------

    async def on_event(self, event: events.Event) -> None:
        """Notes when a key is worked off, wherever that happens."""
        await super().on_event(event)
        if isinstance(event, events.Key) and not event.is_forwarded:
            place = self.focused or self.screen
            place.call_later(self._key_seen, event)

    def _key_seen(self, event: events.Key) -> None:
        if event._stop_propagation:  # else it goes on to the app, whose bindings act on it
            self._key_handled(event.time)

    def on_key(self, event: events.Key) -> None:
        """It has come up to the app: after this it is worked off."""
        self.call_later(self._key_handled, event.time)

    def _key_handled(self, pressed: float) -> None:
        self._handled.append((pressed, time.monotonic()))

    def _keys_painted(self) -> None:
        now = time.monotonic()
        for pressed, handled in self._handled:
            if now - max(handled, self._freed) < _NOTHING_DONE:
                self.gauge.key(now - pressed)
        self._handled.clear()

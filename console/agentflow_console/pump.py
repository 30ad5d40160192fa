"""Pump: fetches snapshots at the frame rate, one request at a time, and has them shown.

It runs in one long-lived worker: no handler ever waits for the engine. While the engine does
not answer, ``tick`` keeps clock, state and alerts true. A terminal that is slow gets fewer
frames; what the engine says is fetched and kept as before, so nothing is missing later.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING

from agentflow_console.announce import AuditNews, ConfigNews
from agentflow_console.bells import Bells
from agentflow_console.frame_rate import FrameRate, after
from agentflow_console.link.protocol import LinkError

if TYPE_CHECKING:
    from agentflow_console.app import ConsoleApp

_CALM = 1.0  # seconds without any change after which frames come at a quarter of the rate
_PRESENT = 10.0  # seconds after which what was so rings no bell: it is a recording
_RETRY = 0.5  # seconds between tries to reach an engine that was lost


class Pump:
    """The frames of one app."""

    def __init__(self, app: ConsoleApp, fps: int) -> None:
        self._app = app
        self.rate = FrameRate.at(fps)
        """How many frames the terminal gets."""
        self._seen = 0.0  # up to when it is known how long the terminal took
        self._next = 0.0  # when a slow terminal gets its next frame
        self._changed = time.perf_counter()
        self._revision: object = None
        self._delays: deque[tuple[float, float]] = deque(maxlen=64)
        self._config_news = ConfigNews()
        self._audit_news = AuditNews(app.link.operator)
        self._bells = Bells()
        self._deaths = 0  # that have been told
        self.failure = ""
        """Why there is no engine, as a sentence."""

    @property
    def delay(self) -> float:
        """Seconds that the screen was late at the worst, over the last second."""
        since = time.perf_counter() - 1.0
        late = max((delay for at, delay in self._delays if at > since), default=0.0)
        return max(late, self._app.gauge.worst(1.0))

    async def run(self) -> None:
        """Start the engine, then fetch until the app ends."""
        app = self._app
        try:
            if app.link.status == "starting":
                await app.link.start()
        except LinkError as error:
            if app.leaving:
                return
            self.failure = str(error)
            app.leave_with = 2
            app.refresh_lines()
            return
        while app.link.status != "closed":
            started = time.perf_counter()
            link = app.link
            try:
                snapshot = await link.pull(app.store.cursor)
            except LinkError as error:
                if not app.leaving and link is app.link:
                    self.failure = str(error)
                    app.refresh_lines()
                await asyncio.sleep(_RETRY)
                continue
            if link is not app.link:
                continue  # a recording is shown now, or no more
            self.failure = ""
            fetched = time.perf_counter()
            app.store.apply(snapshot)
            self._show(fetched - started, time.perf_counter() - fetched)
            due = started + self._wait(fetched)
            await asyncio.sleep(max(due - time.perf_counter(), 0.002))
            late = time.perf_counter() - due
            if late > 0.005:
                self._delays.append((time.perf_counter(), late))

    def tick(self) -> None:
        """A few times a second, whatever the engine does."""
        deaths = self._app.link.deaths
        if len(deaths) > self._deaths:
            self._deaths = len(deaths)
            self._app.alarm(deaths[-1])
        news = self._config_news.of(self._app.store.config)
        if news is not None:
            text, ok = news
            self._app.say(text, ok=ok)
        if self._app.store.snapshot is not None:
            done = self._audit_news.of(self._app.store.audit[-20:])
            if done:
                self._app.say(done)
        self._app.refresh_lines()
        if (snapshot := self._app.store.snapshot) is not None:
            if abs(self._app.clock() - snapshot.time) < _PRESENT:
                for _ in range(self._bells.due(snapshot.alert_rules)):
                    self._app.bell()
            self._app.warm_up()

    def _show(self, fetch: float, apply: float) -> None:
        """Paint a frame, unless the terminal is not ready for another one."""
        app, now = self._app, time.perf_counter()
        if app.terminal_busy or (self.rate.slow and now < self._next):
            app.gauge.skipped += 1
            return
        if (output := app.output) is not None:
            # Between two frames there are small changes too, which any terminal takes at once.
            took = max((took for at, took in list(output.taken) if at > self._seen), default=0.0)
            self._seen = now
            self.rate = after(self.rate, took, now)
        self._next = now + self.rate.period
        app.show_frame(fetch, apply)

    def _wait(self, now: float) -> float:
        store = self._app.store
        revision = (store.events.revision, store.log.revision, store.agents.revision)
        if revision != self._revision:
            self._revision = revision
            self._changed = now
        calm = now - self._changed >= _CALM
        return self.rate.base * 4 if calm else self.rate.base

"""Inspector: fetches one event in full, and again while it lives, never two at a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from agentflow.control import EventDetail
from agentflow_console.link.protocol import LinkError

if TYPE_CHECKING:
    from agentflow_console.app import ConsoleApp

_AGAIN = 0.5  # seconds between two looks at an event that is not over
_PAUSE = 0.08  # seconds between two events, while the cursor runs over rows

LIVE_STATES = frozenset(("queued", "running", "held", "retrying"))


class Inspector:
    """One wanted event; ``got`` is called with what the engine knows of it, None for nothing."""

    def __init__(self, app: ConsoleApp, got: Callable[[str, EventDetail | None], None]) -> None:
        self._app = app
        self._got = got
        self._wanted = ""
        self._live = False
        self._fetched = ""
        self._fetched_live = False
        self._at = 0.0
        self._busy = False

    def want(self, event_id: str, state: str) -> None:
        """This event is to be shown. Called as often as one likes."""
        self._wanted, self._live = event_id, state in LIVE_STATES
        if self._busy or not event_id:
            return
        since = time.perf_counter() - self._at
        if event_id != self._fetched:
            due = since >= _PAUSE
        else:  # once more after its end, for what the last look could not know
            due = (self._live or self._fetched_live) and since >= _AGAIN
        if due:
            self._busy = True
            self._app.run_worker(self._fetch(event_id), group="inspect", exit_on_error=False)

    async def _fetch(self, event_id: str) -> None:
        live = self._live
        try:
            detail = await self._app.link.event(event_id)
        except LinkError:
            return
        finally:
            self._busy = False
            self._at = time.perf_counter()
        self._fetched, self._fetched_live = event_id, live
        self._got(event_id, detail)

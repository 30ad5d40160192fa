"""Latest: fetches what belongs to the selected row, one request at a time, the last wish wins."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from textual.widget import Widget

from agentflow_console.link.protocol import LinkError

K = TypeVar("K", bound=Hashable)
D = TypeVar("D")


class Latest(Generic[K, D]):
    """``got`` is called with a key and what was fetched for it.

    The same key is fetched again ``again`` seconds later while it is wanted as live. A lost
    engine is silent here: the alert line says it.
    """

    def __init__(
        self,
        widget: Widget,
        fetch: Callable[[K], Awaitable[D]],
        got: Callable[[K, D], None],
        *,
        again: float = 0.5,
    ) -> None:
        self._widget, self._fetch, self._got, self._again = widget, fetch, got, again
        self._wanted: K | None = None
        self._fetched: K | None = None
        self._was_live = False
        self._at = 0.0
        self._busy = False

    def want(self, key: K, *, live: bool = False) -> None:
        """This key is to be shown. Called as often as one likes."""
        self._wanted = key
        if self._busy:
            return
        due = key != self._fetched or (
            (live or self._was_live) and time.perf_counter() - self._at >= self._again
        )
        if due:
            self._busy = True
            self._widget.run_worker(self._run(key, live), group="latest", exit_on_error=False)

    def forget(self) -> None:
        """Fetch the wanted key again, whatever is known of it."""
        self._fetched = None

    async def _run(self, key: K, live: bool) -> None:
        try:
            found = await self._fetch(key)
        except LinkError:
            return
        finally:
            self._busy = False
            self._at = time.perf_counter()
        self._fetched, self._was_live = key, live
        self._got(key, found)
        if self._wanted is not None and self._wanted != key:
            self.want(self._wanted)

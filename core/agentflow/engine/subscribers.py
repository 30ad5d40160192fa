"""Subscribers: who is told of accepted events, beside the events' own way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from fnmatch import fnmatchcase
from functools import partial
from inspect import isawaitable
from typing import Any

from agentflow.engine.guards import current_guard
from agentflow.event import Event
from agentflow.resilience.dead_letters import describe

Subscriber = Callable[[Event], Awaitable[None] | None]


class Subscribers:
    """Functions that are told of events whose target matches a pattern, and tasks beside the work.

    Whatever they raise goes to ``report`` (level, text).
    """

    def __init__(self, report: Callable[[str, str], None]) -> None:
        self._report = report
        self._background: set[asyncio.Future[Any]] = set()
        self.entries: list[tuple[str, Subscriber]] = []

    def add(self, pattern: str, subscriber: Subscriber) -> Callable[[], None]:
        """Tell ``subscriber`` of events from now on; the function returned ends that."""
        entry = (pattern, subscriber)
        self.entries.append(entry)

        def unsubscribe() -> None:
            if entry in self.entries:
                self.entries.remove(entry)

        return unsubscribe

    def publish(self, event: Event) -> None:
        """Tell everybody whose pattern fits."""
        for pattern, subscriber in list(self.entries):
            if fnmatchcase(event.route, pattern):
                try:
                    returned = subscriber(event)
                except Exception as error:
                    self._report("error", f"subscriber to {pattern!r} failed: {describe(error)}")
                    continue
                if isawaitable(returned):
                    self.in_background(returned, pattern)

    def in_background(self, work: Awaitable[Any], pattern: str = "") -> None:
        """Let ``work`` go on beside everything else."""
        task = asyncio.ensure_future(_outside(work))
        self._background.add(task)
        task.add_done_callback(partial(self._told, pattern))

    def _told(self, pattern: str, done: asyncio.Future[Any]) -> None:
        self._background.discard(done)
        if not done.cancelled() and (error := done.exception()) is not None:
            who = f"subscriber to {pattern!r}" if pattern else "a task of the engine"
            self._report("error", f"{who} failed: {describe(error)}")


async def _outside(work: Awaitable[Any]) -> Any:
    """Await ``work`` as nobody's handler, though one may have asked for it."""
    current_guard.set(None)
    return await work

"""Watchdog: what keeps the engine's loop from going round."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable

from agentflow.telemetry.snapshot import Blocked
from agentflow_console.link.watchdog import Watchdog


class Heard:
    """What the watchdog said, and a way to wait for it without sleeping."""

    def __init__(self) -> None:
        self.said: list[Blocked | None] = []
        self._changed = threading.Condition()

    def __call__(self, blocked: Blocked | None) -> None:
        with self._changed:
            self.said.append(blocked)
            self._changed.notify_all()

    def wait_for(self, test: Callable[[list[Blocked | None]], bool]) -> None:
        """Block this thread until it holds."""
        with self._changed:
            assert self._changed.wait_for(lambda: test(self.said), timeout=60)


def stubborn_handler(heard: Heard) -> None:
    """Doesn't let the loop go round until the watchdog has noticed."""
    heard.wait_for(lambda said: len(said) == 1)


def busy_handler(heard: Heard) -> None:
    """Burns CPU inside the standard library until the watchdog has noticed."""
    while not heard.said:
        json.loads(json.dumps({"x": list(range(100))}))


async def test_a_blocked_loop_is_told_with_agent_place_and_stack() -> None:
    """While a handler blocks, it is said who and where; when it is over, that too."""
    heard = Heard()
    watchdog = Watchdog(heard, lambda: "analyzer", late=0.1)
    watchdog.start()
    before = time.time()
    stubborn_handler(heard)
    await asyncio.to_thread(heard.wait_for, lambda said: said[-1] is None)
    watchdog.stop()
    blocked = heard.said[0]
    assert blocked is not None
    assert blocked.agent == "analyzer"
    assert blocked.where.startswith("test_watchdog.py:")
    assert blocked.where.endswith((" in Heard.wait_for", " in stubborn_handler"))
    assert abs(blocked.since - before) < 1.0
    assert any("stubborn_handler" in line for line in blocked.stack)
    assert heard.said[1:] == [None]


async def test_the_place_is_in_the_users_code_not_in_a_library() -> None:
    """Code that burns CPU in the standard library is told by who called that."""
    heard = Heard()
    watchdog = Watchdog(heard, lambda: "", late=0.1)
    watchdog.start()
    busy_handler(heard)
    await asyncio.to_thread(heard.wait_for, lambda said: said[-1] is None)
    watchdog.stop()
    assert heard.said[0] is not None
    assert heard.said[0].where.endswith(" in busy_handler")


async def test_a_loop_that_goes_round_is_left_alone() -> None:
    """Nothing is said while the loop turns, however much it has to do."""
    heard = Heard()
    watchdog = Watchdog(heard, lambda: "", late=0.1)
    watchdog.start()
    end = time.monotonic() + 0.4
    while time.monotonic() < end:
        await asyncio.to_thread(int)
    watchdog.stop()
    assert heard.said == []

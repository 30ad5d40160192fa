"""Watchdog: a thread that says what keeps the engine's loop from going round."""

from __future__ import annotations

import asyncio
import sys
import sysconfig
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import agentflow
from agentflow.telemetry.snapshot import Blocked

_LIBRARIES = tuple(
    {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
)
_ENGINE = str(Path(agentflow.__file__).parent)
_CONSOLE = str(Path(__file__).parent.parent)
_STACK_LINES = 30


class Watchdog:
    """Watches the running loop's heartbeat from a thread.

    When the beat is more than ``late`` seconds overdue, ``push`` is called on the
    thread with where the loop's thread is, again whenever that has moved, and with None
    when the loop goes round again. ``agent`` tells whose handler is on the loop.
    """

    def __init__(
        self,
        push: Callable[[Blocked | None], None],
        agent: Callable[[], str],
        *,
        every: float = 0.05,
        late: float = 0.25,
    ) -> None:
        self._push = push
        self._agent = agent
        self._every = every
        self._late = late
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._beaten = time.monotonic()
        self._ended = threading.Event()
        self._said: Blocked | None = None
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to watch."""
        self._beat()
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._ended.set()
        if self._timer is not None:
            self._timer.cancel()
        self._thread.join()

    def _beat(self) -> None:
        self._beaten = time.monotonic()
        self._timer = self._loop.call_later(self._every, self._beat)

    def _watch(self) -> None:
        looked = time.monotonic()
        while not self._ended.wait(self._every):
            now = time.monotonic()
            starved = now - looked > self._late
            looked = now
            if starved:
                continue  # the whole process stood still, not the loop alone
            overdue = now - self._beaten - self._every
            if overdue > self._late:
                self._say(self._look(now - self._beaten))
            elif self._said is not None:
                self._say(None)

    def _say(self, blocked: Blocked | None) -> None:
        if blocked is not None and self._said is not None and blocked.where == self._said.where:
            return
        self._said = blocked
        self._push(blocked)

    def _look(self, ago: float) -> Blocked:
        frame = sys._current_frames().get(self._loop_thread)
        since = self._said.since if self._said is not None else time.time() - ago
        if frame is None:
            return Blocked(self._agent(), since, "", [])
        stack = traceback.extract_stack(frame)[-_STACK_LINES:]
        lines = [line.rstrip("\n") for line in traceback.format_list(stack)]
        return Blocked(self._agent(), since, _place(frame), lines)


def _place(innermost: FrameType) -> str:
    """Where the user's own code is: libraries it has called are not what to look at."""
    frame: FrameType | None = innermost
    while frame is not None and is_library(frame.f_code.co_filename):
        frame = frame.f_back
    frame = frame or innermost
    code = frame.f_code
    return f"{Path(code.co_filename).name}:{frame.f_lineno} in {code.co_qualname}"


def is_library(path: str) -> bool:
    """Whether code is of the engine or of a library, not the user's own."""
    if path.startswith(_CONSOLE):
        return False  # the bundled demo's handlers
    return path.startswith(("<frozen", _ENGINE, *_LIBRARIES))

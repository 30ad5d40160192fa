"""Signals: being told to end, as calls on the loop; even if the loop can't come round."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_PATIENCE = 3.0  # seconds after the second signal before ``stuck`` is called


class Signals:
    """While the ``with`` block lasts, every signal that asks for the end is a call of ``told``.

    ``told`` gets the signal's number and how many there were, on the loop. If the block is
    not left within three seconds of the second one, ``stuck`` is called on a thread of its
    own: whatever keeps the loop must not keep the person too.

    A SIGHUP counts only as the first one: when a terminal goes away the system and the
    shell both say so. A signal that is ignored, as ``nohup`` has it, stays ignored. Outside
    of the main thread this does nothing.
    """

    def __init__(
        self,
        told: Callable[[int, int], object],
        stuck: Callable[[], object],
        numbers: tuple[int, ...] = ENDING,
    ) -> None:
        self._told = told
        self._stuck = stuck
        self._numbers = numbers
        self._count = 0
        self._before: dict[int, Any] = {}
        self._timer: threading.Timer | None = None

    def __enter__(self) -> Signals:
        self._loop = asyncio.get_running_loop()
        if threading.current_thread() is threading.main_thread():
            for number in self._numbers:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._take)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for number, before in self._before.items():
            signal.signal(number, before or signal.SIG_DFL)

    def _take(self, number: int, frame: FrameType | None) -> None:
        # Python calls this between any two instructions, also of code that blocks the loop.
        if number == signal.SIGHUP and self._count:
            return
        self._count += 1
        self._loop.call_soon_threadsafe(self._told, number, self._count)
        if self._count == 2:
            # All is said; who goes on saying it must not keep this thread from doing it.
            for one in self._before:
                signal.signal(one, signal.SIG_IGN)
            self._timer = threading.Timer(_PATIENCE, self._stuck)
            self._timer.daemon = True
            self._timer.start()

"""Threads for handlers that are plain functions.

Daemon threads of our own: those of concurrent.futures are waited for when the program
ends, so one handler that never returns would keep the whole program from ending.
"""

from __future__ import annotations

import asyncio
import contextvars
import queue
import threading
from collections.abc import Callable
from typing import Any

_Job = tuple[Callable[[], Any], "asyncio.Future[Any]", asyncio.AbstractEventLoop]

MAX_THREADS = 32
"""How many plain handlers can run at the same time; more wait for a thread."""


class Threads:
    """A pool of daemon threads that grows up to ``limit`` and never blocks an exit."""

    def __init__(self, limit: int = MAX_THREADS) -> None:
        self._limit = limit
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._started = 0

    @property
    def waiting(self) -> int:
        """How many handlers wait for a thread, because all of them are busy."""
        return self._jobs.qsize()

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call ``function`` in a thread, in a copy of this context, and await its result."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        context = contextvars.copy_context()
        self._jobs.put((lambda: context.run(function, *arguments), future, loop))
        if not self._idle.acquire(blocking=False) and self._started < self._limit:
            self._started += 1
            threading.Thread(
                target=self._work,
                args=(self._jobs, self._idle),
                name=f"agentflow-handler-{self._started}",
                daemon=True,
            ).start()
        return await future

    def _work(self, jobs: queue.SimpleQueue[_Job | None], idle: threading.Semaphore) -> None:
        while True:
            job = jobs.get()
            if job is None:
                return
            call, future, loop = job
            if not future.cancelled():
                try:
                    result, error = call(), None
                except BaseException as raised:
                    result, error = None, raised
                try:
                    loop.call_soon_threadsafe(_settle, future, result, error)
                except RuntimeError:  # the loop is closed: nobody waits any more
                    return
            del job, call, future
            idle.release()

    def close(self) -> None:
        """Let idle threads end."""
        for _ in range(self._started):
            self._jobs.put(None)
        # Whoever starts again begins with new threads and a new queue.
        self._started = 0
        self._jobs = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    elif isinstance(error, (StopIteration, GeneratorExit)):
        # These two mean something to a coroutine; from a thread they are only errors.
        future.set_exception(RuntimeError(f"the handler raised {type(error).__name__}: {error}"))
    else:
        future.set_exception(error)

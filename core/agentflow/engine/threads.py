"""Threads for handlers that are plain functions.

Daemon threads of our own: those of concurrent.futures are waited for when the program
ends, so one handler that never returns would keep the whole program from ending.

A function can't be stopped from outside. When the time of its run is up, nobody waits for
it any more; its thread is left to it and another one takes the place, up to a limit.
"""

from __future__ import annotations

import asyncio
import contextvars
import queue
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from agentflow.agent import GRACE
from agentflow.engine.guards import current_guard

MAX_THREADS = 32
"""How many plain handlers can run at the same time; more wait for a thread."""

MAX_LEFT = 128
"""How many threads that were left to their handlers are replaced."""

PATIENCE = 30.0
"""Seconds that a handler waits for a thread until that is said."""


class _Job:
    """One call of a handler. Who it is for is ``agent``; ``began`` is set by its thread."""

    __slots__ = ("agent", "began", "call", "future", "loop", "told")

    def __init__(
        self, call: Callable[[], Any], future: asyncio.Future[Any], loop: asyncio.AbstractEventLoop
    ) -> None:
        self.call: Callable[[], Any] | None = call
        self.future = future
        self.loop = loop
        guard = current_guard.get()
        self.agent = guard.agent if guard is not None else ""
        self.began = False
        self.told = False


class Threads:
    """A pool of daemon threads that grows up to ``limit`` and never blocks an exit.

    Threads whose handlers don't return when their time is up are replaced, ``spare`` of
    them at most.
    """

    def __init__(self, limit: int = MAX_THREADS, spare: int = MAX_LEFT) -> None:
        self._limit = limit
        self._spare = spare
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._started = 0
        self._at_work: set[_Job] = set()
        """Jobs that have not ended, those that wait for a thread too."""
        self._left: set[_Job] = set()
        """Jobs in a thread that nobody waits for any more."""
        self._timer: asyncio.TimerHandle | None = None
        self._short = False
        self._stuck: Callable[[str], None] = _nobody
        self._came_back: Callable[[str], None] = _nobody
        self._report: Callable[[str, str], None] = _nobody

    def watch(
        self,
        stuck: Callable[[str], None],
        came_back: Callable[[str], None],
        report: Callable[[str, str], None],
    ) -> None:
        """Tell of handlers that don't return, by agent, and of a want of threads.

        ``stuck`` is called when a handler is still in its thread a grace after its time
        was up, ``came_back`` when it leaves it in the end; ``report`` takes level and text.
        """
        self._stuck, self._came_back, self._report = stuck, came_back, report

    @property
    def waiting(self) -> int:
        """How many handlers wait for a thread, because all of them are busy."""
        return len(self._not_begun())

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call ``function`` in a thread, in a copy of this context, and await its result."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        context = contextvars.copy_context()
        job = _Job(lambda: context.run(function, *arguments), future, loop)
        self._at_work.add(job)
        self._jobs.put(job)
        if self._idle.acquire(blocking=False):
            self._short = False
        else:
            self._grow(loop)
        try:
            return await future
        except asyncio.CancelledError:
            self._leave(job, loop)
            raise

    def _grow(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start another thread, or see to it that somebody learns that there is none."""
        left = len(self._left)
        if self._started - left < self._limit and self._started < self._limit + self._spare:
            self._started += 1
            threading.Thread(
                target=self._work,
                args=(self._jobs, self._idle),
                name=f"agentflow-handler-{self._started}",
                daemon=True,
            ).start()
        elif self._timer is None and not self._short:
            self._timer = loop.call_later(PATIENCE, self._look, self._not_begun(), loop)

    def _not_begun(self) -> set[_Job]:
        return {job for job in self._at_work if not job.began}

    def _look(self, before: set[_Job], loop: asyncio.AbstractEventLoop) -> None:
        """Say that there are too few threads if one that waited ``before`` still does."""
        self._timer = None
        waiting = self._not_begun()
        if waiting.isdisjoint(before):
            if waiting:
                self._timer = loop.call_later(PATIENCE, self._look, waiting, loop)
            return
        self._short = True
        busy = Counter(job.agent for job in self._at_work | self._left if job.began)
        who = ", ".join(f"{agent or '?'} ×{count}" for agent, count in busy.most_common(5))
        self._report(
            "error",
            f"plain handlers wait for a thread: all {self._started} are taken ({who})",
        )

    def _leave(self, job: _Job, loop: asyncio.AbstractEventLoop) -> None:
        """Nobody waits for ``job`` any more: if it is in a thread, leave the thread to it."""
        if job not in self._at_work:
            return  # it had just ended
        self._at_work.discard(job)
        if job.began:
            self._left.add(job)
            loop.call_later(GRACE, self._still_there, job)
            if not self._jobs.empty():
                self._grow(loop)

    def _still_there(self, job: _Job) -> None:
        if job in self._left:
            job.told = True
            self._stuck(job.agent)

    def _work(self, jobs: queue.SimpleQueue[_Job | None], idle: threading.Semaphore) -> None:
        while True:
            try:
                job = jobs.get_nowait()
            except queue.Empty:
                idle.release()
                job = jobs.get()
            if job is None:
                return
            # Set before it is asked whether anybody still waits: see _leave.
            job.began = True
            result: Any = None
            error: BaseException | None = None
            if not job.future.cancelled():
                assert job.call is not None
                try:
                    result = job.call()
                except BaseException as raised:
                    error = raised
            job.call = None
            try:
                job.loop.call_soon_threadsafe(self._ended, job, result, error)
            except RuntimeError:  # the loop is closed: nobody waits any more
                return
            del job, result, error

    def _ended(self, job: _Job, result: Any, error: BaseException | None) -> None:
        """A thread has done a job, and takes the next one."""
        self._at_work.discard(job)
        if job in self._left:
            self._left.discard(job)
            if self._started - len(self._left) > self._limit:
                # Another thread has taken this one's place: one of them may end.
                self._started -= 1
                self._idle.acquire(blocking=False)
                self._jobs.put(None)
            if job.told:
                self._came_back(job.agent)
        _settle(job.future, result, error)

    def close(self) -> None:
        """Let idle threads end."""
        for _ in range(self._started):
            self._jobs.put(None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        # Whoever starts again begins with new threads and a new queue.
        self._started = 0
        self._jobs = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._at_work = set()
        self._left = set()
        self._short = False


def _nobody(*_: Any) -> None:
    """Nobody asked to be told."""


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

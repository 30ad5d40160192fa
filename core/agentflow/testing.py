"""Testing: a clock to turn by hand, and agents that note what they were asked.

``run_virtual`` runs a coroutine function on an event loop whose time jumps to the next
timer as soon as nothing else is left to do, so that retries, timeouts and cool-downs of
minutes take no time, and take it in the same order every time::

    async def promise() -> None:
        worker = recorder(ConnectionError("busy"), {"answer": 42})
        async with Runner(clock=VirtualClock()) as runner:
            runner.register_agent("worker", worker.agent)
            result = await runner.request(Event("worker"))
        assert result.state == {"answer": 42}

    run_virtual(promise)
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import Executor
from random import Random
from typing import Any, NamedTuple, TypeVar, TypeVarTuple

from agentflow.agent import AgentResult, HandlerOutput
from agentflow.clock import Clock
from agentflow.engine.hooks import CallbackArgs
from agentflow.engine.threads import Threads
from agentflow.event import Event
from agentflow.state import State

__all__ = ["Call", "Recorder", "Stuck", "VirtualClock", "VirtualLoop", "recorder", "run_virtual"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

START = 1_000.0
WALL_START = 1_767_225_600.0
"""2026-01-01T00:00:00Z: when a virtual clock begins, in seconds since the epoch."""

PATIENCE = 86_400.0
"""Virtual seconds after which a run is taken for one that will never end."""

_THREAD_POLL = 0.001


class Stuck(RuntimeError):
    """Nothing can happen any more, or nothing did for a day: what is awaited never comes."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time stands still while there is work and jumps when there is none.

    While a plain handler is at work in a thread, or a socket is watched, it waits for
    real: no timer overtakes them. Raises Stuck when nothing is left that could happen, or
    when more than ``patience`` virtual seconds have gone by.
    """

    def __init__(self, patience: float = PATIENCE) -> None:
        self._now = START
        self._end = START + patience
        self._in_executors = 0
        self._watcher: Callable[[], None] | None = None
        super().__init__(_Selector(self))

    def time(self) -> float:
        """Virtual seconds; they mean nothing but their differences."""
        return self._now

    def each_turn(self, check: Callable[[], None]) -> None:
        """Call ``check`` in every turn of the loop: for what must hold at any moment.

        What it raises ends the run.
        """
        self._watcher = check

    def turn(self) -> None:
        """A turn of the loop has come."""
        check, self._watcher = self._watcher, None
        if check is not None:
            check()
            self._watcher = check

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` go by at once, as if somebody had kept the loop from going round.

        Timers that are due by then go off when the loop gets its next turn.
        """
        if seconds < 0:
            raise ValueError("time does not go back")
        self._now += seconds

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """As in every loop; virtual time waits until ``func`` has returned."""
        future = super().run_in_executor(executor, func, *args)
        self._in_executors += 1
        future.add_done_callback(self._left_executor)
        return future

    async def shutdown_default_executor(self, *timeout: Any) -> None:
        """As in every loop; virtual time waits until the threads have ended."""
        self._in_executors += 1
        try:
            await super().shutdown_default_executor(*timeout)
        finally:
            self._in_executors -= 1

    def _left_executor(self, _: asyncio.Future[Any]) -> None:
        self._in_executors -= 1

    def waits_for_thread(self) -> bool:
        """Whether a task waits for something that a thread does."""
        return self._in_executors > 0 or any(map(_in_thread, asyncio.all_tasks(self)))

    def jump(self, seconds: float) -> None:
        """Go on to the next timer, which is ``seconds`` away."""
        self._now += seconds
        if self._now > self._end:
            self._end += PATIENCE  # so that what is left can be cancelled
            raise Stuck(f"still waiting after {self._now - START:,.0f} virtual seconds")


class _Selector(selectors.DefaultSelector):
    """Looks what has come in; instead of waiting for a timer it moves the loop's time."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._loop.turn()
        found = super().select(0)
        # The loop's own wake-up pipe is always registered.
        watching = len(self.get_map()) > 1
        while not found and timeout != 0:
            if self._loop.waits_for_thread():
                found = super().select(_THREAD_POLL)
            elif timeout is not None and not watching:
                self._loop.jump(timeout)
                break
            elif watching:
                found = super().select(_THREAD_POLL if timeout is None else min(timeout, 0.05))
                break
            else:
                raise Stuck("nothing is left that could happen, and something still waits")
        return found


def _in_thread(task: asyncio.Task[Any]) -> bool:
    """Whether ``task`` awaits a plain handler: one of its awaits is the pool's."""
    here: Any = task.get_coro()
    while here is not None:
        if getattr(here, "cr_code", None) is Threads.run.__code__:
            return True
        here = getattr(here, "cr_await", None)
    return False


class VirtualClock(Clock):
    """The clock of a VirtualLoop. Make it inside ``run_virtual`` and give it to the Runner.

    With the same ``seed`` what the engine leaves to chance comes out the same.
    """

    def __init__(self, seed: int = 0) -> None:
        loop = asyncio.get_running_loop()
        if not isinstance(loop, VirtualLoop):
            raise RuntimeError("a VirtualClock needs a VirtualLoop: use run_virtual")
        self._loop = loop
        self._wall = WALL_START - START
        self.random = Random(seed)
        self.monotonic = loop.time
        self.time = self._wall_time

    def _wall_time(self) -> float:
        return self._loop.time() + self._wall

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` go by at once; see ``VirtualLoop.advance``."""
        self._loop.advance(seconds)

    def jump_wall(self, seconds: float) -> None:
        """Set the wall clock forward (or back) while monotonic time stands still."""
        self._wall += seconds


def run_virtual(function: Callable[[], Coroutine[Any, Any, T]], *, patience: float = PATIENCE) -> T:
    """Run ``function()`` on a loop of its own with virtual time, and return what it returns.

    Raises Stuck when it waits for what never comes, or for more than ``patience``
    virtual seconds.
    """
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(patience)) as runner:
        return runner.run(function())


class Call(NamedTuple):
    """One call: the event, and the values and meta of the state as they were then."""

    event: Event
    data: dict[str, Any]
    meta: dict[str, str]
    hook: str = ""
    """The hook point, for a callback."""
    agent: str = ""
    """The agent that a callback was told about."""
    error: BaseException | None = None
    """The error that a callback was told about."""


class Recorder:
    """An agent, and a callback, that notes its calls in ``calls``, oldest first.

    As an agent each call has the next of ``outputs``, and the last one again and again:
    an exception is raised, a function of (event, state) is called (and awaited if need
    be), everything else is returned.
    """

    def __init__(self, *outputs: Any) -> None:
        self.calls: list[Call] = []
        self._outputs = outputs or (None,)
        self._told = 0

    @property
    def events(self) -> list[Event]:
        """The events of the calls."""
        return [call.event for call in self.calls]

    @property
    def hooks(self) -> list[str]:
        """The hook points of the calls."""
        return [call.hook for call in self.calls]

    async def agent(self, event: Event, state: State) -> HandlerOutput:
        """The handler to register."""
        self.calls.append(Call(event, state.to_dict(), dict(state.meta)))
        output = self._outputs[min(self._told, len(self._outputs) - 1)]
        self._told += 1
        if isinstance(output, BaseException):
            raise output
        if callable(output) and not isinstance(output, (State, AgentResult, Mapping)):
            output = output(event, state)
        if isinstance(output, Awaitable):
            output = await output
        result: HandlerOutput = output
        return result

    def callback(self, args: CallbackArgs) -> None:
        """The callback to register."""
        self.calls.append(
            Call(
                args.event, args.state.to_dict(), dict(args.state.meta), str(args.hook),
                args.agent_id, args.error,
            )
        )  # fmt: skip


def recorder(*outputs: Any) -> Recorder:
    """A Recorder whose agent returns, or raises, ``outputs`` one after the other."""
    return Recorder(*outputs)

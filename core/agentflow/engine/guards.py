"""Guards: time limits for whatever runs in a task, without a timer for each run.

A timer per run would cost as much as the run itself. Instead every task that runs
agents has one guard; arming it is two stores and a comparison, and one timer, set for
the earliest limit, cancels the tasks that are late.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from math import inf
from typing import TYPE_CHECKING, Any

from agentflow.agent import GRACE

if TYPE_CHECKING:
    from agentflow.engine.execution import Execution


NOTHING_ASKED = ("", 0)


class Frame:
    """What ran in a task before something nested in it."""

    __slots__ = ("agent", "asked", "deadline", "execution", "since")

    def __init__(self, guard: Guard) -> None:
        self.agent = guard.agent
        self.since = guard.since
        self.execution = guard.execution
        self.deadline = guard.deadline
        self.asked = guard.asked


class Guard:
    """The limit of one task: at ``deadline`` (monotonic seconds) it is cancelled.

    ``fired`` says that it was, so that the one who catches the cancellation knows it
    for a timeout. ``agent`` and ``execution`` are what runs in the task just now,
    ``since`` when it began (monotonic seconds), ``below`` what runs around it.
    ``asked`` is which run has requested other events here, and how many.
    ``abandoned`` and ``retired`` say that the task must not run anything else.
    """

    __slots__ = (
        "abandoned", "agent", "asked", "below", "deadline", "execution", "fired", "owner",
        "retired", "since", "task",
    )  # fmt: skip

    def __init__(self, task: asyncio.Task[Any], owner: Guards) -> None:
        self.task = task
        self.owner = owner
        self.deadline = inf
        self.fired = False
        self.abandoned = False
        self.retired = False
        self.below: list[Frame] = []
        self.agent = ""
        self.since = 0.0
        self.execution: Execution | None = None
        self.asked = NOTHING_ASKED

    def key_of_request(self, parent: Execution) -> str:
        """What the idempotency keys of an event begin with that is requested here for ``parent``.

        The same for the same request when the handler is tried again, or run again.
        """
        run = parent.key_of(self.agent)
        before, number = self.asked
        number = number + 1 if before == run else 1
        self.asked = (run, number)
        return f"{run}/{number}"

    def put_below(self) -> Frame:
        """Remember what runs here while something nested does; ``take_up`` brings it back."""
        frame = Frame(self)
        self.below.append(frame)
        return frame

    def take_up(self, frame: Frame) -> float:
        """Go on with what was put below; its deadline."""
        self.below.remove(frame)
        self.agent, self.since, self.execution = frame.agent, frame.since, frame.execution
        self.asked = frame.asked
        return frame.deadline

    def frames(self) -> list[tuple[str, float, Execution | None]]:
        """The agents at work in this task, since when, and for what."""
        found = [(frame.agent, frame.since, frame.execution) for frame in self.below]
        if self.agent:
            found.append((self.agent, self.since, self.execution))
        return found

    def postpone(self, seconds: Callable[[Execution, float], float]) -> None:
        """Move the limits of all that runs here: ``seconds`` says how far, for what runs since."""
        if self.execution is not None and not self.fired:
            self.deadline += seconds(self.execution, self.since)
        for frame in self.below:
            if frame.execution is not None:
                frame.deadline += seconds(frame.execution, frame.since)

    def clear(self) -> None:
        """Take back the cancellation: it has been dealt with."""
        self.fired = False
        self.task.uncancel()


current_guard: ContextVar[Guard | None] = ContextVar("agentflow_guard", default=None)


class Guards:
    """All guards of a runner, and the one timer."""

    def __init__(self, now: Callable[[], float], abandon: Callable[[Guard], None]) -> None:
        self._now = now
        self._abandon = abandon
        self._guards: dict[Guard, None] = {}
        self.next = inf
        self.halted: Callable[[Execution], bool] | None = None
        """Whether the time of an execution stands still, asked while that of any does."""
        self._timer: asyncio.TimerHandle | None = None

    def __iter__(self) -> Any:
        return iter(list(self._guards))

    def here(self) -> Guard:
        """The guard of the current task, made when it has none yet."""
        task = asyncio.current_task()
        guard = current_guard.get()
        if guard is None or guard.task is not task or guard.owner is not self:
            assert task is not None
            guard = Guard(task, self)
            current_guard.set(guard)
        # Again, too, when it was dropped after what this task ran before.
        self._guards[guard] = None
        return guard

    def drop(self, guard: Guard) -> None:
        """Watch this guard's task no more."""
        self._guards.pop(guard, None)

    def arm(self, guard: Guard, deadline: float) -> None:
        """Cancel the guard's task at ``deadline`` (monotonic seconds) unless armed anew."""
        guard.deadline = deadline
        if deadline < self.next:
            self.schedule(deadline)

    def schedule(self, deadline: float) -> None:
        """Have the timer go off at ``deadline``, which is before ``next``."""
        if self._timer is not None:
            self._timer.cancel()
        self.next = deadline
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(max(0.0, deadline - self._now()), self._sweep)

    def _sweep(self) -> None:
        # A hair of tolerance: timers may fire a clock tick early.
        now = self._now() + 1e-4
        self._timer = None
        self.next = inf
        earliest = inf
        late: list[Guard] = []
        for guard in self._guards:
            if guard.deadline <= now:
                if self._stands_still(guard):
                    continue
                if guard.fired:
                    late.append(guard)
                    guard.deadline = inf
                    continue
                guard.fired = True
                guard.task.cancel()
                guard.deadline = now + GRACE
            if guard.deadline < earliest:
                earliest = guard.deadline
        for guard in late:
            self._abandon(guard)
        if earliest < self.next:
            self.schedule(earliest)

    def _stands_still(self, guard: Guard) -> bool:
        execution = guard.execution
        if self.halted is None or guard.fired or execution is None:
            return False
        return self.halted(execution)

    def postpone(self, seconds: Callable[[Execution, float], float]) -> None:
        """Move all limits by what ``seconds`` says of each execution and since when it runs."""
        for guard in self._guards:
            guard.postpone(seconds)
            if guard.deadline < self.next:
                self.schedule(guard.deadline)

    def close(self) -> None:
        """Cancel the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.next = inf

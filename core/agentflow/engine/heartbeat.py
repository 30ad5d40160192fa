"""Heartbeat: what a runner does once a second, on its loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from agentflow.engine.threads import Threads
from agentflow.resilience.dead_letters import describe

if TYPE_CHECKING:
    from agentflow.engine.runner import Runner


class Heartbeat:
    """Beats from ``start`` to ``stop``."""

    def __init__(self, runner: Runner, threads: Threads) -> None:
        self._runner = runner
        self._threads = threads
        self._timer: asyncio.TimerHandle | None = None
        self._expected = 0.0
        self.each_second: dict[str, Callable[[], None]] = {}
        """What else is to be done once a second, on the loop, by a name for each."""
        self.lag = 0.0
        """By how many seconds the loop was late at the last beat."""

    def start(self) -> None:
        """Begin: the first beat comes in a second."""
        self._expected = self._runner.dispatcher.now() + 1.0
        self._timer = asyncio.get_running_loop().call_later(1.0, self.beat)

    def stop(self) -> None:
        """No beat comes any more."""
        if self._timer is not None:
            self._timer.cancel()

    def beat(self) -> None:
        """Once a second: the point for the curves, and the report on health."""
        runner = self._runner
        dispatcher = runner.dispatcher
        now = dispatcher.now()
        self.lag = max(0.0, now - self._expected)
        counts = dispatcher.counts()
        runner.telemetry.tick(
            now,
            dispatcher.clock.time(),
            accepted=counts.accepted,
            settled=counts.succeeded + counts.dead,
            dead=counts.dead,
            queued=counts.queued,
            held=counts.held,
            running=counts.running,
            lag=self.lag,
        )
        self._expected = now + 1.0
        self._timer = asyncio.get_running_loop().call_later(1.0, self.beat)
        runner.health.tick(runner, self._threads.waiting)
        for name, act in list(self.each_second.items()):
            try:
                act()
            except Exception as error:  # whatever it is, the engine goes on, and says so once
                del self.each_second[name]
                runner.report("error", f"{name} are not looked after any more: {describe(error)}")
        if dispatcher.recorder is not None:
            dispatcher.recorder.tick()
        runner.rollout.tick()

"""Runner: the engine's public face, and its life from start to stop.

Each of its sides is a class of its own: ``registering`` (agents, callbacks, subscribers),
``emitting`` (events come in), ``accounts``, ``pausing`` and ``swapping`` (another
configuration), all built on ``parts``.
"""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from agentflow.clock import Clock
from agentflow.config import Config
from agentflow.config.difference import diff
from agentflow.engine.accounts import Accounts
from agentflow.engine.blocking import agent_on
from agentflow.engine.emitting import Emitting
from agentflow.engine.handover import pack, unpack
from agentflow.engine.heartbeat import Heartbeat
from agentflow.engine.pausing import Pausing
from agentflow.engine.registering import Registering
from agentflow.engine.rollout import Rollout
from agentflow.errors import RunnerAlreadyRunning

if TYPE_CHECKING:
    from agentflow.journal import Journal
    from agentflow.recording import Recorder


class Runner(Registering, Emitting, Accounts, Pausing):
    """An event-driven runner of agents.

    ``Runner()`` is route mode with the defaults. Register agents and callbacks, then
    ``async with runner:`` and ``emit``. Everything runs on the event loop that starts it.
    """

    heartbeat_type: type[Heartbeat] = Heartbeat
    """What happens once a second; another one for a runner that is not the real thing."""

    def __init__(
        self,
        config: Config | None = None,
        *,
        clock: Clock | None = None,
        journal: Journal | Literal[False] | None = None,
        recorder: Recorder | Literal[False] | None = None,
    ) -> None:
        """``journal`` keeps on disk what is accepted; None is as the configuration says (none,
        unless it names one), False is none whatever it says. ``recorder`` likewise makes a
        recording of what happens.
        """
        super().__init__(config, clock=clock, journal=journal, recorder=recorder)
        self.rollout = Rollout(self)
        self.heartbeat = self.heartbeat_type(self, self._threads)
        """What is done once a second."""
        self._thread = 0
        self._stopping: asyncio.Future[None] | None = None
        self._drain: asyncio.Future[None] | None = None

    @classmethod
    def from_config(
        cls,
        config: str | Path | Config,
        *,
        clock: Clock | None = None,
        journal: Journal | Literal[False] | None = None,
        recorder: Recorder | Literal[False] | None = None,
    ) -> Runner:
        """A runner from a Config or the path of an agentflow.toml. Raises ConfigError."""
        if isinstance(config, Config):
            return cls(config, clock=clock, journal=journal, recorder=recorder)
        from agentflow.config import load_config

        return cls(load_config(config), clock=clock, journal=journal, recorder=recorder)

    @property
    def on_quit(self) -> str:
        """What becomes of stopped events when the runner stops: "release" or "keep"."""
        return self.breakpoints.on_quit or self.config.breakpoints.on_quit

    # -- life -----------------------------------------------------------------------------

    async def start(self, *, recover: bool = True) -> None:
        """Load the agents' code and begin to work, with what the journal has kept first.

        Without ``recover`` the journal is left alone until ``take_over``: another runner
        still has it.

        Raises RunnerAlreadyRunning, ConfigError when an agent's code can't be loaded, and
        JournalInUse and JournalUnusable.
        """
        if self._status in ("running", "stopping"):
            raise RunnerAlreadyRunning("the runner is running already")
        self._thread = threading.get_ident()
        if self.journal is not None and recover:
            from agentflow.engine.keeping import Keeping

            keeping = Keeping(self, self.journal)
            await keeping.start_again()
            self._keeping = keeping
        try:
            self.dispatcher.plan = plan = self._compiler.compile(self.config, self.version)
        except BaseException:
            await self._let_go_of_journal()
            raise
        self.breakpoints.take(self.config.breakpoints.at)
        current = self.history.current
        if current is None or current.number != self.version:
            last = current.config if current is not None else self.config
            self._note_version("start", [str(difference) for difference in diff(last, self.config)])
        self.rollout.forget()
        for agent in plan.agents.values():
            await self._get_ready(agent.vitals, agent.code)
        if self.recorder is not None and recover:
            await self._start_recording(self.recorder)
        self._status = "running"
        self.dispatcher.reopen()
        if self._keeping is not None:
            self._keeping.pause_again()
            self._keeping.set_again()
        self.breakpoints.begin()
        self.heartbeat.start()
        self.dispatcher.wake_all()
        if self.dispatcher.recorder is not None:
            self.dispatcher.recorder.tick()
        if self._keeping is not None:
            self._keeping.read_on()

    async def stop(
        self,
        drain: bool = True,
        timeout: float | None = None,  # noqa: ASYNC109 - the contract names it so
    ) -> None:
        """Stop. With ``drain``, finish first what is queued, for at most ``timeout`` seconds.

        What is held, or not finished in time, stays queued. ``timeout`` None is the
        configuration's ``drain_timeout``. A second call waits for the first one; without
        ``drain`` it ends the other's drain.
        """
        if self._status in ("new", "stopped"):
            self._status = "stopped"
            return
        if self.dispatcher.execution_here() is not None:
            # Asked for from inside a handler, which the stop would wait for.
            self.subscribers.in_background(self.stop(drain, timeout))
            return
        if self._stopping is not None:
            if not drain and self._drain is not None:
                self._drain.cancel()
            await asyncio.shield(self._stopping)
            return
        self._status = "stopping"
        self._stopping = asyncio.get_running_loop().create_future()
        try:
            if drain and not self.dispatcher.paused:
                self.breakpoints.quit(release=self.journal is None or self.on_quit != "keep")
                limit = self.config.runtime.drain_timeout if timeout is None else timeout
                self._drain = asyncio.ensure_future(self.dispatcher.join())
                done, _ = await asyncio.wait([self._drain], timeout=limit)
                if not done:
                    self._drain.cancel()
                    counts = self.dispatcher.counts()
                    left = counts.queued + counts.running
                    self.report(
                        "warning", f"stopped after {limit:g} s with {left} events unfinished"
                    )
            await self._end()
        finally:
            self._stopping.set_result(None)
            self._stopping = None

    async def _end(self) -> None:
        if self._keeping is not None:
            self._keeping.stop_reading()
        await self.dispatcher.close()
        if self.recorder is not None:
            from agentflow.engine import recording

            await recording.stop(self, self.recorder)
        if self._keeping is not None:
            self.health.keep(self.journal)
        await self._let_go_of_journal()
        self.heartbeat.stop()
        await self._compiler.close()
        self._threads.close()
        self._status = "stopped"

    async def __aenter__(self) -> Runner:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop(drain=error is None)

    async def join(self) -> None:
        """Wait until it is idle: nothing queued, running or waiting for a retry.

        Held events do not count: they wait for a person.
        """
        await self.dispatcher.join()

    async def _start_recording(self, recorder: Recorder) -> None:
        from agentflow.engine import recording

        await recording.start(self, recorder)

    async def _let_go_of_journal(self) -> None:
        if self._keeping is not None:
            keeping, self._keeping = self._keeping, None
            await keeping.close()

    # -- from one runner to the next ----------------------------------------------------------

    async def hand_over(self) -> dict[str, Any]:
        """Stop, and return everything unfinished as plain data; ``take_over`` goes on with it.

        What is running may finish first, for as long as a drain may take.
        """
        dispatcher = self.dispatcher
        paused, dispatcher.paused = dispatcher.paused, True
        try:
            async with asyncio.timeout(self.config.runtime.drain_timeout):
                await dispatcher.join()
        except TimeoutError:
            self.report("warning", "handed over while agents were still running")
        await self.stop(drain=False)
        dispatcher.paused = paused
        return pack(self)

    async def take_over(self, left: dict[str, Any]) -> None:
        """Go on where another runner stopped: with its events, counts and dead letters."""
        if self.journal is not None:
            from agentflow.engine.keeping import Keeping

            keeping = Keeping(self, self.journal)
            await keeping.go_on()
            self._keeping = keeping
        await unpack(self, left)
        if self.recorder is not None:
            await self._start_recording(self.recorder)
        if self._keeping is not None:
            self._keeping.read_on()

    # -- for the watchdog -------------------------------------------------------------------

    def blocking_agent(self) -> str:
        """The agent whose handler is on the loop at this moment, or ''. From any thread."""
        return agent_on(self._thread)

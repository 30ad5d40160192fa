"""Parts: what a runner is made of. Its sides are built on this, each with a job of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal

from agentflow.clock import Clock
from agentflow.config import Config
from agentflow.engine.compiler import Compiler
from agentflow.engine.dispatcher import Dispatcher
from agentflow.engine.history import History
from agentflow.engine.notices import Notices
from agentflow.engine.plan import Plan, PlannedAgent
from agentflow.engine.subscribers import Subscribers
from agentflow.engine.threads import Threads
from agentflow.errors import RunnerNotRunning
from agentflow.telemetry.health.monitor import HealthMonitor
from agentflow.telemetry.snapshot import AlertRow
from agentflow.telemetry.telemetry import Telemetry

if TYPE_CHECKING:
    from agentflow.engine.keeping import Keeping
    from agentflow.engine.restoring import Recovered
    from agentflow.engine.rollout import Rollout
    from agentflow.journal import Journal
    from agentflow.recording import Recorder
    from agentflow.telemetry.snapshot import Cursor, Snapshot


class Parts:
    """Makes the parts of a runner, and tells of what it is and has."""

    dispatcher_type: type[Dispatcher] = Dispatcher
    """What brings events to their end; another one for a runner that is not the real thing."""

    rollout: Rollout
    """A configuration that is being tried out, and what can be done about it."""

    def __init__(
        self,
        config: Config | None = None,
        *,
        clock: Clock | None = None,
        journal: Journal | Literal[False] | None = None,
        recorder: Recorder | Literal[False] | None = None,
    ) -> None:
        self.config = self.given = config if config is not None else Config()
        """What runs, and what it was started with."""
        self.journal: Journal | None = None
        """Where accepted events are kept, if anywhere."""
        self.recovered: Recovered | None = None
        """What the start found in the journal."""
        if journal is None:
            settings = self.config.journal
            if settings.enabled or settings.path:
                from agentflow.engine.keeping import journal_for

                self.journal = journal_for(self.config)
        elif journal is not False:
            self.journal = journal
        self.recorder: Recorder | None = None
        """Makes a recording, if anything does."""
        self.observe: Callable[[Cursor], Snapshot] | None = None
        """Takes the snapshots that a recording keeps; whoever can take them sets this."""
        if recorder is None:
            if self.config.recording.enabled or self.config.recording.path:
                from agentflow.engine.recording import recorder_for

                self.recorder = recorder_for(self.config, self.journal)
        elif recorder is not False:
            self.recorder = recorder
        runtime = self.config.runtime
        clock = clock or Clock()
        self.telemetry = Telemetry(runtime.trace_capacity, clock.time)
        self.health = HealthMonitor(self.report)
        self.dispatcher = self.dispatcher_type(
            clock,
            self.telemetry,
            ordered=runtime.ordering == "session",
            queue_size=runtime.queue_size,
            max_running=runtime.max_concurrent_events,
        )
        self.breakpoints = self.dispatcher.breakpoints
        """Where events are stopped, and what is stopped now."""
        self.history = History()
        self.pace = 0.0
        """Events a second that a feed should keep to; 0 for as fast as they go."""
        self._threads = Threads()
        self.supervisor = self.dispatcher.supervisor
        """Knows which agents have failed, and whom that affects."""
        self._threads.watch(self.supervisor.stuck, self.supervisor.came_back, self.report)
        self._compiler = Compiler(
            self._threads, self.dispatcher.now, self.telemetry.mode, self.supervisor.watch
        )
        self._status = "new"
        self.version = 1
        """The number of the configuration version that runs."""
        self.subscribers = Subscribers(self.report)
        self.dispatcher.publish = self.subscribers.publish
        self._applying = asyncio.Lock()
        self._keeping: Keeping | None = None
        self._notices = Notices(self.dispatcher.now)
        self.alert_rules: list[AlertRow] = []
        """How the alert rules of the file stand, if anybody looks after them."""

    @property
    def status(self) -> str:
        """new, running, stopping or stopped."""
        return self._status

    @property
    def plan(self) -> Plan:
        """The plan that the next event starts under. Raises RunnerNotRunning before start."""
        if self._status == "new":
            raise RunnerNotRunning("the runner has not been started")
        return self.dispatcher.plan

    @property
    def agents(self) -> Mapping[str, PlannedAgent]:
        """Every agent that an event may reach: those of the plan, then what only a canary has."""
        canary = self.dispatcher.canary
        if canary is None:
            return self.plan.agents
        return {**canary.plan.agents, **self.plan.agents}

    @property
    def registered(self) -> Compiler:
        """The agents' code, for who wants to know without changing anything."""
        return self._compiler

    def report(self, level: str, text: str) -> None:
        """Say something in the log, as the engine. ``level`` is debug to error."""
        self.telemetry.log(level, "engine", text)

    def notice(self, text: str, seconds: float) -> None:
        """Say something among what an operator should know, for some seconds."""
        self._notices.add(text, seconds)

    def current_notices(self) -> list[str]:
        """What ``notice`` was told and is still worth an operator's attention."""
        return self._notices.current()

"""Runner: the engine's public face. Registers, starts, emits, pauses, swaps plans, stops."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from agentflow.agent import AgentResult, Handler
from agentflow.clock import Clock
from agentflow.config import Config, Problem
from agentflow.config.difference import diff
from agentflow.engine.admission import check
from agentflow.engine.compiler import Compiler
from agentflow.engine.dispatcher import Dispatcher
from agentflow.engine.execution import Execution
from agentflow.engine.express import ride
from agentflow.engine.handover import pack, unpack
from agentflow.engine.history import Change, History, Version
from agentflow.engine.hooks import CallbackFunc, HookPoint
from agentflow.engine.ledger import PATIENCE, Counts
from agentflow.engine.plan import Plan, PlannedAgent, Vitals, breaker_policy
from agentflow.engine.rollout import Rollout
from agentflow.engine.subscribers import Subscriber, Subscribers
from agentflow.engine.threads import Threads
from agentflow.errors import QueueFull, RunnerAlreadyRunning, RunnerNotRunning
from agentflow.event import Event
from agentflow.resilience import DeadLetter
from agentflow.resilience.dead_letters import describe, replay_of
from agentflow.telemetry.health.monitor import HealthMonitor
from agentflow.telemetry.snapshot import AlertRow
from agentflow.telemetry.telemetry import Telemetry
from agentflow.telemetry.trace import TraceEntry, entries

if TYPE_CHECKING:
    from agentflow.engine.keeping import Keeping
    from agentflow.engine.restoring import Recovered
    from agentflow.journal import Journal
    from agentflow.recording import Recorder
    from agentflow.telemetry.snapshot import Cursor, Snapshot


MAX_NOTICES = 20


class Runner:
    """An event-driven runner of agents.

    ``Runner()`` is route mode with the defaults. Register agents and callbacks, then
    ``async with runner:`` and ``emit``. Everything runs on the event loop that starts it.
    """

    dispatcher_type: type[Dispatcher] = Dispatcher
    """What brings events to their end; another one for a runner that is not the real thing."""

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
        self.rollout = Rollout(self)
        """A configuration that is being tried out, and what can be done about it."""
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
        self._thread = 0
        self._applying = asyncio.Lock()
        self._keeping: Keeping | None = None
        self._stopping: asyncio.Future[None] | None = None
        self._drain: asyncio.Future[None] | None = None
        self._notices: list[tuple[float, str]] = []
        self._ticker: asyncio.TimerHandle | None = None
        self._expected_tick = 0.0
        self.each_second: dict[str, Callable[[], None]] = {}
        """What else is to be done once a second, on the loop, by a name for each."""
        self.alert_rules: list[AlertRow] = []
        """How the alert rules of the file stand, if anybody looks after them."""
        self.lag = 0.0
        """By how many seconds the loop was late at the last tick."""

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

    # -- what it is made of ---------------------------------------------------------------

    def register_agent(self, name: str, handler: Handler | Any) -> None:
        """Let ``handler`` be the code of agent ``name``; may be called while running.

        A handler is a function of (event, state) or (event, state, context), plain or
        async, or an Agent. Raises ValueError for an empty or taken name, TypeError for
        something that cannot handle events.
        """
        self._compiler.register(name, handler)
        if self._status == "running":
            self._compile_again()

    def unregister_agent(self, name: str) -> bool:
        """Take out an agent that was registered in code; False if there is none."""
        found = self._compiler.unregister(name)
        if found and self._status == "running":
            self._compile_again()
        return found

    def _compile_again(self) -> None:
        canary = self.dispatcher.canary
        if canary is not None:
            canary.plan = self.compile_apart(canary.plan.config, canary.plan.version)
        self._swap(self._compiler.compile(self.config, self.version))

    def register_callback(self, hook: HookPoint | str, name: str, callback: CallbackFunc) -> None:
        """Hang a callback into a hook point, under a name of its own there.

        Raises ValueError for an empty or taken name, or a hook point that doesn't exist.
        """
        self.dispatcher.hooks.register(hook, name, callback)
        self._look_express()

    def unregister_callback(self, hook: HookPoint | str, name: str) -> bool:
        """Take a callback out; False if there was none of that name."""
        found = self.dispatcher.hooks.unregister(hook, name)
        self._look_express()
        return found

    @property
    def on_quit(self) -> str:
        """What becomes of stopped events when the runner stops: "release" or "keep"."""
        return self.breakpoints.on_quit or self.config.breakpoints.on_quit

    def _look_express(self) -> None:
        if self._status != "new":
            self.dispatcher.look_express()

    def subscribe(self, pattern: str, subscriber: Subscriber) -> Callable[[], None]:
        """Tell ``subscriber`` of every accepted event whose target matches ``pattern``.

        ``pattern`` is a glob ("capability.*"); the supervisor's ``agent.failed`` and
        ``agent.recovered`` match too. Subscribers run beside the event's own way
        and can neither delay nor fail it; what they raise is logged. Returns a function
        that ends the subscription.
        """
        return self.subscribers.add(pattern, subscriber)

    # -- life -----------------------------------------------------------------------------

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
        self._expected_tick = self.dispatcher.now() + 1.0
        self._ticker = asyncio.get_running_loop().call_later(1.0, self._tick)
        self.dispatcher.wake_all()
        if self.dispatcher.recorder is not None:
            self.dispatcher.recorder.tick()
        if self._keeping is not None:
            self._keeping.read_on()

    async def _get_ready(self, vitals: Vitals, code: Any) -> None:
        if not code.started:
            try:
                async with asyncio.timeout(self.config.orchestration.timeout_seconds or None):
                    await code.start()
            except Exception as error:
                # Its runs will try again, and fail where everybody can see it.
                self.report(
                    "error", f"agent {vitals.name!r} failed to initialize: {describe(error)}"
                )
                self.supervisor.not_ready(vitals)
                return
            vitals.ready = True
            vitals.clear = self.dispatcher.is_clear(vitals)

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
        if self._ticker is not None:
            self._ticker.cancel()
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

    def _tick(self) -> None:
        """Once a second: the point for the curves, and the report on health."""
        dispatcher = self.dispatcher
        now = dispatcher.now()
        self.lag = max(0.0, now - self._expected_tick)
        counts = dispatcher.counts()
        self.telemetry.tick(
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
        self._expected_tick = now + 1.0
        self._ticker = asyncio.get_running_loop().call_later(1.0, self._tick)
        self.health.tick(self, self._threads.waiting)
        for name, act in list(self.each_second.items()):
            try:
                act()
            except Exception as error:  # whatever it is, the engine goes on, and says so once
                del self.each_second[name]
                self.report("error", f"{name} are not looked after any more: {describe(error)}")
        if dispatcher.recorder is not None:
            dispatcher.recorder.tick()
        self.rollout.tick()

    # -- events ---------------------------------------------------------------------------

    async def emit(self, event: Event, *, feed: tuple[str, int] | None = None) -> str:
        """Accept an event; its id. With a journal, it is on disk when this returns.

        Waits up to a second for room in the queue. An event that the journal has had
        before (by its id, or by metadata ``idempotency_key``) is not accepted again: the
        id is the earlier one's. ``feed`` is the name of where events come from and how
        many came from there, this one included: kept together with the event.

        Raises QueueFull, InvalidEvent, RunnerNotRunning before start and after stop,
        JournalFull and JournalFailed.
        """
        dispatcher = self.dispatcher
        if self._status != "running":
            self._refuse_work()
        if dispatcher.accepted - dispatcher.done + dispatcher.arriving >= dispatcher.queue_size:
            await self._room_for(event)
        if dispatcher.intake is not None:
            return await dispatcher.intake.emit(event, feed)
        dispatcher.accept(event)
        if self.subscribers.entries:
            self.subscribers.publish(event)
        return event.id

    async def _room_for(self, event: Event) -> None:
        """Wait for room. Raises QueueFull, and at once what would be raised with room too."""
        dispatcher = self.dispatcher
        if dispatcher.has_room():
            return
        check(event)
        if not await dispatcher.wait_for_room(PATIENCE):
            dispatcher.refused += 1
            raise QueueFull(dispatcher.queue_size)
        if self._status != "running":
            self._refuse_work()

    def try_emit(self, event: Event) -> str:
        """Accept an event now or raise QueueFull at once; its id.

        With a journal it is on disk a moment later; ``flush`` waits for that. Raises
        InvalidEvent, RunnerNotRunning before start and after stop, JournalFull and
        JournalFailed.
        """
        if self._status != "running":
            self._refuse_work()
        if not self.dispatcher.has_room():
            self.dispatcher.refused += 1
            raise QueueFull(self.dispatcher.queue_size)
        if self.dispatcher.intake is not None:
            self.dispatcher.intake.try_emit(event)
            return event.id
        self.dispatcher.accept(event)
        if self.subscribers.entries:
            self.subscribers.publish(event)
        return event.id

    def submit(self, event: Event, *, feed: tuple[str, int] | None = None) -> asyncio.Future[str]:
        """Accept an event now; the future has its id when it is on disk.

        For who sends many events without waiting for each. Raises QueueFull at once, and
        what ``emit`` raises; JournalFull and JournalFailed may also come by the future.
        """
        if self._status != "running":
            self._refuse_work()
        if not self.dispatcher.has_room():
            self.dispatcher.refused += 1
            raise QueueFull(self.dispatcher.queue_size)
        if self.dispatcher.intake is not None:
            return self.dispatcher.intake.submit(event, feed)
        self.dispatcher.accept(event)
        if self.subscribers.entries:
            self.subscribers.publish(event)
        accepted: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        accepted.set_result(event.id)
        return accepted

    async def room(self) -> None:
        """Wait until there is room for another event."""
        while not await self.dispatcher.wait_for_room(PATIENCE):
            continue

    async def flush(self) -> None:
        """Wait until everything that happened so far is on disk, if there is a journal.

        Raises JournalFailed when it can't get there.
        """
        if self.dispatcher.intake is not None:
            await self.dispatcher.intake.flush()

    def note_feed(self, name: str, position: int, *, finished: bool = False) -> None:
        """Keep in the journal how many events came from a feed, or that it has no more."""
        if self._keeping is not None:
            self._keeping.journal.feed(name, position, finished)

    async def request(self, event: Event) -> AgentResult:
        """Accept an event and wait for its outcome. A failure is in ``result.error``.

        Raises QueueFull, InvalidEvent and RunnerNotRunning if it could not be accepted.
        From inside a handler it runs at once, as part of the event being handled.
        """
        dispatcher = self.dispatcher
        if self._status != "running":
            self._refuse_work()
        inside = dispatcher.execution_here()
        if inside is not None:
            return await dispatcher.run_nested(inside, event)
        await self._room_for(event)
        if dispatcher.intake is not None:
            return await dispatcher.intake.request(event)
        waiter: asyncio.Future[AgentResult] = asyncio.get_running_loop().create_future()
        dispatcher.accept(event, waiter)
        if self.subscribers.entries:
            self.subscribers.publish(event)
        return await waiter

    def _refuse_work(self) -> None:
        if self._status == "stopping" and self.dispatcher.execution_here() is not None:
            return
        state = {"new": "has not been started", "stopping": "is stopping"}
        raise RunnerNotRunning(f"the runner {state.get(self._status, 'has been stopped')}")

    # -- accounts -------------------------------------------------------------------------

    def counts(self) -> Counts:
        """Where every accepted event is: they add up at any moment."""
        return self.dispatcher.counts()

    @property
    def dead_letters(self) -> Sequence[DeadLetter]:
        """Every event that ended without success, oldest first."""
        return self.dispatcher.dead_letters

    async def replay(self, letter: DeadLetter, data: Mapping[str, Any] | None = None) -> str:
        """Emit the event of a dead letter again, with other ``data`` if given; the new id."""
        event_id = await self.emit(replay_of(letter.event, data))
        self.dispatcher.dead_letters.mark(letter, "replayed")
        if self._keeping is not None:
            self._keeping.journal.mark_dead(letter.number, "replayed")
        return event_id

    def drop(self, number: int) -> bool:
        """Forget the dead letter of this number; False if there is none."""
        if not self.dispatcher.dead_letters.drop(number):
            return False
        if self._keeping is not None:
            self._keeping.journal.drop_dead([number])
        return True

    def executions(self, session_id: str | None = None) -> list[Execution]:
        """The executions that are remembered, ended ones first, of one session or of all."""
        found = [*self.telemetry.settled.items, *self.dispatcher.live()]
        if session_id is None:
            return found
        return [execution for execution in found if execution.event.session_id == session_id]

    def dump_trace(self, session_id: str) -> list[TraceEntry]:
        """The trace of one session in the order of time; [] if nothing is known of it."""
        return entries(self.executions(session_id), self.dispatcher.wall_offset)

    def audit(
        self,
        operator: str,
        action: str,
        target: str,
        detail: str,
        outcome: str,
        *,
        why: str = "",
        undid: int = 0,
        change: str = "",
        about: str = "",
    ) -> None:
        """Keep what an operator did, or tried to do; see ``AuditRow``."""
        row = self.telemetry.audit(
            operator, action, target, detail, outcome,
            why=why, undid=undid, change=change, about=about,
        )  # fmt: skip
        if self._keeping is not None:
            self._keeping.journal.audit(row)

    def keep_pauses(self) -> None:
        """Let what is paused now be paused after a new start too: an operator wanted it."""
        if self._keeping is not None:
            self._keeping.keep_pauses()

    def keep_breakpoints(self) -> None:
        """Let the breakpoints be set after a new start too, if what they stop is kept."""
        if self._keeping is not None:
            self._keeping.keep_breakpoints()

    # -- pausing --------------------------------------------------------------------------

    @property
    def paused(self) -> bool:
        """Whether the whole runner is paused."""
        return self.dispatcher.paused

    def pause(self, agent: str | None = None) -> None:
        """Hold the events of one agent, or start none at all; what runs goes on.

        Raises AgentNotFound.
        """
        dispatcher = self.dispatcher
        if agent is None:
            dispatcher.paused = True
            dispatcher.look_idle()
            return
        vitals = self._vitals(agent)
        vitals.paused = True
        vitals.clear = False
        dispatcher.any_paused = True
        dispatcher.look_express()

    def resume(self, agent: str | None = None) -> None:
        """Let the held events of an agent, or the runner, go on in the order they came.

        Raises AgentNotFound.
        """
        dispatcher = self.dispatcher
        if agent is None:
            dispatcher.paused = False
            dispatcher.wake_all()
            return
        vitals = self._vitals(agent)
        self.supervisor.resumed(vitals)
        vitals.paused = False
        vitals.clear = dispatcher.is_clear(vitals)
        dispatcher.any_paused = any(other.paused for other in self._compiler.vitals.values())
        dispatcher.look_express()
        dispatcher.let_go(vitals)

    def _vitals(self, agent: str) -> Vitals:
        agents = self.agents
        if agent not in agents:
            raise self.plan.missing(agent)
        return agents[agent].vitals

    # -- swapping the plan ------------------------------------------------------------------

    async def apply(self, config: Config, cause: str = "applied") -> Change:
        """Run under another configuration from the next event on.

        What is running finishes under the plan it began with. Raises ConfigError, and
        then changes nothing. ``cause`` is for the history.
        """
        if self._status == "new":
            raise RunnerNotRunning("the runner has not been started")
        async with self._applying:
            plan = self._compiler.compile(config, self.next_number())
            for agent in plan.agents.values():
                await self._get_ready(agent.vitals, agent.code)
            return self._take(config, cause)

    async def try_out(self, config: Config, share: float = 100.0, cause: str = "applied") -> Change:
        """Run ``share`` percent of the sessions that are new under another configuration.

        Sessions that something is open of, or that are remembered, stay under the one that
        runs; so does whatever belongs to them. ``promote`` makes the new one that of all,
        ``abort_canary`` ends it; with 100 percent it is that of all as soon as the known
        sessions are done. Limits of the runner change only then.

        Raises ConfigError, and ValueError for a share that is none, without a change in
        meaning, and while another one is tried out; then nothing is changed.
        """
        if self._status == "new":
            raise RunnerNotRunning("the runner has not been started")
        async with self._applying:
            self.rollout.check(config, share)
            plan = self.compile_apart(config, self.next_number())
            for agent in plan.agents.values():
                await self._get_ready(agent.vitals, agent.code)
            # Compiled again: agents may have been registered while others got ready.
            return self.rollout.begin(self.compile_apart(config, plan.version), share, cause)

    def promote(self, who: str = "") -> Change:
        """What is being tried out is for all sessions from now on. Raises ValueError."""
        return self.rollout.promote(f" by {who}" if who else "")

    def abort_canary(self, who: str = "") -> Change:
        """What is being tried out has ended; what runs finishes under it. Raises ValueError."""
        return self.rollout.end(f"ended by {who}" if who else "ended")

    def compile_apart(self, config: Config, version: int) -> Plan:
        """A plan to run beside the other one. Raises ConfigError."""
        return self._compiler.compile(config, version, apart=True)

    def take_promoted(self, plan: Plan) -> None:
        """Run everything under a plan that has been tried out."""
        self._compiler.join()
        self.version = plan.version
        self.config = plan.config
        self._take_limits(plan.config)
        self._swap(plan)

    def drop_apart(self, plan: Plan) -> None:
        """Run nothing more under a plan that has been tried out."""
        self._compiler.part()
        # The breakers are shared by name, and have the policy of what was compiled last.
        for agent in self.plan.agents.values():
            agent.vitals.breaker.policy = breaker_policy(self.config)
        self._retire(plan, self.plan)
        self.dispatcher.look_express()
        self.dispatcher.wake_all()

    def next_number(self) -> int:
        """The number that the next version will have."""
        return max(self.version, self.history.last_number) + 1

    def _take(self, config: Config, cause: str) -> Change:
        """Swap ``config`` in, all at once."""
        changed = [str(difference) for difference in diff(self.config, config)]
        # Compiled again: agents may have been registered while others got ready.
        number = self.next_number()
        self.rollout.replaced(number)
        plan = self._compiler.compile(config, number)
        self.version = number
        self.config = config
        if any(text.startswith("journal") for text in changed):
            self.report("warning", "what changed under [journal] applies at the next start")
        if any(text.startswith("recording") for text in changed):
            self.report("warning", "what changed under [recording] applies at the next start")
        self._take_limits(config)
        self._swap(plan)
        self._note_version(cause, changed)
        return Change(self.version, changed)

    def _take_limits(self, config: Config) -> None:
        runtime = config.runtime
        self.dispatcher.queue_size = runtime.queue_size
        self.dispatcher.resize(runtime.max_concurrent_events)
        self.dispatcher.look_room()

    def _swap(self, plan: Plan) -> None:
        old, self.dispatcher.plan = self.dispatcher.plan, plan
        self._retire(old, plan)
        self.breakpoints.take(plan.config.breakpoints.at)
        for point in self.breakpoints.left_behind():
            self.notice(
                f"breakpoint {point.number} ({point.where}) stops nothing any more: "
                "no agent is called so",
                60.0,
            )
        self.dispatcher.look_express()
        self.dispatcher.wake_all()

    def _retire(self, old: Plan, plan: Plan) -> None:
        """``old`` has been left for ``plan``: let go of the agents that are in no use now."""
        agents = self.agents
        canary = self.dispatcher.canary
        kept = {agent.code for agent in plan.agents.values()}
        if canary is not None:
            kept |= {agent.code for agent in canary.plan.agents.values()}
        for agent in old.agents.values():
            if agent.code.agent is not None and agent.code not in kept:
                self.subscribers.in_background(self._shut_down(agent))
        for name, vitals in self._compiler.vitals.items():
            if name not in agents and (vitals.paused or vitals.held or vitals.gate):
                # Nobody can resume an agent that is gone: what it held must end.
                self.supervisor.resumed(vitals, "it was taken out of the configuration")
                vitals.paused = False
                self.dispatcher.let_go(vitals)

    async def _shut_down(self, agent: PlannedAgent) -> None:
        """Let a removed agent finish what it runs, then shut it down."""
        await self.dispatcher.finished(agent.name)
        await agent.code.stop()

    async def undo(self) -> Change:
        """Go back to the configuration before the current one, as a new version.

        While one is being tried out, that is what ends. Raises ValueError when there is none.
        """
        if self.dispatcher.canary is not None:
            return self.rollout.end("undone")
        current = self.history.current
        target = self.history.target_of_undo()
        if current is None or target is None:
            raise ValueError("there is no earlier configuration to go back to")
        return await self.apply(target.config, f"undo of v{current.number}")

    async def adopt(self, config: Config) -> None:
        """Run under ``config`` as the current version, without making a new one."""
        plan = self._compiler.compile(config, self.version)
        for agent in plan.agents.values():
            await self._get_ready(agent.vitals, agent.code)
        self.config = config
        self._swap(plan)

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

    async def _start_recording(self, recorder: Recorder) -> None:
        from agentflow.engine import recording

        await recording.start(self, recorder)

    def _note_version(self, cause: str, differences: list[str]) -> None:
        now = self.dispatcher.clock.time()
        version = Version(self.version, self.config, now, cause, differences)
        self.history.add(version)
        self.keep_version(version)

    def keep_version(self, version: Version) -> None:
        """Let a version be known after a new start as it is now."""
        if self._keeping is not None:
            self._keeping.keep_version(version)
        if self.dispatcher.recorder is not None:
            from agentflow.engine import recording

            self.dispatcher.recorder.version(recording.record_of(version))

    async def _let_go_of_journal(self) -> None:
        if self._keeping is not None:
            keeping, self._keeping = self._keeping, None
            await keeping.close()

    def refuse(self, problems: Sequence[Problem], text: str) -> None:
        """Note that a configuration was not taken; what runs stays."""
        self.history.refuse(list(problems), text)

    def report(self, level: str, text: str) -> None:
        """Say something in the log, as the engine. ``level`` is debug to error."""
        self.telemetry.log(level, "engine", text)

    def notice(self, text: str, seconds: float) -> None:
        """Say something among what an operator should know, for some seconds."""
        self._notices.append((self.dispatcher.now() + seconds, text))
        del self._notices[:-MAX_NOTICES]

    def current_notices(self) -> list[str]:
        """What ``notice`` was told and is still worth an operator's attention."""
        now = self.dispatcher.now()
        self._notices = [(until, text) for until, text in self._notices if until > now]
        return [text for _, text in self._notices]

    # -- for the watchdog -------------------------------------------------------------------

    def blocking_agent(self) -> str:
        """The agent whose handler is on the loop at this moment, or ''. From any thread."""
        frame = sys._current_frames().get(self._thread)
        while frame is not None:
            if frame.f_code is Execution.run.__code__:
                return str(frame.f_locals.get("name", ""))
            if frame.f_code is ride.__code__:
                guard = frame.f_locals.get("guard")
                return str(guard.agent) if guard is not None else ""
            frame = frame.f_back
        return ""

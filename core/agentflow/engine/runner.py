"""Runner: the engine's public face. Registers, starts, emits, pauses, swaps plans, stops."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import partial
from inspect import isawaitable
from pathlib import Path
from types import TracebackType
from typing import Any

from agentflow.agent import AgentResult, Handler
from agentflow.clock import Clock
from agentflow.config import Config, Problem
from agentflow.config.difference import diff
from agentflow.engine.admission import check
from agentflow.engine.compiler import Compiler
from agentflow.engine.dispatcher import PATIENCE, Dispatcher
from agentflow.engine.execution import Execution
from agentflow.engine.express import ride
from agentflow.engine.guards import current_guard
from agentflow.engine.handover import pack, unpack
from agentflow.engine.history import Change, History, Version
from agentflow.engine.hooks import CallbackFunc, HookPoint
from agentflow.engine.ledger import Counts
from agentflow.engine.plan import Plan, PlannedAgent, Vitals
from agentflow.engine.threads import Threads
from agentflow.errors import QueueFull, RunnerAlreadyRunning, RunnerNotRunning
from agentflow.event import Event
from agentflow.resilience import DeadLetter
from agentflow.resilience.dead_letters import describe
from agentflow.telemetry.telemetry import Telemetry
from agentflow.telemetry.trace import TraceEntry, entries

Subscriber = Callable[[Event], Awaitable[None] | None]


class Runner:
    """An event-driven runner of agents.

    ``Runner()`` is route mode with the defaults. Register agents and callbacks, then
    ``async with runner:`` and ``emit``. Everything runs on the event loop that starts it.
    """

    def __init__(self, config: Config | None = None, *, clock: Clock | None = None) -> None:
        self.config = config if config is not None else Config()
        runtime = self.config.runtime
        self.telemetry = Telemetry(runtime.trace_capacity)
        self.dispatcher = Dispatcher(
            clock or Clock(),
            self.telemetry,
            ordered=runtime.ordering == "session",
            queue_size=runtime.queue_size,
            max_running=runtime.max_concurrent_events,
        )
        self.history = History()
        self.pace = 0.0
        """Events a second that a feed should keep to; 0 for as fast as they go."""
        self._threads = Threads()
        self._compiler = Compiler(self._threads, self.dispatcher.now, self.telemetry.mode)
        self._status = "new"
        self.version = 1
        """The number of the configuration version that runs."""
        self._subscribers: list[tuple[str, Subscriber]] = []
        self._background: set[asyncio.Future[Any]] = set()
        self._thread = 0
        self._applying = asyncio.Lock()
        self._ticker: asyncio.TimerHandle | None = None
        self._expected_tick = 0.0
        self.lag = 0.0
        """By how many seconds the loop was late at the last tick."""

    @classmethod
    def from_config(cls, config: str | Path | Config, *, clock: Clock | None = None) -> Runner:
        """A runner from a Config or the path of an agentflow.toml. Raises ConfigError."""
        if isinstance(config, Config):
            return cls(config, clock=clock)
        from agentflow.config import load_config

        return cls(load_config(config), clock=clock)

    # -- what it is made of ---------------------------------------------------------------

    def register_agent(self, name: str, handler: Handler | Any) -> None:
        """Let ``handler`` be the code of agent ``name``; may be called while running.

        A handler is a function of (event, state) or (event, state, context), plain or
        async, or an Agent. Raises ValueError for an empty or taken name, TypeError for
        something that cannot handle events.
        """
        self._compiler.register(name, handler)
        if self._status == "running":
            self._swap(self._compiler.compile(self.config, self.version))

    def unregister_agent(self, name: str) -> bool:
        """Take out an agent that was registered in code; False if there is none."""
        found = self._compiler.unregister(name)
        if found and self._status == "running":
            self._swap(self._compiler.compile(self.config, self.version))
        return found

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

    def _look_express(self) -> None:
        if self._status != "new":
            self.dispatcher.look_express()

    def subscribe(self, pattern: str, subscriber: Subscriber) -> Callable[[], None]:
        """Tell ``subscriber`` of every accepted event whose target matches ``pattern``.

        ``pattern`` is a glob ("capability.*"). Subscribers run beside the event's own way
        and can neither delay nor fail it; what they raise is logged. Returns a function
        that ends the subscription.
        """
        entry = (pattern, subscriber)
        self._subscribers.append(entry)
        self.dispatcher.publish = self._publish

        def unsubscribe() -> None:
            if entry in self._subscribers:
                self._subscribers.remove(entry)
            if not self._subscribers:
                self.dispatcher.publish = None

        return unsubscribe

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

    async def start(self) -> None:
        """Load the agents' code and begin to work.

        Raises RunnerAlreadyRunning, and ConfigError when an agent's code can't be loaded.
        """
        if self._status in ("running", "stopping"):
            raise RunnerAlreadyRunning("the runner is running already")
        plan = self._compiler.compile(self.config, self.version)
        self.dispatcher.plan = plan
        self._thread = threading.get_ident()
        if not self.history.versions:
            self.history.add(
                Version(self.version, self.config, self.dispatcher.clock.time(), "start", [])
            )
        for agent in plan.agents.values():
            await self._get_ready(agent.vitals, agent.code)
        self._status = "running"
        self.dispatcher.closing = False
        self.dispatcher.look_express()
        self._expected_tick = self.dispatcher.now() + 1.0
        self._ticker = asyncio.get_running_loop().call_later(1.0, self._tick)
        self.dispatcher.wake_all()

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
                return
            vitals.ready = True
            vitals.clear = self.dispatcher.is_clear(vitals)

    async def stop(
        self,
        drain: bool = True,
        timeout: float | None = None,  # noqa: ASYNC109 - the contract names it so
    ) -> None:
        """Stop. With ``drain``, finish first what is queued, for at most ``timeout`` seconds.

        What is held, or not finished in time, stays queued. Stopping twice does nothing.
        ``timeout`` None is the configuration's ``drain_timeout``.
        """
        if self._status != "running":
            self._status = "stopped" if self._status == "new" else self._status
            return
        if self.dispatcher.execution_here() is not None:
            # Asked for from inside a handler, which the stop would wait for.
            self._in_background(self.stop(drain, timeout))
            return
        self._status = "stopping"
        limit = self.config.runtime.drain_timeout if timeout is None else timeout
        if drain and not self.dispatcher.paused:
            try:
                async with asyncio.timeout(limit):
                    await self.dispatcher.join()
            except TimeoutError:
                counts = self.dispatcher.counts()
                left = counts.queued + counts.running
                self.report("warning", f"stopped after {limit:g} s with {left} events unfinished")
        await self.dispatcher.close()
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
        """Once a second: the point for the curves."""
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

    # -- events ---------------------------------------------------------------------------

    async def emit(self, event: Event) -> str:
        """Accept an event; its id.

        Waits up to a second for room in the queue. Raises QueueFull, InvalidEvent, and
        RunnerNotRunning before start and after stop.
        """
        dispatcher = self.dispatcher
        if self._status != "running":
            self._refuse_work()
        if dispatcher.accepted - dispatcher.done >= dispatcher.queue_size:
            await self._room_for(event)
        dispatcher.accept(event)
        if self._subscribers:
            self._publish(event)
        return event.id

    async def _room_for(self, event: Event) -> None:
        """Wait for room. Raises QueueFull, and at once what would be raised with room too."""
        dispatcher = self.dispatcher
        if dispatcher.has_room():
            return
        check(event)
        if not await dispatcher.wait_for_room(PATIENCE):
            raise QueueFull(dispatcher.queue_size)
        if self._status != "running":
            self._refuse_work()

    def try_emit(self, event: Event) -> str:
        """Accept an event now or raise QueueFull at once; its id.

        Raises InvalidEvent, and RunnerNotRunning before start and after stop.
        """
        if self._status != "running":
            self._refuse_work()
        if not self.dispatcher.has_room():
            raise QueueFull(self.dispatcher.queue_size)
        self.dispatcher.accept(event)
        if self._subscribers:
            self._publish(event)
        return event.id

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
        waiter: asyncio.Future[AgentResult] = asyncio.get_running_loop().create_future()
        dispatcher.accept(event, waiter)
        if self._subscribers:
            self._publish(event)
        return await waiter

    def _refuse_work(self) -> None:
        if self._status == "stopping" and self.dispatcher.execution_here() is not None:
            return
        state = {"new": "has not been started", "stopping": "is stopping"}
        raise RunnerNotRunning(f"the runner {state.get(self._status, 'has been stopped')}")

    def _publish(self, event: Event) -> None:
        for pattern, subscriber in list(self._subscribers):
            if fnmatchcase(event.route, pattern):
                try:
                    returned = subscriber(event)
                except Exception as error:
                    self.report("error", f"subscriber to {pattern!r} failed: {describe(error)}")
                    continue
                if isawaitable(returned):
                    self._in_background(returned, pattern)

    def _in_background(self, work: Awaitable[Any], pattern: str = "") -> None:
        task = asyncio.ensure_future(_outside(work))
        self._background.add(task)
        task.add_done_callback(partial(self._told, pattern))

    def _told(self, pattern: str, done: asyncio.Future[Any]) -> None:
        self._background.discard(done)
        if not done.cancelled() and (error := done.exception()) is not None:
            who = f"subscriber to {pattern!r}" if pattern else "a task of the engine"
            self.report("error", f"{who} failed: {describe(error)}")

    # -- accounts -------------------------------------------------------------------------

    def counts(self) -> Counts:
        """Where every accepted event is: they add up at any moment."""
        return self.dispatcher.counts()

    @property
    def dead_letters(self) -> Sequence[DeadLetter]:
        """Every event that ended without success, oldest first."""
        return self.dispatcher.dead_letters

    async def replay(self, letter: DeadLetter, data: Mapping[str, Any] | None = None) -> str:
        """Emit the event of a dead letter again, with other ``data`` if given; the new id.

        It is a new event of the same session; metadata ``replay_of`` names the old one. A
        deadline is left behind: it belongs to the first try.
        """
        event = letter.event
        metadata = {key: text for key, text in event.metadata.items() if key != "deadline"}
        metadata["replay_of"] = event.id
        again = Event(
            event.target,
            event.data if data is None else data,
            metadata,
            source=event.source,
            session_id=event.session_id,
        )
        event_id = await self.emit(again)
        self.dispatcher.dead_letters.mark(letter, "replayed")
        return event_id

    def drop(self, number: int) -> bool:
        """Forget the dead letter of this number; False if there is none."""
        return self.dispatcher.dead_letters.drop(number)

    def executions(self, session_id: str | None = None) -> list[Execution]:
        """The executions that are remembered, ended ones first, of one session or of all."""
        found = [*self.telemetry.settled.items, *self.dispatcher.live()]
        if session_id is None:
            return found
        return [execution for execution in found if execution.event.session_id == session_id]

    def dump_trace(self, session_id: str) -> list[TraceEntry]:
        """The trace of one session in the order of time; [] if nothing is known of it."""
        return entries(self.executions(session_id), self.dispatcher.wall_offset)

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
        vitals.paused = False
        vitals.clear = dispatcher.is_clear(vitals)
        dispatcher.any_paused = any(other.paused for other in self._compiler.vitals.values())
        dispatcher.look_express()
        dispatcher.let_go(vitals)

    def _vitals(self, agent: str) -> Vitals:
        plan = self.plan
        if agent not in plan.agents:
            raise plan.missing(agent)
        return plan.agents[agent].vitals

    # -- swapping the plan ------------------------------------------------------------------

    async def apply(self, config: Config, cause: str = "applied") -> Change:
        """Run under another configuration from the next event on.

        What is running finishes under the plan it began with. Raises ConfigError, and
        then changes nothing. ``cause`` is for the history.
        """
        if self._status == "new":
            raise RunnerNotRunning("the runner has not been started")
        async with self._applying:
            plan = self._compiler.compile(config, self.version + 1)
            for agent in plan.agents.values():
                await self._get_ready(agent.vitals, agent.code)
            return self._take(config, cause)

    def _take(self, config: Config, cause: str) -> Change:
        """Swap ``config`` in, all at once."""
        changed = [str(difference) for difference in diff(self.config, config)]
        # Compiled again: agents may have been registered while others got ready.
        plan = self._compiler.compile(config, self.version + 1)
        self.version += 1
        self.config = config
        runtime = config.runtime
        self.dispatcher.queue_size = runtime.queue_size
        self.dispatcher.resize(runtime.max_concurrent_events)
        self.dispatcher.look_room()
        self._swap(plan)
        self.history.add(
            Version(self.version, config, self.dispatcher.clock.time(), cause, changed)
        )
        return Change(self.version, changed)

    def _swap(self, plan: Plan) -> None:
        kept = {agent.code for agent in plan.agents.values()}
        for agent in self.dispatcher.plan.agents.values():
            if agent.code.agent is not None and agent.code not in kept:
                self._in_background(self._shut_down(agent))
        self.dispatcher.plan = plan
        for name, vitals in self._compiler.vitals.items():
            if name not in plan.agents and (vitals.paused or vitals.held or vitals.gate):
                # Nobody can resume an agent that is gone: what it held must end.
                vitals.paused = False
                self.dispatcher.let_go(vitals)
        self.dispatcher.look_express()
        self.dispatcher.wake_all()

    async def _shut_down(self, agent: PlannedAgent) -> None:
        """Let a removed agent finish what it runs, then shut it down."""
        await self.dispatcher.finished(agent.name)
        await agent.code.stop()

    async def undo(self) -> Change:
        """Go back to the configuration before the current one, as a new version.

        Raises ValueError when there is none.
        """
        current = self.history.versions[-1] if self.history.versions else None
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
        await unpack(self, left)

    def refuse(self, problems: Sequence[Problem], text: str) -> None:
        """Note that a configuration was not taken; what runs stays."""
        self.history.refuse(list(problems), text)

    def report(self, level: str, text: str) -> None:
        """Say something in the log, as the engine. ``level`` is debug to error."""
        self.telemetry.log(level, "engine", text)

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


async def _outside(work: Awaitable[Any]) -> Any:
    """Await ``work`` as nobody's handler, though one may have asked for it."""
    current_guard.set(None)
    return await work

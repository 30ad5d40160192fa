"""Whole lives of a runner, made up from a seed, and what must hold at every moment of them.

A life is configurations, agents that do everything agents do, operators who do everything
operators do, a clock that jumps; at its end it is told as bytes, to be compared.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections import defaultdict
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec

from agentflow import (
    AgentFlowError,
    CallbackArgs,
    Config,
    Context,
    Event,
    HookPoint,
    QueueFull,
    Runner,
    State,
)
from agentflow.engine.execution import Execution
from agentflow.engine.guards import Guard
from agentflow.resilience.breaker import BreakerState
from agentflow.resilience.dead_letters import describe
from agentflow.testing import VirtualClock

from .configurations import MODES, MOST_TRIALS, settings
from .support import add_up, config, let_everything_end, loop, nobody_is_forgotten

AGENTS = ("a", "b", "c", "d")
RANKS = ("low", "normal", "high", "critical")
DEEDS = ("emit",) * 12 + ("submit",) * 3 + ("burst",) * 2 + ("nap",) * 3 + (
    "request", "pause", "resume", "pause all", "resume all", "apply", "undo", "replay", "drop",
    "advance", "jump", "stop", "hook", "register",
)  # fmt: skip

_ID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
_STAMP = re.compile(rb'("timestamp":)"[^"]*"')


class Life:
    """One life. Everything that happens in it follows from ``seed``."""

    deeds: tuple[str, ...] = DEEDS

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.moods = random.Random(seed + 1)
        self.seed = seed
        self.log: list[str] = []
        self.events = 0
        self.accepted: set[str] = set()
        self.ended: set[str] = set()
        self.dropped: set[str] = set()
        self.looked = 0
        self.generation = 0
        """How many runners have died; what belongs to one of those counts no more."""
        self.asked: list[asyncio.Task[None]] = []

    # -- a runner -------------------------------------------------------------------------

    def make(self, configuration: Config) -> Runner:
        """A runner whose every turn and every start of an event is looked at."""
        runner = Runner(configuration, clock=self.clock)
        for name in (*AGENTS, "errors"):
            runner.register_agent(name, self.agent(name))
        # It looks at this process's own memory, which no seed decides.
        runner.health.tick = lambda *_: None  # type: ignore[method-assign]
        dispatcher = runner.dispatcher
        handle = dispatcher.handle

        def watched(execution: Execution, guard: Guard) -> Any:
            ready, unread = dispatcher.backlog.ready, dispatcher.backlog.unread
            assert not any(ready[: execution.rank]), "something more urgent waits"
            if unread is not None:
                rank = execution.rank
                assert not any(unread[:rank]), "something more urgent has not been read"
                before = execution.seq <= dispatcher.backlog.read_to
                assert before or not unread[rank], "an earlier one has not been read"
            assert all(execution.seq < other.seq for other in ready[execution.rank])
            return handle(execution, guard)

        dispatcher.handle = watched  # type: ignore[method-assign]
        unheard: list[str] = []
        loop().set_exception_handler(lambda _, context: unheard.append(repr(context)))

        def look() -> None:
            self.look()
            assert not unheard, unheard

        loop().each_turn(look)
        return runner

    def look(self) -> None:
        """What holds in every turn of the loop."""
        runner = self.runner
        add_up(runner)
        nobody_is_forgotten(runner)
        self.note_ends()
        if runner.status != "new":
            for agent in runner.plan.agents.values():
                assert 0 <= agent.vitals.breaker.in_trial <= MOST_TRIALS

    def note_ends(self) -> None:
        """Look what has ended since the last look."""
        settled = self.runner.telemetry.settled
        for execution in settled.since(self.looked, 1_000)[0]:
            self.has_ended(execution)
        self.looked = settled.total

    def has_ended(self, execution: Execution) -> None:
        """An event has come to its end."""
        assert execution.event.id not in self.ended, "an event has ended twice"
        self.ended.add(execution.event.id)

    def look_closely(self) -> None:
        """What holds too, and takes longer to look at."""
        known = [execution.event.id for execution in self.runner.executions()]
        assert len(known) == len(set(known)) == self.runner.counts().accepted
        assert self.accepted <= set(known), "an accepted event is lost"
        dead = {letter.event.id for letter in self.runner.dead_letters}
        assert len(dead | self.dropped) == self.runner.counts().dead
        at_work: set[str] = set()
        for execution in self.runner.dispatcher.live():
            if execution.started and not execution.nested and self.ordered:
                session = execution.event.session_id
                assert session not in at_work, "two events of one session at once"
                at_work.add(session)

    def check_order(self) -> None:
        """Inside a session each event began when the one before it had ended."""
        last: dict[str, float] = defaultdict(float)
        for execution in sorted(self.runner.executions(), key=lambda one: one.seq):
            if not execution.nested:
                session = execution.event.session_id
                assert execution.started >= last[session]
                last[session] = execution.ended

    # -- what is done to it ---------------------------------------------------------------

    async def live(self, deeds: int) -> bytes:
        """Do so many things, then let everything end; the life as bytes."""
        rng = self.rng
        self.ordered = rng.random() < 0.8
        self.clock = VirtualClock(self.seed)
        text = settings(rng)
        if not self.ordered:
            text = text.replace("[runtime]", '[runtime]\n        ordering = "none"')
        self.runner = self.make(config(text))
        await self.runner.start()
        for _ in range(deeds):
            await self.do(rng.choice(self.deeds))
            self.look_closely()
        await self.finish()
        return self.told()

    async def finish(self) -> None:
        """Nothing stays held, queued or running, and everything has ended once."""
        runner = self.runner
        if runner.status != "running":
            await runner.start()
        await let_everything_end(runner)
        await asyncio.gather(*self.asked)
        counts = runner.counts()
        assert counts.queued == counts.held == counts.running == 0
        self.look_closely()
        if self.ordered:
            self.check_order()
        await runner.stop()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        if left:
            await asyncio.wait(left)  # of handlers that are deaf for long

    async def do(self, deed: str) -> None:
        runner, rng = self.runner, self.rng
        name = rng.choice(AGENTS)
        self.log.append(f"{loop().time():.4f} {deed}")
        if deed == "emit":
            await self.emit()
        elif deed == "burst":
            for _ in range(rng.randrange(2, 9)):
                await self.emit()
        elif deed == "submit":
            self.submit()
        elif deed == "request":
            self.asked.append(asyncio.create_task(self.ask()))
        elif deed == "pause":
            runner.pause(name)
        elif deed == "resume":
            runner.resume(name)
        elif deed == "pause all":
            runner.pause()
        elif deed == "resume all":
            runner.resume()
        elif deed == "apply":
            await runner.apply(config(settings(rng)))
        elif deed == "undo" and runner.history.target_of_undo() is not None:
            await runner.undo()
        elif deed in ("replay", "drop") and runner.dead_letters:
            await self.treat(deed)
        elif deed == "advance":
            self.clock.advance(rng.choice([0.3, 5, 60]))
        elif deed == "jump":
            self.clock.jump_wall(rng.choice([-3_600, 0.5, 3_600]))
        elif deed == "stop":
            await runner.stop(drain=rng.random() < 0.4, timeout=rng.choice([0, 3]))
            await runner.start()
        elif deed == "hook":
            self.toggle_hook()
        elif deed == "register" and not runner.unregister_agent("extra"):
            runner.register_agent("extra", self.handle)
        await asyncio.sleep(rng.choice([0, 0, 0, 0.05, 0.5, 3 if deed == "nap" else 0]))

    async def treat(self, deed: str) -> None:
        letter = self.rng.choice(list(self.runner.dead_letters))
        if deed == "drop":
            assert self.runner.drop(letter.number)
            self.dropped.add(letter.event.id)
            return
        data = self.rng.choice([None, {"edited": True}])
        try:
            self.accepted.add(await self.runner.replay(letter, data))
        except QueueFull:
            self.log.append("replay refused")

    def event(self) -> Event:
        """An event that may be steered in every way there is."""
        rng = self.rng
        metadata: dict[str, Any] = {}
        if rng.random() < 0.4:
            metadata["priority"] = rng.choice(RANKS)
        if rng.random() < 0.2:
            metadata["orchestration_override"] = rng.choice(MODES)
        if rng.random() < 0.1:
            metadata["timeout"] = rng.choice(["50ms", "3s"])
        if rng.random() < 0.1:
            moment = self.clock.time() + rng.choice([-5, 0.3, 30])
            metadata["deadline"] = datetime.fromtimestamp(moment, UTC).isoformat()
        if rng.random() < 0.07:
            metadata |= {"broadcast": "true", "broadcast_targets": "a, d, ghost"}
        self.events += 1
        return Event(
            rng.choice([*AGENTS, *AGENTS, "ghost", "extra", ""]),
            {"n": self.events, "what": rng.choice([rng.random(), [1, {"x": 2}], "text"])},
            metadata,
            session_id=rng.choice(["", "", "s", "t"]),
        )

    async def emit(self) -> Event | None:
        """Send an event; the event if it was accepted."""
        event = self.event()
        try:
            self.accepted.add(await self.runner.emit(event))
        except QueueFull:
            self.log.append(f"refused {event.data['n']}")
            return None
        return event

    def submit(self) -> None:
        """Send some events without waiting for each."""
        for _ in range(self.rng.randrange(1, 5)):
            event = self.event()
            try:
                self.runner.submit(event).add_done_callback(partial(self.arrived, self.generation))
            except QueueFull:
                self.log.append(f"no room {event.data['n']}")

    def arrived(self, generation: int, told: asyncio.Future[str]) -> None:
        """An event that was submitted is accepted."""
        if generation == self.generation:
            self.accepted.add(told.result())

    async def ask(self) -> None:
        event = self.event()
        try:
            result = await self.runner.request(event)
        except AgentFlowError as error:
            self.log.append(type(error).__name__)
        else:
            self.log.append(f"answer {event.data['n']} {type(result.error).__name__}")

    def toggle_hook(self) -> None:
        def looks(args: CallbackArgs) -> Any:
            chance = self.moods.random()
            if chance < 0.1:
                raise ValueError("hook")
            if chance < 0.3:
                return self.nap(args.state, chance)
            return args.state if chance < 0.6 else None

        point = self.rng.choice(list(HookPoint))
        if not self.runner.unregister_callback(point, "looks"):
            self.runner.register_callback(point, "looks", looks)

    async def nap(self, state: State, chance: float) -> State:
        """What an async callback does: it takes a while, now and then for ever."""
        await asyncio.sleep(10_000 if chance < 0.11 else self.moods.choice([0, 0.2]))
        return state

    # -- what its agents do ---------------------------------------------------------------

    def agent(self, name: str) -> Any:
        """The code of an agent; b and d are given a context."""

        def may_run() -> None:
            breaker = self.runner.plan.agents[name].vitals.breaker
            assert breaker.state is not BreakerState.OPEN, "an open breaker lets a call through"
            assert breaker.state is BreakerState.CLOSED or breaker.in_trial

        async def plain(event: Event, state: State) -> Any:
            may_run()
            return await self.handle(event, state)

        async def with_context(event: Event, state: State, context: Context) -> Any:
            may_run()
            return await self.asks(event, state, context)

        return with_context if name in "bd" else plain

    async def asks(self, event: Event, state: State, context: Context) -> Any:
        """An agent with a context: now and then it causes other events, nested or not."""
        chance = self.moods.random()
        child = Event(self.moods.choice(AGENTS), {"n": 0}, {"orchestration_override": "route"})
        if chance < 0.12 and event.hop_count < 3:
            await context.request(child)
        elif chance < 0.18 and event.hop_count < 3:
            again = Event("c", {"n": 0}, {"orchestration_override": "route", "timeout": "1s"})
            await asyncio.gather(context.request(child), context.request(again))
        elif chance < 0.3:
            try:
                self.accepted.add(await context.emit(child))
            except QueueFull:
                self.log.append("child refused")
        return await self.handle(event, state)

    async def handle(self, event: Event, state: State) -> Any:
        """An agent: it takes some time, or too much, and does one of the things agents do."""
        assert event.id not in self.ended, "an event that has ended runs again"
        moods, generation = self.moods, self.generation
        chance = moods.random()
        self.log.append(f"{loop().time():.4f} {event.target} {event.data.get('n')} {chance:.3f}")
        try:
            await asyncio.sleep(moods.choice([0, 0, 0, 0.01, 0.5, 4, 4 if chance < 0.8 else 1e4]))
        except asyncio.CancelledError:
            if chance < 0.85 or generation != self.generation:
                raise
            await asyncio.sleep(moods.choice([0, 1, 20]))  # deaf, for a while or for long
        if chance < 0.12:
            raise ConnectionError("again")
        if chance < 0.2:
            raise ValueError("no")
        if chance < 0.22:
            raise asyncio.CancelledError("odd")
        if chance < 0.3:
            state.meta["route"] = moods.choice([*AGENTS, "ghost"])
            return state
        if chance < 0.35:
            state["loop_complete"] = True
            return state
        if chance < 0.37:
            return 7
        return {"y": chance} if chance < 0.6 else None

    # -- as bytes -------------------------------------------------------------------------

    def told(self) -> bytes:
        """Everything that can be seen of it, with ids as numbers in the order they came up."""
        runner = self.runner
        executions = sorted(runner.executions(), key=lambda one: one.seq)
        sessions = dict.fromkeys(one.event.session_id for one in executions)
        body = {
            "events": [one.event.id for one in executions],
            "traces": [runner.dump_trace(session) for session in sessions],
            "counts": runner.counts(),
            "dead": [
                (one.number, one.event.id, describe(one.error), one.agent, one.attempts,
                 one.config_version, one.time, one.status)
                for one in runner.dead_letters
            ],
            "log": list(runner.telemetry.lines.items),
            "seen": self.log,
        }  # fmt: skip
        numbers: dict[bytes, bytes] = {}
        text = _STAMP.sub(rb'\1"now"', msgspec.json.encode(body))
        return _ID.sub(lambda m: numbers.setdefault(m[0], b"#%d" % len(numbers)), text)

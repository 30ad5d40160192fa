"""The accounts: accepted = queued + held + running + succeeded + dead, at any moment.

Schedules of everything that can be done to a runner are made up from a seed and played on
virtual time. The accounts are looked at in every turn of the loop, from inside every handler
and every callback, and compared with what a plain model of the schedule says.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from typing import Any

import msgspec
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from agentflow import AgentFlowError, CallbackArgs, Context, Event, HookPoint, QueueFull, State
from agentflow.testing import run_virtual

from .support import add_up, config, let_everything_end, make

MODES = ("route", "collaborative", "sequential", "loop", "mixed")
AGENTS = ("a", "b", "c")
ACTIONS = ("emit",) * 12 + (
    "pause", "resume", "pause all", "resume all", "apply", "replay", "stop", "nap", "request",
    "hook", "register",
)  # fmt: skip


def plan(rng: random.Random) -> str:
    """A configuration with a random mode and random limits."""
    return f"""
        [runtime]
        max_concurrent_events = {rng.choice([1, 2, 5])}
        queue_size = {rng.choice([3, 1000])}
        [orchestration]
        mode = "{rng.choice(MODES)}"
        collaborative_agents = ["a", "b", "c"]
        sequential_agents = {rng.choice([["b", "c"], ["c", "a"], ["a", "c", "a"]])}
        loop_agent = "a"
        max_iterations = 2
        timeout_seconds = {rng.choice([2, 30, 300])}
        max_concurrency = {rng.choice([1, 2, 10])}
        [error_routing]
        default_error_handler = "errors"
        [error_routing.retry]
        max_retries = {rng.choice([0, 2])}
        initial_delay = 0.5
        jitter = false
        [error_routing.circuit_breaker]
        failure_threshold = {rng.choice([2, 50])}
        timeout = 3
    """


class Story:
    """One schedule, played from a seed, and what came of it."""

    def __init__(self, seed: int, lane: str) -> None:
        self.rng = random.Random(seed)
        self.choices = random.Random(seed + 1)
        self.lane = lane
        self.log: list[str] = []
        self.inside: Counter[str] = Counter()
        self.finished: defaultdict[str, list[int]] = defaultdict(list)
        self.offered = 0
        self.accepted: set[str] = set()
        self.asked: list[asyncio.Task[Any]] = []

    async def play(self, steps: int) -> list[str]:
        """Do ``steps`` random things, then let everything end; the log of it."""
        self.runner = make(plan(self.rng), self.lane, errors=self.handle)
        for name in AGENTS:
            self.runner.register_agent(name, self.with_context if name == "b" else self.handle)
        await self.runner.start()
        for _ in range(steps):
            await self.act(self.rng.choice(ACTIONS))
            add_up(self.runner)
        await self.finish()
        return self.log

    async def finish(self) -> None:
        runner = self.runner
        if runner.status != "running":
            await runner.start()
        await let_everything_end(runner)
        await asyncio.gather(*self.asked)
        counts = runner.counts()
        assert counts.queued == counts.held == counts.running == 0
        assert counts.accepted == counts.succeeded + counts.dead
        self.check_memory()
        assert counts.dead == len(runner.dead_letters)
        assert not runner.dispatcher.backlog.sessions
        await runner.stop()

    def check_memory(self) -> None:
        """Every event is remembered once."""
        known = [execution.event.id for execution in self.runner.executions()]
        assert self.runner.counts().accepted == len(known) == len(set(known))
        assert self.accepted <= set(known)

    async def act(self, action: str) -> None:
        runner, rng = self.runner, self.rng
        name = rng.choice(AGENTS)
        if action == "emit":
            await self.emit()
        elif action == "request":
            self.asked.append(asyncio.create_task(self.ask()))
        elif action == "pause":
            runner.pause(name)
        elif action == "resume":
            runner.resume(name)
        elif action == "pause all":
            runner.pause()
        elif action == "resume all":
            runner.resume()
        elif action == "apply":
            await runner.apply(config(plan(rng)))
        elif action == "replay" and runner.dead_letters:
            try:
                await runner.replay(rng.choice(list(runner.dead_letters)))
            except QueueFull:
                self.log.append("replay refused")
        elif action == "stop":
            await runner.stop(drain=rng.random() < 0.3, timeout=5)
            await runner.start()
        elif action == "hook":
            self.toggle_hook()
        elif action == "register" and not runner.unregister_agent("extra"):
            runner.register_agent("extra", self.handle)
        await asyncio.sleep(rng.choice([0, 0, 0.1, 1]))

    def event(self) -> Event:
        rng = self.rng
        metadata: dict[str, Any] = {}
        if rng.random() < 0.3:
            metadata["priority"] = rng.choice(["low", "high", "critical"])
        if rng.random() < 0.2:
            metadata["orchestration_override"] = rng.choice(MODES)
        if rng.random() < 0.1:
            metadata["timeout"] = rng.choice(["50ms", "3s"])
        if rng.random() < 0.1:
            metadata |= {"broadcast": "true", "broadcast_targets": "a,b,ghost"}
        self.offered += 1
        return Event(
            rng.choice([*AGENTS, *AGENTS, "ghost", "extra", ""]),
            {"n": self.offered, "what": rng.random()},
            metadata,
            session_id=rng.choice(["", "s", "t"]),
        )

    async def emit(self) -> None:
        event = self.event()
        try:
            self.accepted.add(await self.runner.emit(event))
        except QueueFull:
            self.log.append(f"refused {event.data['n']}")

    async def ask(self) -> None:
        try:
            result = await self.runner.request(self.event())
        except AgentFlowError as error:
            self.log.append(type(error).__name__)
        else:
            self.log.append(f"answer {type(result.error).__name__}")

    def toggle_hook(self) -> None:
        def looks(args: CallbackArgs) -> State | None:
            add_up(self.runner)
            if self.choices.random() < 0.1:
                raise ValueError("hook")
            return args.state if self.choices.random() < 0.5 else None

        point = self.rng.choice(list(HookPoint))
        if not self.runner.unregister_callback(point, "looks"):
            self.runner.register_callback(point, "looks", looks)

    async def with_context(self, event: Event, state: State, context: Context) -> Any:
        """Now and then causes other events, nested or not."""
        chance = self.choices.random()
        if chance < 0.15 and event.hop_count < 4:
            await context.request(Event("a", {"n": 0}, {"orchestration_override": "route"}))
        elif chance < 0.3:
            try:
                await context.emit(Event("c", {"n": 0}, {"orchestration_override": "route"}))
            except QueueFull:
                self.log.append("context refused")
        return await self.handle(event, state)

    async def handle(self, event: Event, state: State) -> Any:
        """Takes some time, and does one of the things that handlers do."""
        add_up(self.runner)
        choices = self.choices
        self.log.append(f"{event.target} {event.data.get('n')} {self.runner.counts()}")
        chance = choices.random()
        try:
            await asyncio.sleep(choices.choice([0, 0, 0.01, 0.5, 4]))
        except asyncio.CancelledError:
            if chance < 0.9:
                raise
            await asyncio.sleep(choices.choice([1, 100]))  # deaf, for a while or for long
        add_up(self.runner)
        if chance < 0.15:
            raise ConnectionError("again")
        if chance < 0.25:
            raise ValueError("no")
        if chance < 0.28:
            raise asyncio.CancelledError("odd")
        if chance < 0.38:
            state.meta["route"] = choices.choice(["a", "c", "ghost"])
            return state
        if chance < 0.6:
            return {"y": chance}
        return None


class HandedOver(Story):
    """A story whose runner is replaced by another one now and then, in the middle of it."""

    async def act(self, action: str) -> None:
        if action != "register":
            await super().act(action)
        if self.rng.random() < 0.08:
            await self.hand_over()

    async def hand_over(self) -> None:
        left = await self.runner.hand_over()
        before = self.runner.counts()
        self.runner = make(plan(self.rng), self.lane, errors=self.handle)
        for name in AGENTS:
            self.runner.register_agent(name, self.with_context if name == "b" else self.handle)
        await self.runner.start()
        await self.runner.take_over(msgspec.msgpack.decode(msgspec.msgpack.encode(left)))
        after = self.runner.counts()
        assert (after.accepted, after.succeeded, after.dead) == (
            before.accepted, before.succeeded, before.dead,
        )  # fmt: skip

    def check_memory(self) -> None:
        """What an earlier runner has settled is not remembered by this one."""


@given(seed=st.integers(0, 10**9))
@settings(max_examples=12, deadline=None, derandomize=True, phases=[Phase.generate])
def test_the_accounts_go_on_from_one_runner_to_the_next(seed: int) -> None:
    """Counts, open events and dead letters are handed over, and nothing is lost on the way."""
    run_virtual(lambda: HandedOver(seed, "express").play(60), patience=20_000)


@pytest.mark.long
@pytest.mark.parametrize("first", range(0, 2_000, 200))
def test_the_accounts_go_on_in_two_thousand_stories(first: int) -> None:
    """The same for many more schedules."""
    for seed in range(first, first + 200):
        run_virtual(lambda seed=seed: HandedOver(seed, "express").play(60), patience=20_000)  # type: ignore[misc]


@pytest.mark.parametrize("mode", MODES)
def test_the_engines_bookkeeping_is_that_of_what_is_open(mode: str) -> None:
    """After a thousand events no task, guard or session is kept but the idle workers'."""

    async def check() -> None:
        async def nap(event: Event, state: State) -> None:
            await asyncio.sleep(0)

        text = f"""
            [orchestration]
            mode = "{mode}"
            loop_agent = "a"
            sequential_agents = ["a", "b"]
            [runtime]
            trace_capacity = 10
        """
        async with make(text, a=nap, b=nap, c=nap) as runner:
            for n in range(1_000):
                await runner.emit(Event("a", {"n": n}, session_id=f"s{n % 300}"))
                if n % 50 == 0:
                    await runner.join()
            await runner.join()
            dispatcher = runner.dispatcher
            assert len(asyncio.all_tasks()) <= 1 + dispatcher.max_running
            assert len(list(dispatcher.guards)) <= dispatcher.max_running
            assert not dispatcher.backlog.sessions
            assert not dispatcher.apart
            assert not dispatcher.nested
            assert len(runner.executions()) == 10

    run_virtual(check, patience=1_000)


@given(seed=st.integers(0, 10**9), lane=st.sampled_from(["express", "hooked"]))
@settings(max_examples=25, deadline=None, derandomize=True, phases=[Phase.generate])
def test_the_accounts_add_up_whatever_happens(seed: int, lane: str) -> None:
    """Every event that was accepted is in one place, and in the end has ended once."""
    run_virtual(lambda: Story(seed, lane).play(60), patience=20_000)


@pytest.mark.long
@pytest.mark.parametrize("first", range(0, 20_000, 1_000))
def test_the_accounts_add_up_in_twenty_thousand_stories(first: int) -> None:
    """The same for many more schedules, and longer ones."""
    for seed in range(first, first + 1_000):
        run_virtual(lambda seed=seed: Story(seed, "express").play(100), patience=40_000)  # type: ignore[misc]


@pytest.mark.parametrize("seed", [1, 20, 300])
def test_the_same_seed_gives_the_same_story(seed: int) -> None:
    """Nothing in the engine depends on real time or chance: two runs log the same."""
    first = run_virtual(lambda: Story(seed, "express").play(80), patience=20_000)
    second = run_virtual(lambda: Story(seed, "express").play(80), patience=20_000)
    assert first == second
    assert len(first) > 20


@pytest.mark.parametrize("seed", [1, 20, 300])
def test_the_lanes_tell_the_same_story(seed: int) -> None:
    """With and without callbacks, the same events end in the same way."""

    async def outcome(lane: str) -> tuple[Any, ...]:
        rng = random.Random(seed)

        async def work(event: Event, state: State) -> Any:
            await asyncio.sleep(event.data["t"])
            return event.data["out"]

        async def fails(event: Event, state: State) -> Any:
            state["touched"] = 1
            raise ValueError(str(event.data["n"]))

        runner = make("[orchestration]\nretry_attempts = 0\n[error_routing.circuit_breaker]\n"
                      "failure_threshold = 900", lane, a=work, b=fails)  # fmt: skip
        results = []
        async with runner:
            for n in range(60):
                data = {"n": n, "t": rng.choice([0, 1]), "out": rng.choice([None, {"y": n}, 5])}
                result = await runner.request(Event(rng.choice("abc"), data))
                results.append((repr(result.error), result.state.to_dict(), result.state.meta))
        return results, runner.counts(), [letter.attempts for letter in runner.dead_letters]

    assert run_virtual(lambda: outcome("express")) == run_virtual(lambda: outcome("hooked"))

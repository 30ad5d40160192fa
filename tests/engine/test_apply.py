"""Applying: another configuration swapped in whole while events run."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agentflow import Agent, AgentNotFound, ConfigError, Event, RunnerNotRunning, State
from agentflow.testing import recorder

from .support import LANES, NO_RETRY, config, make, settle, virtual

SEQUENTIAL = '[orchestration]\nmode = "sequential"\nsequential_agents = ["b", "c"]'


@virtual
async def test_the_next_event_runs_under_the_new_plan() -> None:
    """The change has its version and its differences in words."""
    workers = {name: recorder({name: 1}) for name in "abc"}
    async with make("", **{name: worker.agent for name, worker in workers.items()}) as runner:
        await runner.request(Event("a"))
        change = await runner.apply(config(SEQUENTIAL))
        result = await runner.request(Event())
        assert (change.version, runner.version, runner.plan.version) == (2, 2, 2)
        assert change.differences
        assert runner.plan.mode == "sequential"
        assert runner.history.versions[-1].differences == change.differences
    assert result.state == {"b": 1, "c": 1}


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("output", [None, {"y": 1}, ValueError("x")], ids=["none", "map", "raise"])
@pytest.mark.parametrize("mode", ["route", "sequential", "collaborative"])
@virtual
async def test_an_event_finishes_under_the_plan_it_started_with(
    mode: str, output: Any, lane: str
) -> None:
    """Its agents, its mode and the version in its trace are those of its start."""
    gate = asyncio.Event()
    ran: list[str] = []

    async def first(event: Event, state: State) -> Any:
        ran.append("a")
        await gate.wait()
        if isinstance(output, Exception):
            raise output
        return output

    def note(name: str) -> Any:
        async def handle(event: Event, state: State) -> None:
            ran.append(name)

        return handle

    text = NO_RETRY + f'mode = "{mode}"\nsequential_agents = ["a", "d"]\n'
    text += 'collaborative_agents = ["a"]'
    async with make(text, lane, a=first, b=note("b"), c=note("c"), d=note("d")) as runner:
        event = Event("a", session_id="s")
        waiting = asyncio.create_task(runner.request(event))
        await settle()
        await runner.apply(config(SEQUENTIAL))
        gate.set()
        result = await waiting
        trace = runner.dump_trace("s")
        later = await runner.request(Event(session_id="t"))
        assert {entry.config_version for entry in runner.dump_trace("t")} == {2}
    failed = isinstance(output, Exception)
    assert (result.error is not None) is failed
    assert later.error is None
    expected = ["a", "d"] if mode == "sequential" and not failed else ["a"]
    assert ran == [*expected, "b", "c"]
    assert [entry.agent_id for entry in trace if entry.type == "agent_end"] == expected
    assert {entry.config_version for entry in trace} == {1}
    assert [letter.config_version for letter in runner.dead_letters] == [1] * failed


@virtual
async def test_retries_go_on_under_the_plan_they_began_under() -> None:
    """A policy that changes while an event waits for its retry is for later events."""
    worker = recorder(ConnectionError("x"))
    async with make("", a=worker.agent) as runner:
        waiting = asyncio.create_task(runner.request(Event("a")))
        await settle()
        await runner.apply(config(NO_RETRY))
        await waiting
        assert len(worker.calls) == 4
        await runner.request(Event("a"))
        assert len(worker.calls) == 5


@virtual
async def test_removed_agents_finish_what_they_are_running() -> None:
    """The run ends in success; the next event for that agent finds nobody."""
    gate = asyncio.Event()

    async def waits(event: Event, state: State) -> dict[str, int]:
        await gate.wait()
        return {"y": 1}

    async with make("", a=waits) as runner:
        waiting = asyncio.create_task(runner.request(Event("a")))
        await settle()
        runner.unregister_agent("a")
        later = await runner.request(Event("a"))
        gate.set()
        assert (await waiting).state == {"y": 1}
    assert isinstance(later.error, AgentNotFound)


@virtual
async def test_a_plan_that_cannot_be_made_changes_nothing() -> None:
    """ConfigError lists what is wrong; mode, version and history stay."""
    async with make("", a=recorder({"y": 1}).agent) as runner:
        bad = config(SEQUENTIAL + '\n[agents.b]\nhandler = "no_such_module:thing"\n'
                     '[agents.c]\nhandler = "os:getcwd"')  # fmt: skip
        with pytest.raises(ConfigError) as caught:
            await runner.apply(bad)
        assert {problem.key for problem in caught.value.problems} == {
            "agents.b.handler", "agents.c.handler",
        }  # fmt: skip
        assert (runner.version, runner.plan.mode) == (1, "route")
        assert len(runner.history.versions) == 1
        assert (await runner.request(Event("a"))).state == {"y": 1}


@virtual
async def test_applying_needs_a_started_runner() -> None:
    """Before start it is RunnerNotRunning."""
    with pytest.raises(RunnerNotRunning):
        await make().apply(config(SEQUENTIAL))


@virtual
async def test_undo_goes_back_and_back_again() -> None:
    """Each undo is a new version with the configuration from before."""
    async with make("[orchestration]\ntimeout_seconds = 1") as runner:
        for seconds in (2, 3):
            await runner.apply(config(f"[orchestration]\ntimeout_seconds = {seconds}"))
        assert (await runner.undo()).version == 4
        assert runner.plan.timeout == 2
        await runner.undo()
        assert runner.plan.timeout == 1
        with pytest.raises(ValueError, match="no earlier"):
            await runner.undo()
        assert [version.number for version in runner.history.versions] == [1, 2, 3, 4, 5]


@virtual
async def test_limits_change_at_once() -> None:
    """More slots and a larger queue serve what is waiting already."""

    async def slow(event: Event, state: State) -> None:
        await asyncio.sleep(10)

    async with make("[runtime]\nmax_concurrent_events = 1\nqueue_size = 4", a=slow) as runner:
        for _ in range(5):
            await runner.emit(Event("a"))
            await settle()
        emitter = asyncio.create_task(runner.emit(Event("a")))
        await settle()
        assert not emitter.done()
        await runner.apply(config("[runtime]\nmax_concurrent_events = 3\nqueue_size = 40"))
        await settle()
        assert emitter.done()
        assert runner.counts().running == 3
        await runner.apply(config("[runtime]\nmax_concurrent_events = 1\nqueue_size = 40"))
        await runner.join()
        assert runner.counts().succeeded == 6


@virtual
async def test_fewer_slots_hold_once_the_others_have_ended() -> None:
    """Shrinking interrupts nobody, and then keeps to the new number."""
    now = most = 0

    async def slow(event: Event, state: State) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(1)
        now -= 1

    async with make("[runtime]\nmax_concurrent_events = 5", a=slow) as runner:
        for _ in range(15):
            await runner.emit(Event("a"))
        await settle()
        assert now == 5
        await runner.apply(config("[runtime]\nmax_concurrent_events = 2"))
        await asyncio.sleep(1.5)
        most = 0
        await runner.join()
        assert most <= 2


class Slow(Agent):
    """Takes a second to get ready."""

    async def initialize(self) -> None:
        await asyncio.sleep(1)

    async def run(self, state: State) -> dict[str, int]:
        return {"y": 1}


@virtual
async def test_changes_at_the_same_time_all_count() -> None:
    """Two applies and a registration that overlap: versions agree and nothing is lost."""
    async with make() as runner:
        runner.register_agent("slow", Slow())
        first = asyncio.create_task(runner.apply(config("[orchestration]\ntimeout_seconds = 31")))
        second = asyncio.create_task(runner.apply(config("[orchestration]\ntimeout_seconds = 32")))
        await asyncio.sleep(0.5)
        runner.register_agent("late", recorder({"late": 1}).agent)
        versions = [(await task).version for task in (first, second)]
        assert sorted(versions) == [2, 3]
        assert runner.plan.version == runner.version == 3
        assert runner.plan.config is runner.config
        assert (await runner.request(Event("late"))).state == {"late": 1}
        assert (await runner.request(Event("slow"))).state == {"y": 1}


@virtual
async def test_no_event_is_lost_or_run_twice_while_plans_change() -> None:
    """A hundred events under twenty plans: each runs exactly once."""
    ran: list[int] = []

    async def note(event: Event, state: State) -> None:
        await asyncio.sleep(event.data["n"] % 5 / 10)
        ran.append(event.data["n"])

    async with make("", a=note, b=note) as runner:

        async def emits() -> None:
            for n in range(100):
                await runner.emit(Event("ab"[n % 2], {"n": n}))
                await asyncio.sleep(0.01)

        async def changes() -> None:
            for n in range(20):
                seconds = 20 + n
                await runner.apply(config(f"[orchestration]\ntimeout_seconds = {seconds}"))
                await asyncio.sleep(0.05)

        await asyncio.gather(emits(), changes())
        await runner.join()
    assert sorted(ran) == list(range(100))
    assert runner.counts() == (100, 0, 0, 0, 100, 0)

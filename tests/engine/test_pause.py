"""Pausing: what is held, what goes on, and in which order it goes on again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agentflow import AgentNotFound, Event, RunnerNotRunning, State
from agentflow.testing import recorder

from .support import LANES, NO_RETRY, config, make, settle, virtual


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_a_paused_agents_events_are_held_and_others_go_on(lane: str) -> None:
    """Held events are in nobody's way, and counted as held."""
    a, b = recorder(), recorder()
    async with make("[runtime]\nmax_concurrent_events = 1", lane, a=a.agent, b=b.agent) as runner:
        runner.pause("a")
        for n in range(3):
            await runner.emit(Event("a", {"n": n}))
            await runner.emit(Event("b", {"n": n}))
        await runner.join()
        assert (len(a.calls), len(b.calls)) == (0, 3)
        assert runner.counts() == (6, 0, 3, 0, 3, 0)
        runner.resume("a")
        await runner.join()
    assert [call.data["n"] for call in a.calls] == [0, 1, 2]
    assert runner.counts() == (6, 0, 0, 0, 6, 0)


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_held_events_go_on_by_priority_and_arrival(lane: str) -> None:
    """On resume they run as if they had just been waiting, also against newer ones."""
    a = recorder()
    async with make("[runtime]\nmax_concurrent_events = 1", lane, a=a.agent) as runner:
        runner.pause("a")
        for n, priority in enumerate(["low", "normal", "critical", "normal", "high"]):
            await runner.emit(Event("a", {"n": n}, {"priority": priority}))
        await settle()
        runner.resume("a")
        await runner.join()
    assert [call.data["n"] for call in a.calls] == [2, 4, 1, 3, 0]


@virtual
async def test_events_behind_a_held_one_of_their_session_are_held() -> None:
    """Order inside a session holds across a pause."""
    a, b = recorder(), recorder()
    async with make("", a=a.agent, b=b.agent) as runner:
        runner.pause("a")
        for n, target in enumerate("aba"):
            await runner.emit(Event(target, {"n": n}, session_id="s"))
        await runner.emit(Event("b", {"n": 9}, session_id="t"))
        await runner.join()
        assert runner.counts() == (4, 0, 3, 0, 1, 0)
        runner.resume("a")
        await runner.join()
    assert [call.data["n"] for call in a.calls] == [0, 2]
    assert [call.data["n"] for call in b.calls] == [9, 1]


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("output", [None, {"y": 1}, State({"y": 1})], ids=["none", "map", "state"])
@virtual
async def test_what_runs_when_its_agent_is_paused_finishes_once(output: Any, lane: str) -> None:
    """A pause holds what has not begun; a run that has begun ends, and ends once."""
    gate = asyncio.Event()
    runs = 0

    async def waits(event: Event, state: State) -> Any:
        nonlocal runs
        runs += 1
        await gate.wait()
        return output

    async with make("", lane, a=waits) as runner:
        await runner.emit(Event("a"))
        await settle()
        runner.pause("a")
        gate.set()
        await runner.join()
        assert runner.counts() == (1, 0, 0, 0, 1, 0)
        runner.resume("a")
        await runner.join()
    assert runs == 1


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_a_run_that_fails_while_its_agent_is_paused_waits_to_be_tried_again(
    lane: str,
) -> None:
    """The next attempt is held like a first one would be; the first is not forgotten."""
    gate = asyncio.Event()
    worker = recorder(ConnectionError("x"), {"y": 1})

    async def waits(event: Event, state: State) -> Any:
        if not worker.calls:
            await gate.wait()
        return await worker.agent(event, state)

    async with make("", lane, a=waits) as runner:
        await runner.emit(Event("a"))
        await settle()
        runner.pause("a")
        gate.set()
        await asyncio.sleep(60)
        assert runner.counts() == (1, 0, 1, 0, 0, 0)
        assert len(worker.calls) == 1
        runner.resume("a")
        await runner.join()
    assert len(worker.calls) == 2
    assert runner.counts().succeeded == 1


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_a_paused_runner_starts_nothing(lane: str) -> None:
    """Everything waiting is held, what runs goes on, and join does not wait for it."""
    gate = asyncio.Event()
    a = recorder()

    async def waits(event: Event, state: State) -> None:
        await gate.wait()

    async with make("", lane, slow=waits, a=a.agent) as runner:
        await runner.emit(Event("slow"))
        await settle()
        runner.pause()
        assert runner.paused
        for n in range(3):
            await runner.emit(Event("a", {"n": n}, session_id=f"s{n % 2}"))
        assert runner.counts() == (4, 0, 3, 1, 0, 0)
        gate.set()
        await runner.join()
        assert runner.counts() == (4, 0, 3, 0, 1, 0)
        assert a.calls == []
        runner.resume()
        await runner.join()
    assert len(a.calls) == 3
    assert runner.counts() == (4, 0, 0, 0, 4, 0)


@virtual
async def test_pausing_twice_is_pausing_once() -> None:
    """One resume undoes any number of pauses; resuming what runs does nothing."""
    a = recorder()
    async with make("", a=a.agent) as runner:
        runner.resume("a")
        runner.pause("a")
        runner.pause("a")
        await runner.emit(Event("a"))
        await runner.join()
        runner.resume("a")
        await runner.join()
        runner.resume()
        assert len(a.calls) == 1


@virtual
async def test_a_paused_agent_in_a_paused_runner() -> None:
    """The two pauses are separate, and no event is counted twice."""
    a, b = recorder(), recorder()
    async with make("", a=a.agent, b=b.agent) as runner:
        runner.pause("a")
        for target in ("a", "b", "a"):
            await runner.emit(Event(target, session_id="s"))
        await runner.join()
        assert runner.counts() == (3, 0, 3, 0, 0, 0)
        runner.pause()
        await runner.emit(Event("b"))
        assert runner.counts() == (4, 0, 4, 0, 0, 0)
        runner.resume("a")
        assert runner.counts() == (4, 0, 4, 0, 0, 0)
        runner.resume()
        await runner.join()
        assert runner.counts() == (4, 0, 0, 0, 4, 0)


@virtual
async def test_a_pause_holds_through_a_new_plan() -> None:
    """Applying a configuration does not resume an agent."""
    a = recorder()
    async with make("", a=a.agent) as runner:
        runner.pause("a")
        await runner.emit(Event("a"))
        await runner.apply(config(NO_RETRY))
        await runner.join()
        assert runner.counts().held == 1
        runner.resume("a")
        await runner.join()
        assert runner.counts().succeeded == 1


@virtual
async def test_what_a_removed_agent_held_ends_aloud() -> None:
    """Nobody can resume an agent that is gone, so its events become dead letters."""
    async with make("", a=recorder().agent, b=recorder().agent) as runner:
        runner.pause("a")
        await runner.emit(Event("a"))
        await runner.join()
        runner.unregister_agent("a")
        await runner.join()
        assert runner.counts() == (1, 0, 0, 0, 0, 1)
        assert isinstance(runner.dead_letters[0].error, AgentNotFound)
        assert (await runner.request(Event("b"))).error is None


@virtual
async def test_only_agents_that_are_there_can_be_paused() -> None:
    """AgentNotFound for an unknown name, RunnerNotRunning before start."""
    runner = make("", a=recorder().agent)
    with pytest.raises(RunnerNotRunning):
        runner.pause("a")
    async with runner:
        with pytest.raises(AgentNotFound):
            runner.pause("ghost")
        with pytest.raises(AgentNotFound):
            runner.resume("ghost")


@virtual
async def test_time_spent_held_is_not_the_events() -> None:
    """Timeouts count from when the event goes on."""

    async def five(event: Event, state: State) -> None:
        await asyncio.sleep(5)

    async with make(NO_RETRY, a=five) as runner:
        runner.pause("a")
        waiting = asyncio.create_task(runner.request(Event("a", {}, {"timeout": "6s"})))
        await asyncio.sleep(1_000)
        runner.resume("a")
        assert (await waiting).error is None


@virtual
async def test_a_nested_request_to_a_paused_agent_waits_in_its_parent() -> None:
    """On resume it goes on, and so does who asked for it."""

    async def asks(event: Event, state: State) -> dict[str, Any]:
        return dict((await runner.request(Event("b"))).state)

    async with make("", a=asks, b=recorder({"b": 1}).agent) as runner:
        runner.pause("b")
        waiting = asyncio.create_task(runner.request(Event("a")))
        await asyncio.sleep(10)
        runner.resume("b")
        assert (await waiting).state == {"b": 1}
    assert runner.counts() == (2, 0, 0, 0, 2, 0)

"""Start and stop: what is finished, what is left, and that it always ends."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from agentflow import Agent, Event, Runner, RunnerNotRunning, State
from agentflow.testing import recorder

from .support import LANES, NO_RETRY, config, loop, make, settle, virtual


async def slow(event: Event, state: State) -> None:
    await asyncio.sleep(1)


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_stop_with_drain_finishes_what_is_queued(lane: str) -> None:
    """Nothing that was accepted is left."""
    runner = make("[runtime]\nmax_concurrent_events = 1", lane, a=slow)
    await runner.start()
    for _ in range(5):
        await runner.emit(Event("a"))
    await runner.stop()
    assert runner.counts() == (5, 0, 0, 0, 5, 0)
    assert runner.status == "stopped"


@virtual
async def test_leaving_the_with_block_drains() -> None:
    """async with runner ends when everything is done."""
    async with make("", a=slow) as runner:
        await runner.emit(Event("a"))
    assert runner.counts().succeeded == 1


@virtual
async def test_leaving_the_with_block_by_an_error_does_not_wait() -> None:
    """The caller's exception is not held up by the queue."""
    runner = make("", a=slow)
    start = loop().time()

    async def leaves() -> None:
        async with runner:
            await runner.emit(Event("a"))
            await settle()
            raise KeyError("mine")

    with pytest.raises(KeyError):
        await leaves()
    assert loop().time() - start < 0.1
    assert runner.counts() == (1, 1, 0, 0, 0, 0)


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_stop_without_drain_leaves_the_rest_for_the_next_start(lane: str) -> None:
    """What was running is cut short and queued again; after start all of it runs, in order."""
    worker = recorder()

    async def naps(event: Event, state: State) -> None:
        await asyncio.sleep(1)
        await worker.agent(event, state)

    runner = make("[runtime]\nmax_concurrent_events = 1", lane, a=naps)
    await runner.start()
    for n in range(4):
        await runner.emit(Event("a", {"n": n}))
    await asyncio.sleep(1.5)
    await runner.stop(drain=False)
    assert runner.counts() == (4, 3, 0, 0, 1, 0)
    await asyncio.sleep(100)
    assert runner.counts() == (4, 3, 0, 0, 1, 0)
    await runner.start()
    await runner.join()
    await runner.stop()
    assert runner.counts() == (4, 0, 0, 0, 4, 0)
    assert [event.data["n"] for event in worker.events] == [0, 1, 2, 3]


@virtual
async def test_a_drain_that_takes_too_long_is_given_up() -> None:
    """timeout, else [runtime] drain_timeout, and the log says what was left."""
    for text, timeout, seconds in (("", 3.0, 3), ("[runtime]\ndrain_timeout = 5", None, 5)):
        runner = make(text, a=lambda e, s: None, hang=hangs)
        await runner.start()
        await runner.emit(Event("hang"))
        start = loop().time()
        await runner.stop(timeout=timeout)
        assert loop().time() - start == pytest.approx(seconds, abs=0.1)
        assert runner.counts() == (1, 1, 0, 0, 0, 0)
        assert any("unfinished" in row.text for row in runner.telemetry.lines.items)


async def hangs(event: Event, state: State) -> None:
    await asyncio.Event().wait()


@virtual
async def test_a_stopped_runner_begins_nothing() -> None:
    """Resuming, pausing and swapping the plan of a stopped runner run no event."""
    worker = recorder()
    runner = make(a=worker.agent)
    await runner.start()
    runner.pause()
    for _ in range(3):
        await runner.emit(Event("a"))
    await runner.stop(drain=False)
    runner.resume()
    runner.pause("a")
    runner.resume("a")
    await runner.apply(config("[runtime]\nmax_concurrent_events = 100"))
    await asyncio.sleep(10)
    assert worker.calls == []
    async with runner:
        await runner.join()
    assert len(worker.calls) == 3


@virtual
async def test_stop_is_idempotent() -> None:
    """Before start, twice, and at the same time: it does nothing more."""
    runner = make("", a=slow)
    await runner.stop()
    assert runner.status == "stopped"
    await runner.start()
    await runner.emit(Event("a"))
    await asyncio.gather(runner.stop(), runner.stop())
    await runner.stop(drain=False)
    assert runner.status == "stopped"
    assert runner.counts().succeeded == 1


@virtual
async def test_while_stopping_nothing_new_is_accepted_but_follow_ups_are() -> None:
    """The queue is drained with everything that it causes."""
    last = recorder()

    async def routes(event: Event, state: State) -> State:
        await asyncio.sleep(1)
        state.meta["route"] = "last"
        return state

    async def emits(event: Event, state: State) -> None:
        await asyncio.sleep(1)
        await runner.emit(Event("last"))

    runner = make("", a=routes, b=emits, last=last.agent)
    await runner.start()
    await runner.emit(Event("a"))
    await runner.emit(Event("b"))
    stopping = asyncio.create_task(runner.stop())
    await settle()
    with pytest.raises(RunnerNotRunning):
        await runner.emit(Event("a"))
    await stopping
    assert len(last.calls) == 2
    assert runner.counts() == (4, 0, 0, 0, 4, 0)


@virtual
async def test_held_events_do_not_hold_up_a_stop() -> None:
    """They wait for a person; they are kept for the next start."""
    runner = make("", a=recorder().agent, b=recorder().agent)
    await runner.start()
    runner.pause("a")
    await runner.emit(Event("a"))
    await runner.emit(Event("b"))
    start = loop().time()
    await runner.stop()
    assert loop().time() - start < 0.1
    assert runner.counts().succeeded == 1
    assert runner.counts().queued + runner.counts().held == 1


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_pausing_a_running_agent_and_stopping_at_once_ends(lane: str) -> None:
    """No combination of pause and stop leaves anybody waiting."""
    runner = make("", lane, a=hangs)
    await runner.start()
    await runner.emit(Event("a"))
    await settle()
    runner.pause("a")
    await asyncio.wait_for(runner.stop(drain=False), 10)
    assert runner.counts().accepted == 1
    assert runner.counts().running == 0


@pytest.mark.parametrize("mode", ["route", "collaborative", "sequential", "loop", "mixed"])
@virtual
async def test_a_cut_short_event_runs_again_from_its_beginning(mode: str) -> None:
    """In every mode, and once."""
    text = f"""
        [orchestration]
        mode = "{mode}"
        collaborative_agents = ["a", "b"]
        sequential_agents = ["a", "b"]
        loop_agent = "a"
        max_iterations = 2
    """
    worker = recorder(lambda event, state: {"n": state.get("n", 0) + 1})

    async def naps(event: Event, state: State) -> Any:
        await asyncio.sleep(1)
        return await worker.agent(event, state)

    runner = make(text, a=naps, b=naps)
    await runner.start()
    await runner.emit(Event("a", session_id="s"))
    await asyncio.sleep(0.5 if mode in ("route", "collaborative") else 1.5)
    await runner.stop(drain=False)
    assert runner.counts() == (1, 1, 0, 0, 0, 0)
    before = len(worker.calls)
    await runner.start()
    await runner.join()
    await runner.stop()
    assert runner.counts() == (1, 0, 0, 0, 1, 0)
    runs = {"route": 1, "collaborative": 2, "sequential": 2, "loop": 2, "mixed": 2}[mode]
    assert len(worker.calls) - before >= runs


@virtual
async def test_who_waits_for_an_outcome_is_told_that_there_will_be_none() -> None:
    """request ends with RunnerNotRunning in its result."""
    runner = make("[runtime]\nmax_concurrent_events = 1", a=hangs)
    await runner.start()
    waiting = [asyncio.create_task(runner.request(Event("a"))) for _ in range(3)]
    await settle()
    await runner.stop(drain=False)
    for task in waiting:
        assert isinstance((await task).error, RunnerNotRunning)


@virtual
async def test_an_emitter_that_waits_for_room_is_told_too() -> None:
    """It neither hangs nor has its event accepted by a stopped runner."""
    runner = make("[runtime]\nmax_concurrent_events = 1\nqueue_size = 1", a=hangs)
    await runner.start()
    await runner.emit(Event("a"))
    await settle()
    await runner.emit(Event("a"))
    waiting = asyncio.create_task(runner.emit(Event("a")))
    await settle()
    await runner.stop(drain=False)
    error = (await asyncio.gather(waiting, return_exceptions=True))[0]
    assert isinstance(error, Exception)
    assert runner.counts().accepted == 2


@virtual
async def test_a_handler_may_ask_for_the_stop() -> None:
    """stop from inside a handler ends the runner, and the handler with it."""

    async def stops(event: Event, state: State) -> None:
        await runner.stop(timeout=1)

    runner = make("", a=stops)
    await runner.start()
    await runner.emit(Event("a"))
    await asyncio.sleep(30)
    assert runner.status == "stopped"


@virtual
async def test_a_failing_shutdown_keeps_nobody_else_from_theirs() -> None:
    """Every agent is shut down, whatever the others raise."""
    closed: list[str] = []

    class Fails(Agent):
        async def run(self, state: State) -> None:
            return None

        async def shutdown(self) -> None:
            closed.append("fails")
            raise RuntimeError("no")

    class Works(Fails):
        async def shutdown(self) -> None:
            closed.append("works")

    async with make("", a=Fails(), b=Works()) as runner:
        await runner.request(Event("a"))
        await runner.request(Event("b"))
    assert sorted(closed) == ["fails", "works"]
    assert runner.status == "stopped"


@virtual
async def test_nothing_is_left_behind() -> None:
    """After stop the loop has no task of the runner's, and no timer that keeps it going."""
    runner = make(NO_RETRY, a=slow, b=lambda e, s: None)
    async with runner:
        for target in "ab" * 5:
            await runner.emit(Event(target))
        await runner.request(Event("a", {}, {"timeout": "100ms"}))
    await settle()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    timers = [handle for handle in loop()._scheduled if not handle.cancelled()]  # type: ignore[attr-defined]
    assert timers == []


@virtual
async def test_runners_do_not_know_each_other() -> None:
    """Two on one loop have their own agents, counts and hooks."""
    first, second = make("", a=recorder({"who": 1}).agent), make("", a=recorder({"who": 2}).agent)
    async with first, second:
        assert (await first.request(Event("a"))).state == {"who": 1}
        assert (await second.request(Event("a"))).state == {"who": 2}
        assert first.counts() == second.counts() == (1, 0, 0, 0, 1, 0)


@virtual
async def test_a_handler_of_one_runner_may_use_another() -> None:
    """A request to another runner is queued there, not nested here."""
    inner = Runner(config(), clock=make().dispatcher.clock)
    inner.register_agent("b", recorder({"y": 1}).agent)

    async def asks(event: Event, state: State) -> dict[str, Any]:
        return dict((await inner.request(Event("b"))).state)

    async with inner, make("", a=asks) as outer:
        assert (await outer.request(Event("a"))).state == {"y": 1}
        assert inner.counts().accepted == outer.counts().accepted == 1


@virtual
async def test_a_stopped_runner_can_be_forgotten() -> None:
    """Ended events lead to nothing big: a runner is garbage when nobody has it."""
    import weakref

    runner = make("", a=recorder().agent)
    loop().each_turn(lambda: None)
    async with runner:
        await runner.request(Event("a"))
    found = weakref.ref(runner.dispatcher)
    del runner
    await settle()
    gc.collect()
    assert found() is None


@virtual
async def test_a_second_stop_ends_the_drain_of_the_first() -> None:
    """stop(drain=False) while another stop drains: both return at once, the rest stays queued."""
    runner = make("[runtime]\ndrain_timeout = 600\n", a=forever)
    await runner.start()
    await runner.emit(Event("a"))
    first = asyncio.ensure_future(runner.stop())
    await settle()
    began = loop().time()
    await runner.stop(drain=False)
    await first
    assert loop().time() - began < 10
    assert runner.status == "stopped"
    assert runner.counts().queued == 1


async def forever(event: Event, state: State) -> None:
    """Waits for what never comes."""
    await asyncio.Event().wait()

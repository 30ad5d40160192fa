"""Hostile input: values, handlers and callbacks that mean no good, or mean it too well."""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import Any

import pytest

from agentflow import CallbackArgs, Event, HookPoint, InvalidEvent, State
from agentflow.testing import recorder

from .support import LANES, NO_RETRY, loop, make, settle, virtual

MODES = ("route", "collaborative", "sequential", "loop", "mixed")


def text(mode: str) -> str:
    return (
        NO_RETRY
        + f"""
        mode = "{mode}"
        collaborative_agents = ["a"]
        sequential_agents = ["a"]
        loop_agent = "a"
        max_iterations = 2
    """
    )


def bomb(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def cycle() -> dict[str, Any]:
    value: dict[str, Any] = {}
    value["self"] = value
    return value


class Uncomparable:
    """Raises when it is compared, shown, hashed or copied."""

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("compared")

    def __repr__(self) -> str:
        raise RuntimeError("shown")

    def __deepcopy__(self, memo: Any) -> Any:
        raise RuntimeError("copied")

    __hash__ = None  # type: ignore[assignment]


VALUES: dict[str, Any] = {
    "huge": 10**5_000, "odd": 2**53 + 1, "nan": float("nan"), "surrogate": "\ud800\udfff",
    "megabyte": "x" * 1_000_000, "null": "\x00", "bidi": "\u202e\u2066",
    "osc": "\x1b]52;c;aGk=\x07",
    "markup": "[/INST][@click=app.quit]", "bytes": b"\xff" * 1_000, "object": object(),
    "uncomparable": Uncomparable(), "set": {1, 2}, "keys": {5: {None: 6}}, "deep": bomb(90),
}  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", VALUES)
@virtual
async def test_odd_values_go_in_through_and_out_in_every_mode(name: str, mode: str) -> None:
    """An agent gets what was sent, and the asker gets what the agent made."""
    value = VALUES[name]
    seen: list[Any] = []

    def makes(event: Event, state: State) -> dict[str, Any]:
        seen.append(state["given"])
        return {"made": value}

    async with make(text(mode), a=recorder(makes).agent) as runner:
        result = await runner.request(Event("a", {"given": value}, session_id="s"))
        assert runner.dump_trace("s")
    assert result.error is None
    assert runner.counts() == (1, 0, 0, 0, 1, 0)
    if name not in ("uncomparable", "nan"):
        assert seen[0] == result.state["given"] == result.state["made"] == value


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ["bomb", "cycle", "broken mapping", "own state"])
@virtual
async def test_outputs_that_cannot_be_handled_are_accounted_for(
    kind: str, mode: str, lane: str
) -> None:
    """However twisted what a handler returns is, its event ends and the next one runs."""

    class Broken(dict[str, Any]):
        def items(self) -> Any:
            raise RuntimeError("no items")

        def keys(self) -> Any:
            raise RuntimeError("no keys")

        def __iter__(self) -> Any:
            raise RuntimeError("no iteration")

    def output(event: Event, state: State) -> Any:
        if not event.data:
            return {"fine": 1}
        if kind == "bomb":
            return {"x": bomb(100_000)}
        if kind == "cycle":
            return {"x": cycle()}
        if kind == "own state":
            return {"x": state}
        return Broken(x=1)

    async with make(text(mode), lane, a=recorder(output).agent) as runner:
        await asyncio.wait_for(runner.request(Event("a", {"bad": 1}, session_id="s")), 100)
        assert runner.counts().running == runner.counts().queued == 0
        runner.dump_trace("s")
        result = await asyncio.wait_for(runner.request(Event("a", session_id="s")), 100)
    assert result.error is None
    assert result.state["fine"] == 1


def test_data_that_is_no_data_is_refused() -> None:
    """Bombs, cycles and keys that aren't text are InvalidEvent from the constructor."""
    for data in ({"x": bomb(100_000)}, cycle(), {5: 6}, [1], "text", {None: 1}):
        with pytest.raises(InvalidEvent):
            Event("a", data)  # type: ignore[arg-type]


@pytest.mark.parametrize("number", ["9" * 4_299, "9" * 5_000, "1e9", "٣", "-0", "0x10", "1_0"])
@virtual
async def test_counters_of_any_size_never_crash(number: str) -> None:
    """hop_count and workflow_step are refused, or count and end in a dead letter."""

    async def routes(event: Event, state: State) -> State:
        state.meta["route"] = "b"
        return state

    async with make(NO_RETRY, a=routes, b=recorder().agent) as runner:
        for key in ("hop_count", "workflow_step"):
            try:
                await runner.emit(Event("a", {}, {key: number}))
            except InvalidEvent as error:
                assert key in error.field  # noqa: PT017
        await runner.join()
    counts = runner.counts()
    assert counts.accepted == counts.succeeded + counts.dead


@virtual
async def test_the_same_event_twice_is_two_events() -> None:
    """A duplicate id is run again and counted again, and nothing is mixed up."""
    worker = recorder()
    event = Event("a", {"x": 1})
    async with make("", a=worker.agent) as runner:
        await asyncio.gather(runner.request(event), runner.request(event))
    assert len(worker.calls) == 2
    assert runner.counts() == (2, 0, 0, 0, 2, 0)


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_a_handler_that_burns_time_delays_but_breaks_nothing(lane: str) -> None:
    """Timers that went off meanwhile are dealt with, limits of others hold."""

    async def burns(event: Event, state: State) -> None:
        loop().advance(100)

    async with make(NO_RETRY, lane, burn=burns, a=recorder().agent) as runner:
        burnt = await runner.request(Event("burn"))
        fine = await runner.request(Event("a"))
    assert fine.error is None
    assert burnt.error is None or isinstance(burnt.error, TimeoutError)
    assert runner.counts().accepted == 2


@virtual
async def test_more_blocked_threads_than_there_are() -> None:
    """Plain handlers beyond the pool wait for a thread; each one runs in the end."""
    release = threading.Event()

    def blocks(event: Event, state: State) -> None:
        release.wait(20)

    runner = make("[runtime]\nmax_concurrent_events = 50", a=blocks)
    async with runner:
        for _ in range(50):
            await runner.emit(Event("a"))
        threading.Timer(0.05, release.set).start()
        await runner.join()
    assert runner.counts() == (50, 0, 0, 0, 50, 0)


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_a_handler_may_leave_tasks_behind(lane: str) -> None:
    """What a handler started and forgot is its own; the runner's accounts are not touched."""
    tasks: list[asyncio.Task[None]] = []

    async def leaves(event: Event, state: State) -> None:
        async def later() -> None:
            await asyncio.sleep(5)
            state["late"] = 1

        tasks.append(asyncio.create_task(later()))

    async with make("", lane, a=leaves) as runner:
        await runner.request(Event("a"))
        await asyncio.gather(*tasks)
        assert runner.counts() == (1, 0, 0, 0, 1, 0)


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_a_handler_may_cancel_its_own_task(lane: str) -> None:
    """current_task().cancel() in a handler fails that run, and the worker lives on."""

    async def cancels(event: Event, state: State) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(1)

    worker = recorder()
    text = NO_RETRY + "[runtime]\nmax_concurrent_events = 1"
    async with make(text, lane, a=cancels, b=worker.agent) as runner:
        await runner.emit(Event("a"))
        await runner.emit(Event("b"))
        await asyncio.wait_for(runner.join(), 100)
    assert len(worker.calls) == 1
    assert runner.counts() == (2, 0, 0, 0, 1, 1)


@pytest.mark.parametrize("point", list(HookPoint))
@virtual
async def test_a_callback_that_spoils_its_arguments_spoils_no_accounts(point: HookPoint) -> None:
    """Whatever a callback does to what it is told, the event ends."""

    def spoils(args: CallbackArgs) -> None:
        args.state.meta.clear()
        args.state.clear()
        args.result = None
        args.error = ValueError("mine")
        args.agent_id = "somebody"

    runner = make(NO_RETRY, a=recorder({"y": 1}).agent, b=recorder(ValueError("x")).agent)
    runner.register_callback(point, "spoils", spoils)
    async with runner:
        for target in ("a", "b", "ghost"):
            await runner.request(Event(target, {"x": 1}))
    assert runner.counts() == (3, 0, 0, 0, 1, 2)


@virtual
async def test_callbacks_that_emit_for_every_event_end_at_the_hop_limit() -> None:
    """A callback that answers each event with a child of it can't go on for ever."""

    async def emits(args: CallbackArgs) -> None:
        await runner.emit(args.event.child("a", {}))

    runner = make("", a=recorder().agent)
    runner.register_callback(HookPoint.BEFORE_AGENT_RUN, "emits", emits)
    async with runner:
        await runner.emit(Event("a"))
        await runner.join()
    assert runner.counts() == (12, 0, 0, 0, 11, 1)


@virtual
async def test_an_agent_may_replace_itself_while_it_runs() -> None:
    """Unregistering and registering from inside the handler serves the next event."""
    new = recorder({"new": 1})

    async def old(event: Event, state: State) -> dict[str, int]:
        runner.unregister_agent("a")
        runner.register_agent("a", new.agent)
        await settle()
        return {"old": 1}

    async with make("", a=old) as runner:
        assert (await runner.request(Event("a"))).state == {"old": 1}
        assert (await runner.request(Event("a"))).state == {"new": 1}


@virtual
async def test_recursion_without_end_is_one_failure() -> None:
    """A handler that calls itself for ever is a RecursionError of its own run."""

    async def falls(event: Event, state: State) -> Any:
        return await falls(event, state)

    async with make(NO_RETRY, a=falls, b=recorder().agent) as runner:
        result = await runner.request(Event("a"))
        assert isinstance(result.error, RecursionError)
        assert (await runner.request(Event("b"))).error is None
    assert sys.getrecursionlimit() >= 1_000


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("mode", MODES)
@virtual
async def test_values_that_refuse_to_be_compared_are_values_like_any_other(
    mode: str, lane: str
) -> None:
    """An array in place of a number, and another one in place of that, is no failure."""
    text = (
        NO_RETRY
        + f"""
        mode = "{mode}"
        collaborative_agents = ["a", "b"]
        sequential_agents = ["c", "d"]
        loop_agent = "a"
        max_iterations = 3
    """
    )
    workers = {name: recorder(lambda event, state: {"x": Uncomparable()}) for name in "abcd"}
    agents = {name: worker.agent for name, worker in workers.items()}
    async with make(text, lane, **agents) as runner:
        result = await runner.request(Event("a", {"x": 1}, session_id="s"))
        assert runner.dump_trace("s")
    assert result.error is None
    assert type(result.state["x"]) is Uncomparable

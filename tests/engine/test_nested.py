"""Nested orchestration: a handler asks for another event's outcome and goes on with it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agentflow import AgentNotFound, AgentTimeout, Context, Event, EventLoopDetected, State
from agentflow.testing import recorder

from .support import LANES, NO_RETRY, loop, make, settle, virtual

ONE = "[runtime]\nmax_concurrent_events = 1\n"


def asks(target: str, key: str = "inner", **metadata: str) -> Any:
    async def handle(event: Event, state: State, context: Context) -> dict[str, Any]:
        result = await context.request(Event(target, {"x": 1}, metadata))
        return {key: dict(result.state), "failed": str(result.error or "")}

    return handle


@pytest.mark.parametrize("how", ["context", "runner"])
@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_a_request_from_inside_runs_in_its_parents_slot(lane: str, how: str) -> None:
    """With one slot in all, and in the same session, it comes back."""

    async def outer(event: Event, state: State, context: Context) -> dict[str, Any]:
        inner = Event("inner", {"x": 1}, session_id=event.session_id)
        result = await (context if how == "context" else runner).request(inner)
        return dict(result.state)

    async with make(ONE, lane, outer=outer, inner=recorder({"y": 2}).agent) as runner:
        result = await asyncio.wait_for(runner.request(Event("outer", session_id="s")), 10)
    assert result.state == {"x": 1, "y": 2}
    assert runner.counts() == (2, 0, 0, 0, 2, 0)


@virtual
async def test_a_nested_event_is_a_link_of_the_chain() -> None:
    """It has its parent, its session, and the agent for a source."""
    inner = recorder()
    async with make("", outer=asks("inner"), inner=inner.agent) as runner:
        event = Event("outer", session_id="s")
        await runner.request(event)
    (found,) = inner.events
    assert (found.parent_event, found.session_id, found.source) == (event.id, "s", "outer")
    assert found.hop_count == 1


@virtual
async def test_a_nested_failure_does_not_raise() -> None:
    """It is in the result, and a dead letter of its own; the parent decides what it means."""
    agents = {"outer": asks("inner"), "inner": recorder(ValueError("no")).agent}
    async with make(NO_RETRY, **agents) as runner:
        result = await runner.request(Event("outer"))
    assert result.error is None
    assert result.state["failed"] == "no"
    assert runner.counts() == (2, 0, 0, 0, 1, 1)


@virtual
async def test_a_nested_request_to_nobody_is_agent_not_found() -> None:
    """Never a hang, inside either."""
    async with make(ONE, outer=asks("ghost")) as runner:
        result = await runner.request(Event("outer"))
    assert "not found" in result.state["failed"]
    assert isinstance(runner.dead_letters[0].error, AgentNotFound)


@pytest.mark.parametrize("mode", ["collaborative", "sequential", "loop", "mixed"])
@virtual
async def test_whole_orchestrations_can_be_nested(mode: str) -> None:
    """An override on the nested event picks how it runs."""
    text = (
        ONE
        + """
        [orchestration]
        collaborative_agents = ["a", "b"]
        sequential_agents = ["c"]
        loop_agent = "a"
        max_iterations = 2
    """
    )
    agents = {name: recorder({name: 1}).agent for name in "abc"}
    outer = asks("", orchestration_override=mode)
    async with make(text, outer=outer, **agents) as runner:
        result = await runner.request(Event("outer"))
    expected = {"collaborative": "ab", "sequential": "c", "loop": "a", "mixed": "abc"}[mode]
    assert result.state["inner"] == {"x": 1, **dict.fromkeys(expected, 1)}


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_many_requests_at_once(lane: str) -> None:
    """asyncio.gather over requests runs them side by side."""

    async def outer(event: Event, state: State, context: Context) -> dict[str, Any]:
        results = await asyncio.gather(
            *(context.request(Event("inner", {"n": n})) for n in range(5))
        )
        return {"sum": sum(result.state["n"] for result in results)}

    async def inner(event: Event, state: State) -> None:
        await asyncio.sleep(1)

    async with make(ONE, lane, outer=outer, inner=inner) as runner:
        start = loop().time()
        result = await runner.request(Event("outer"))
        assert loop().time() - start == pytest.approx(1, abs=0.01)
    assert result.state == {"sum": 10}
    assert runner.counts() == (6, 0, 0, 0, 6, 0)


@virtual
async def test_nesting_has_no_end_but_the_hop_limit() -> None:
    """An agent that asks for itself is stopped after ten hops."""

    async def again(event: Event, state: State, context: Context) -> dict[str, Any]:
        result = await context.request(Event("again"))
        return {"depth": result.state.get("depth", 0) + 1}

    async with make(ONE, again=again) as runner:
        result = await runner.request(Event("again"))
    assert result.state["depth"] == 11
    (letter,) = runner.dead_letters
    assert isinstance(letter.error, EventLoopDetected)


@pytest.mark.parametrize("limit", ["agent", "event", "orchestration"])
@virtual
async def test_a_nested_event_cannot_outlive_its_parents_limit(limit: str) -> None:
    """Whichever limit the parent has, at that moment both are over."""
    cancelled = asyncio.Event()

    async def inner(event: Event, state: State) -> None:
        try:
            await asyncio.sleep(20)
        finally:
            cancelled.set()

    text = NO_RETRY
    metadata = {}
    if limit == "agent":
        text += "[agents.outer]\nsystem_prompt = 'x'\ntimeout = 2"
    elif limit == "event":
        metadata = {"timeout": "2s"}
    else:
        text += "timeout_seconds = 2"
    async with make(text, outer=asks("inner"), inner=inner) as runner:
        start = loop().time()
        result = await runner.request(Event("outer", {}, metadata))
        assert loop().time() - start == pytest.approx(2, abs=0.05)
        await settle()
        assert cancelled.is_set()
    assert isinstance(result.error, AgentTimeout) or "timed out" in result.state["failed"]
    assert runner.counts().queued == runner.counts().running == 0


@virtual
async def test_a_nested_event_has_limits_of_its_own() -> None:
    """A short timeout on the nested event fails it and not its parent."""

    async def inner(event: Event, state: State) -> None:
        await asyncio.sleep(20)

    async with make(NO_RETRY, outer=asks("inner", timeout="1s"), inner=inner) as runner:
        result = await runner.request(Event("outer"))
    assert result.error is None
    assert "timed out" in result.state["failed"]


@virtual
async def test_a_parent_that_is_cut_off_takes_its_nested_events_along() -> None:
    """Side by side requests are all accounted for when their parent times out."""

    async def outer(event: Event, state: State, context: Context) -> None:
        await asyncio.gather(*(context.request(Event("inner")) for _ in range(4)))

    async def inner(event: Event, state: State) -> None:
        await asyncio.sleep(50)

    async with make(NO_RETRY + "timeout_seconds = 3", outer=outer, inner=inner) as runner:
        await runner.request(Event("outer"))
        await settle()
        assert runner.counts() == (5, 0, 0, 0, 0, 5)


@virtual
async def test_parent_and_child_are_both_seen_while_they_run() -> None:
    """Snapshots and traces know the one that asks and the one that answers."""

    async def inner(event: Event, state: State) -> None:
        assert runner.counts().running == 2
        assert {execution.event.target for execution in runner.executions()} == {"outer", "inner"}
        await asyncio.sleep(1)

    async with make("", outer=asks("inner"), inner=inner) as runner:
        result = await runner.request(Event("outer"))
    assert result.state["failed"] == ""


@pytest.mark.parametrize("tries", [1, 2])
@virtual
async def test_a_pause_keeps_no_parent_longer_than_its_limit(tries: int) -> None:
    """Whichever attempt of the nested event is held: when its parent's time is up both end."""

    async def asks(event: Event, state: State, context: Context) -> None:
        await context.request(Event("b"))

    async def fails(event: Event, state: State) -> None:
        runner.pause("b")
        raise ConnectionError("again")

    runner = make("[orchestration]\ntimeout_seconds = 20", a=asks, b=fails)
    async with runner:
        if tries == 1:
            runner.pause("b")
        began = loop().time()
        result = await runner.request(Event("a", {}, {"timeout": "5s"}))
        assert isinstance(result.error, AgentTimeout)
        assert loop().time() - began == pytest.approx(5, abs=0.01)
        assert (runner.counts().held, runner.counts().running, runner.counts().dead) == (0, 0, 2)


@virtual
async def test_a_nested_retry_waits_in_its_parent() -> None:
    """The nested event is tried again; the parent gets the outcome."""
    inner = recorder(ConnectionError("x"), {"y": 1})
    async with make(ONE, outer=asks("inner"), inner=inner.agent) as runner:
        result = await runner.request(Event("outer"))
    assert result.state["inner"] == {"x": 1, "y": 1}


@pytest.mark.parametrize("how", ["context", "runner"])
@virtual
async def test_a_deaf_handler_that_was_asked_from_inside_is_abandoned_with_who_asked(
    how: str,
) -> None:
    """Neither the nested event nor its parent, whose task it is, stays running for ever."""
    over = False

    async def deaf(event: Event, state: State) -> None:
        while not over:
            try:
                await asyncio.sleep(600)
            except asyncio.CancelledError:
                continue

    async def asking(event: Event, state: State, context: Context) -> None:
        await (context if how == "context" else runner).request(Event("deaf"))

    text = ONE + NO_RETRY + "timeout_seconds = 2"
    async with make(text, outer=asking, deaf=deaf, a=recorder().agent) as runner:
        result = await asyncio.wait_for(runner.request(Event("outer")), 100)
        assert isinstance(result.error, TimeoutError)
        assert (await asyncio.wait_for(runner.request(Event("a")), 100)).error is None
        assert runner.counts() == (3, 0, 0, 0, 1, 2)
    over = True
    await asyncio.sleep(1_000)


@virtual
async def test_each_round_of_a_loop_has_a_key_of_its_own() -> None:
    """So that a handler that uses the key does its work in every round."""
    keys: list[str] = []

    async def step(event: Event, state: State, context: Context) -> None:
        keys.append(context.idempotency_key)

    text = '[orchestration]\nmode = "loop"\nloop_agent = "a"\nmax_iterations = 3\n'
    async with make(text, a=step) as runner:
        event = Event()
        await runner.emit(event)
        await runner.join()
    assert keys == [f"{event.id}/a", f"{event.id}/a#2", f"{event.id}/a#3"]


@virtual
async def test_nested_work_has_the_same_key_when_its_parent_is_tried_again() -> None:
    """A request is known by its place in the run that asks, not by an id made anew."""
    keys: list[str] = []

    async def effect(event: Event, state: State, context: Context) -> None:
        keys.append(context.idempotency_key)

    async def parent(event: Event, state: State, context: Context) -> None:
        for _ in range(2):
            await context.request(Event("effect"))
        if context.attempt == 1:
            raise ConnectionError("later")

    async with make("", parent=parent, effect=effect) as runner:
        event = Event("parent")
        await runner.emit(event)
        await runner.join()
    first = [f"{event.id}/parent/1/effect", f"{event.id}/parent/2/effect"]
    assert keys == first * 2

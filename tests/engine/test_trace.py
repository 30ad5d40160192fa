"""Traces: what happened, in order, per session, in bounded memory."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentflow import Event, State, TraceEntry
from agentflow.control import Control
from agentflow.telemetry.snapshot import Cursor
from agentflow.telemetry.trace import bounded
from agentflow.testing import recorder

from .support import LANES, NO_RETRY, make, settle, virtual


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_a_trace_tells_an_events_whole_way(lane: str) -> None:
    """Accepted, started, each run's start and end, ended: with their facts."""

    async def slow(event: Event, state: State) -> dict[str, int]:
        await asyncio.sleep(2)
        return {"y": 1}

    async with make("", lane, a=slow) as runner:
        event = Event("a", {"x": 1}, session_id="s", source="me")
        await runner.request(event)
        trace = runner.dump_trace("s")
    kinds = [entry.type for entry in trace if entry.type != "hook"]
    assert kinds == ["event_accepted", "event_start", "agent_start", "agent_end", "event_end"]
    assert all(isinstance(entry, TraceEntry) for entry in trace)
    assert [entry.seq for entry in trace] == list(range(1, len(trace) + 1))
    assert {entry.event_id for entry in trace} == {event.id}
    assert {entry.session_id for entry in trace} == {"s"}
    assert {entry.trace_id for entry in trace} == {event.chain_id}
    assert {(entry.source, entry.target) for entry in trace} == {("me", "a")}
    assert {entry.config_version for entry in trace} == {1}
    by_kind = {entry.type: entry for entry in trace}
    assert by_kind["agent_start"].agent_id == "a"
    assert by_kind["agent_start"].hook == "BeforeAgentRun"
    assert by_kind["agent_start"].state == {"x": 1}
    assert by_kind["agent_end"].duration == pytest.approx(2, abs=0.01)
    assert by_kind["agent_end"].parent_span_id == by_kind["event_start"].span_id
    assert by_kind["event_end"].state == {"x": 1, "y": 1}
    assert by_kind["event_end"].duration == pytest.approx(2, abs=0.01)


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_a_failure_is_in_the_trace(lane: str) -> None:
    """The agent's error and the dead letter, both with their text."""
    async with make(NO_RETRY, lane, a=recorder(ValueError("no")).agent) as runner:
        await runner.request(Event("a", session_id="s"))
        trace = runner.dump_trace("s")
    errors = {entry.type: entry.error for entry in trace if entry.error}
    assert errors == dict.fromkeys(
        ["agent_end", "agent_error", "dead_letter", "event_end"], "ValueError: no"
    )


@virtual
async def test_hooks_holds_and_retries_are_in_the_trace() -> None:
    """What was out of the ordinary is told with its time."""
    text = "[error_routing.retry]\njitter = false"
    runner = make(text, a=recorder(ConnectionError("x"), None).agent)
    runner.register_callback("BeforeAgentRun", "mine", lambda args: None)
    async with runner:
        runner.pause("a")
        await runner.emit(Event("a", session_id="s"))
        await asyncio.sleep(7)
        runner.resume("a")
        await runner.join()
        trace = runner.dump_trace("s")
    by_kind = {entry.type: entry for entry in trace}
    assert by_kind["held"].duration == pytest.approx(7, abs=0.01)
    assert by_kind["retrying"].duration == pytest.approx(1, abs=0.01)
    assert by_kind["retrying"].error == "ConnectionError: x"
    assert (by_kind["hook"].hook, by_kind["hook"].agent_id) == ("BeforeAgentRun", "mine")
    assert by_kind["agent_end"].state == {"attempts": 2}


@virtual
async def test_a_chain_has_one_trace_id_and_links() -> None:
    """Follow-ups carry their parent's span and the chain's id."""

    async def routes(event: Event, state: State) -> State:
        state.meta["route"] = "b"
        return state

    async with make("", a=routes, b=recorder().agent) as runner:
        event = Event("a", session_id="s")
        await runner.emit(event)
        await runner.join()
        trace = runner.dump_trace("s")
    assert {entry.trace_id for entry in trace} == {event.id}
    child = next(entry for entry in trace if entry.target == "b")
    assert child.parent_span_id == event.id
    assert child.source == "a"


@virtual
async def test_sessions_do_not_see_each_other() -> None:
    """A trace holds one session's events and no other's."""
    async with make("", a=recorder().agent) as runner:
        for n in range(10):
            await runner.emit(Event("a", {"n": n}, session_id=f"s{n % 3}"))
        await runner.join()
        for session in ("s0", "s1", "s2"):
            trace = runner.dump_trace(session)
            assert {entry.session_id for entry in trace} == {session}
        assert runner.dump_trace("never heard of") == []


@virtual
async def test_events_that_have_not_ended_are_in_the_trace() -> None:
    """What is queued, held or running is told as far as it has come."""

    async def hangs(event: Event, state: State) -> None:
        await asyncio.sleep(100)

    async with make("[runtime]\nmax_concurrent_events = 1", a=hangs) as runner:
        await runner.emit(Event("a", session_id="running"))
        await runner.emit(Event("a", session_id="queued"))
        await settle()
        kinds = [entry.type for entry in runner.dump_trace("running")]
        assert kinds == ["event_accepted", "event_start"]
        assert [entry.type for entry in runner.dump_trace("queued")] == ["event_accepted"]


@pytest.mark.parametrize("mode", ["route", "collaborative", "sequential", "loop", "mixed"])
@virtual
async def test_traces_are_chronological_in_every_mode(mode: str) -> None:
    """Times never go back from one entry to the next."""
    text = f"""
        [orchestration]
        mode = "{mode}"
        collaborative_agents = ["a", "b", "c"]
        sequential_agents = ["c", "a"]
        loop_agent = "b"
    """
    naps = {"a": 0.3, "b": 0.1, "c": 0.2}

    def naps_for(name: str) -> Any:
        async def handle(event: Event, state: State) -> None:
            await asyncio.sleep(naps[name])

        return handle

    async with make(text, "hooked", **{name: naps_for(name) for name in naps}) as runner:
        for target in "abc":
            await runner.emit(Event(target, session_id="s"))
        await runner.join()
        trace = runner.dump_trace("s")
    times = [entry.timestamp for entry in trace]
    assert times == sorted(times)
    assert [entry.seq for entry in trace] == list(range(1, len(trace) + 1))


@virtual
async def test_memory_of_traces_is_bounded() -> None:
    """trace_capacity events are remembered, the latest ones."""
    async with make("[runtime]\ntrace_capacity = 5", a=recorder().agent) as runner:
        for n in range(12):
            await runner.request(Event("a", {"n": n}, session_id=f"s{n}"))
        assert len(runner.executions()) == 5
        assert runner.dump_trace("s6") == []
        assert runner.dump_trace("s7") != []


HOSTILE: list[Any] = [
    "x" * 1_000_000, 10**5_000, 2**100, -(2**70), float("nan"), float("inf"), "\ud800",
    b"\x00" * 99, list(range(100_000)), {str(n): n for n in range(5_000)}, {5: 6}, {(1, 2): 3},
    {1, 2}, "\x1b]52;c;aGk=\x07[/INST]", object(), ValueError("x"), {"\ud800": "\ud800"},
]  # fmt: skip


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("number", range(len(HOSTILE)))
@virtual
async def test_a_trace_is_small_and_can_be_encoded_whatever_was_in_the_state(
    number: int, lane: str
) -> None:
    """Big, odd and hostile values are carried, and shown in a few bytes."""
    value = HOSTILE[number]
    async with make("", lane, a=recorder(lambda event, state: {"made": value}).agent) as runner:
        result = await runner.request(Event("a", {"given": value}, session_id="s"))
        trace = runner.dump_trace("s")
        control = Control(runner)
        (execution,) = runner.executions("s")
        msgspec.msgpack.encode(control.event(execution.event.id))
        spans = control.session("s").spans
        shown = [spans, control.sessions(), control.page(99, 99)]
        shown += [control.span(span.event_id, span.id) for span in spans]
        shown.append(control.snapshot(Cursor()))
    assert result.error is None
    assert len(repr(trace)) < 100_000
    for thing in shown:
        assert len(msgspec.msgpack.encode(thing)) < 100_000


class Odd:
    """An object that cannot be looked at."""

    def __repr__(self) -> str:
        raise RuntimeError("no")


nested = st.recursive(
    st.text(max_size=700) | st.integers() | st.floats() | st.binary(max_size=50) | st.builds(Odd),
    lambda inner: st.lists(inner, max_size=60) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=120,
)


@given(nested)
@settings(max_examples=40, deadline=None)
def test_a_bounded_view_is_made_of_small_plain_values(value: Any) -> None:
    """Text of at most 500 characters, containers of at most 50 items, six levels deep."""

    def check(item: Any, depth: int) -> None:
        assert depth <= 7
        if isinstance(item, str):
            assert len(item) < 600
        elif isinstance(item, (dict, list)):
            assert len(item) <= 51
            for inner in item.values() if isinstance(item, dict) else item:
                check(inner, depth + 1)
        else:
            assert item is None or isinstance(item, (int, float))

    check(bounded(value), 0)


def test_a_view_of_a_cycle_ends() -> None:
    """What contains itself is cut at the sixth level."""
    rope: list[Any] = []
    rope.append(rope)
    assert "list" in repr(bounded({"x": rope}))


@virtual
async def test_the_trace_does_not_change_when_the_caller_works_on_with_the_outcome() -> None:
    """The state in a result is the caller's own."""
    async with make("", a=recorder({"list": [1]}).agent) as runner:
        result = await runner.request(Event("a", session_id="s"))
        result.state["list"].append(2)
        result.state["more"] = 1
        (end,) = [entry for entry in runner.dump_trace("s") if entry.type == "event_end"]
    assert end.state == {"list": [1]}

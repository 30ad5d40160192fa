"""Sequential: a pipeline, each agent working on what the last one left."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agentflow import AgentNotFound, AgentResult, Context, Event, State
from agentflow.testing import recorder

from .support import LANES, loop, make, virtual

ABC = """
    [orchestration]
    mode = "sequential"
    sequential_agents = ["a", "b", "c"]
    retry_attempts = 0
"""


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_each_agents_input_is_the_last_ones_output(lane: str) -> None:
    """Mappings are added, a state replaces, None leaves; meta is handed on too."""
    a = recorder({"a": 1})
    b = recorder(lambda event, state: State({"only": "b"}, {"m": "b"}))
    c = recorder(None)
    async with make(ABC, lane, a=a.agent, b=b.agent, c=c.agent) as runner:
        result = await runner.request(Event(data={"x": 0}))
    assert a.calls[0].data == {"x": 0}
    assert b.calls[0].data == {"x": 0, "a": 1}
    assert (c.calls[0].data, c.calls[0].meta) == ({"only": "b"}, {"m": "b"})
    assert result.state == State({"only": "b"}, {"m": "b"})


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_nested_containers_are_handed_on_as_they_were_left(lane: str) -> None:
    """A list that the first one appended to has the item for the second one."""

    async def appends(event: Event, state: State) -> None:
        state["list"].append(len(state["list"]))

    async with make(ABC, lane, a=appends, b=appends, c=appends) as runner:
        result = await runner.request(Event(data={"list": []}))
        trace = runner.dump_trace(runner.executions()[0].event.session_id)
    assert result.state == {"list": [0, 1, 2]}
    befores = [entry.state for entry in trace if entry.type == "agent_start"]
    assert befores == [{"list": []}, {"list": [0]}, {"list": [0, 1]}]


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("kind", [ValueError, SystemExit, asyncio.CancelledError])
@virtual
async def test_the_first_failure_stops_the_pipeline(kind: type[BaseException], lane: str) -> None:
    """The outcome is the state from before the failed stage, which it names."""

    async def fails(event: Event, state: State) -> None:
        state["touched"] = True
        state["list"].append("touched")
        raise kind("no")

    c = recorder()
    a = recorder(lambda event, state: {"a": 1, "list": [0]})
    async with make(ABC, lane, a=a.agent, b=fails, c=c.agent) as runner:
        result = await runner.request(Event(data={"x": 0}))
    assert isinstance(result.error, kind)
    assert result.state["failed_stage"] == "b"
    assert result.state.meta["failed_stage"] == "b"
    assert {k: v for k, v in result.state.items() if k != "failed_stage"} == {
        "x": 0, "a": 1, "list": [0],
    }  # fmt: skip
    assert c.calls == []
    (letter,) = runner.dead_letters
    assert (letter.agent, letter.attempts) == ("b", 1)


@virtual
async def test_a_stage_fails_only_after_its_retries() -> None:
    """A stage that succeeds in the end stops nothing, and begins from the same state."""
    b = recorder(ConnectionError("x"), ConnectionError("x"), {"b": 1})
    agents = {"a": recorder({"a": 1}).agent, "b": b.agent, "c": recorder({"c": 1}).agent}
    async with make(ABC.replace("= 0", "= 2"), **agents) as runner:
        result = await runner.request(Event())
    assert result.state == {"a": 1, "b": 1, "c": 1}
    assert [call.data for call in b.calls] == [{"a": 1}] * 3


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_a_missing_stage_is_named(lane: str) -> None:
    """AgentNotFound for a stage that is not there, as a failure of that stage."""
    agents = {"a": recorder({"a": 1}).agent, "c": recorder().agent}
    async with make(ABC, lane, **agents) as runner:
        result = await runner.request(Event())
    assert isinstance(result.error, AgentNotFound)
    assert result.state == State({"a": 1, "failed_stage": "b"}, {"failed_stage": "b"})


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_the_time_limit_holds_for_the_whole_pipeline(lane: str) -> None:
    """Three stages of two seconds don't fit into five; what had finished is kept."""

    async def slow(event: Event, state: State) -> dict[str, Any]:
        await asyncio.sleep(2)
        return {f"n{len(state)}": 1}

    text = ABC + "timeout_seconds = 5"
    async with make(text, lane, a=slow, b=slow, c=slow) as runner:
        start = loop().time()
        result = await runner.request(Event())
        assert loop().time() - start == pytest.approx(5, abs=0.01)
    assert isinstance(result.error, TimeoutError)
    assert result.state["failed_stage"] == "c"
    assert (result.state["n0"], result.state["n1"]) == (1, 1)


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_handlers_of_every_shape_work_in_a_pipeline(lane: str) -> None:
    """With context, plain, returning a result: all in one pipeline."""

    async def a(event: Event, state: State, context: Context) -> dict[str, str]:
        return {"a": context.agent}

    def b(event: Event, state: State) -> dict[str, str]:
        return {"b": state["a"] + "b"}

    async def c(event: Event, state: State) -> AgentResult:
        return AgentResult({**state, "c": state["b"] + "c"})

    async with make(ABC, lane, a=a, b=b, c=c) as runner:
        result = await runner.request(Event())
    assert result.state == {"a": "a", "b": "ab", "c": "abc"}


@virtual
async def test_the_same_agent_may_be_two_stages() -> None:
    """A pipeline runs its list, repeats included."""
    worker = recorder(lambda event, state: {"n": state.get("n", 0) + 1})
    text = ABC.replace('"b", "c"', '"a", "a"')
    async with make(text, a=worker.agent) as runner:
        assert (await runner.request(Event())).state == {"n": 3}


@virtual
async def test_a_paused_stage_holds_the_event_where_it_is() -> None:
    """What ran stays done; on resume the pipeline goes on from there, untimed by the wait."""
    a, b, c = recorder({"a": 1}), recorder({"b": 1}), recorder({"c": 1})
    text = ABC + "timeout_seconds = 5"
    async with make(text, a=a.agent, b=b.agent, c=c.agent) as runner:
        runner.pause("b")
        waiting = asyncio.create_task(runner.request(Event()))
        await asyncio.sleep(100)
        assert runner.counts() == (1, 0, 1, 0, 0, 0)
        runner.resume("b")
        result = await waiting
    assert result.state == {"a": 1, "b": 1, "c": 1}
    assert len(a.calls) == 1


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_one_stages_time_limit_is_not_the_next_ones(lane: str) -> None:
    """An agent's own timeout limits that agent; the one after it has the pipeline's."""

    async def nap(event: Event, state: State) -> None:
        await asyncio.sleep(4 if event.data["slow"] == len(seen) else 1)
        seen.append(1)

    text = ABC + "timeout_seconds = 20\n"
    text += "".join(f"[agents.{name}]\nsystem_prompt = 'x'\n" for name in "bc")
    text += "[agents.a]\nsystem_prompt = 'x'\ntimeout = 2"
    async with make(text, lane, a=nap, b=nap, c=nap) as runner:
        for slow, fails in ((0, True), (1, False), (2, False)):
            seen: list[int] = []
            result = await runner.request(Event(data={"slow": slow}))
            assert (result.error is not None) is fails


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_a_callback_registered_by_a_stage_is_fired_for_the_next_one(lane: str) -> None:
    """Taking effect with the next firing holds in the middle of a pipeline too."""
    seen = recorder()

    async def registers(event: Event, state: State) -> None:
        runner.register_callback("BeforeAgentRun", "late", seen.callback)

    async with make(ABC, lane, a=registers, b=recorder().agent, c=recorder().agent) as runner:
        await runner.request(Event())
    assert [call.agent for call in seen.calls] == ["b", "c"]

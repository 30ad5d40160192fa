"""Mixed: the collaborative phase, then the sequential one on its outcome."""

from __future__ import annotations

import asyncio

import pytest

from agentflow import Event, State
from agentflow.testing import recorder

from .support import LANES, loop, make, virtual

MIXED = """
    [orchestration]
    mode = "mixed"
    collaborative_agents = ["a", "b", "x"]
    sequential_agents = ["c", "d"]
    retry_attempts = 0
"""


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_the_pipeline_works_on_what_the_parallel_phase_made(lane: str) -> None:
    """c sees everything of a, b and x; d sees what c left."""
    workers = {name: recorder({name: 1}) for name in "abxcd"}
    agents = {name: worker.agent for name, worker in workers.items()}
    async with make(MIXED, lane, **agents) as runner:
        result = await runner.request(Event(data={"e": 0}))
    assert workers["a"].calls[0].data == workers["x"].calls[0].data == {"e": 0}
    assert workers["c"].calls[0].data == {"e": 0, "a": 1, "b": 1, "x": 1}
    assert workers["d"].calls[0].data == {"e": 0, "a": 1, "b": 1, "x": 1, "c": 1}
    assert result.state == {"e": 0, "a": 1, "b": 1, "x": 1, "c": 1, "d": 1}
    assert runner.counts() == (1, 0, 0, 0, 1, 0)


@virtual
async def test_a_partial_first_phase_goes_on_and_stays_marked() -> None:
    """One of three failed: below the threshold, so the pipeline runs, and meta says partial."""
    agents = {name: recorder({name: 1}).agent for name in "abcd"}
    async with make(MIXED, x=recorder(ValueError("no")).agent, **agents) as runner:
        result = await runner.request(Event())
    assert result.error is None
    assert result.state == State(
        dict.fromkeys("abcd", 1),
        {"partial": "true", "x_failed": "true", "x_error": "ValueError: no"},
    )


@virtual
async def test_a_failed_first_phase_ends_it() -> None:
    """At the threshold the pipeline is not begun."""
    c = recorder()
    agents = {name: recorder(ValueError(name)).agent for name in "ab"}
    async with make(MIXED, x=recorder().agent, c=c.agent, d=c.agent, **agents) as runner:
        result = await runner.request(Event())
    assert isinstance(result.error, ExceptionGroup)
    assert c.calls == []


@virtual
async def test_a_failed_stage_keeps_what_the_first_phase_made() -> None:
    """The failure of the second phase is a pipeline's."""
    agents = {name: recorder({name: 1}).agent for name in "abx"}
    agents |= {"c": recorder({"c": 1}).agent, "d": recorder(ValueError("no")).agent}
    async with make(MIXED, **agents) as runner:
        result = await runner.request(Event())
    assert isinstance(result.error, ValueError)
    assert result.state["failed_stage"] == "d"
    assert result.state["c"] == result.state["x"] == 1


@virtual
async def test_the_time_limit_holds_for_both_phases_together() -> None:
    """Three seconds in parallel leave two of five for the pipeline."""

    async def three(event: Event, state: State) -> None:
        await asyncio.sleep(3)

    agents = dict.fromkeys("abxcd", three)
    async with make(MIXED + "timeout_seconds = 5", **agents) as runner:
        start = loop().time()
        result = await runner.request(Event())
        assert loop().time() - start == pytest.approx(5, abs=0.01)
    assert isinstance(result.error, TimeoutError)
    assert result.state["failed_stage"] == "c"


@virtual
async def test_without_a_list_the_parallel_phase_is_everybody_else() -> None:
    """Agents of the pipeline are not run twice."""
    text = '[orchestration]\nmode = "mixed"\nsequential_agents = ["c"]'
    workers = {name: recorder({name: 1}) for name in "abc"}
    async with make(text, **{name: worker.agent for name, worker in workers.items()}) as runner:
        await runner.request(Event())
    assert [len(worker.calls) for worker in workers.values()] == [1, 1, 1]
    assert workers["c"].calls[0].data == {"a": 1, "b": 1}

"""Loop: one agent again and again, until it says that it is done."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agentflow import Event, MaxIterationsReached, State
from agentflow.testing import recorder

from .support import LANES, loop, make, virtual

LOOP = """
    [orchestration]
    mode = "loop"
    loop_agent = "a"
    retry_attempts = 0
"""


def until(limit: int, key: str = "loop_complete", value: Any = True) -> Any:
    def step(event: Event, state: State) -> dict[str, Any]:
        n = state.get("n", 0) + 1
        return {"n": n, key: value} if n >= limit else {"n": n}

    return step


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("key", ["loop_complete", "loop_completed"])
@pytest.mark.parametrize("value", [True, "true", " True "])
@virtual
async def test_it_ends_when_the_state_says_so(value: Any, key: str, lane: str) -> None:
    """loop_complete or loop_completed true, and no round more."""
    worker = recorder(until(3, key, value))
    async with make(LOOP, lane, a=worker.agent) as runner:
        result = await runner.request(Event())
    assert result.error is None
    assert result.state["n"] == len(worker.calls) == 3
    assert result.state.meta["loop_iteration"] == "3"
    assert "completion_reason" not in result.state.meta


@pytest.mark.parametrize("value", [False, "false", "", 0, None, "no"])
@virtual
async def test_anything_else_is_not_complete(value: Any) -> None:
    """Only true ends the loop."""
    worker = recorder(until(1, "loop_complete", value))
    async with make(LOOP, a=worker.agent) as runner:
        await runner.request(Event())
    assert len(worker.calls) == 5


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_the_iterations_are_counted_in_the_meta(lane: str) -> None:
    """loop_iteration is 1 in the first round, and each round gets the last one's state."""
    worker = recorder(until(99))
    async with make(LOOP, lane, a=worker.agent) as runner:
        await runner.request(Event(data={"n": 10}))
    assert [call.meta["loop_iteration"] for call in worker.calls] == ["1", "2", "3", "4", "5"]
    assert [call.data["n"] for call in worker.calls] == [10, 11, 12, 13, 14]


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_at_the_limit_the_last_state_is_the_outcome(lane: str) -> None:
    """After five rounds it has succeeded, with the reason in the meta."""
    async with make(LOOP, lane, a=recorder(until(99)).agent) as runner:
        result = await runner.request(Event())
    assert result.error is None
    assert result.state == State(
        {"n": 5}, {"loop_iteration": "5", "completion_reason": "max_iterations_reached"}
    )


@virtual
async def test_the_limit_can_be_a_failure_that_carries_the_state() -> None:
    """on_max_iterations = "fail" makes it MaxIterationsReached."""
    text = LOOP + 'max_iterations = 2\non_max_iterations = "fail"'
    async with make(text, a=recorder(until(99)).agent) as runner:
        result = await runner.request(Event())
    assert isinstance(result.error, MaxIterationsReached)
    assert (result.error.agent, result.error.iterations) == ("a", 2)
    assert result.error.state["n"] == 2
    assert runner.counts().dead == 1
    assert runner.dead_letters[0].agent == "a"


@virtual
async def test_completing_in_the_last_round_is_no_failure() -> None:
    """The limit is only reached by a round that does not complete."""
    text = LOOP + 'max_iterations = 3\non_max_iterations = "fail"'
    async with make(text, a=recorder(until(3)).agent) as runner:
        assert (await runner.request(Event())).error is None


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_a_failure_ends_the_loop_with_the_state_from_before_it(lane: str) -> None:
    """The rounds before the failed one count."""

    async def fails_third(event: Event, state: State) -> State:
        state["n"] = state.get("n", 0) + 1
        if state["n"] == 3:
            raise ValueError("no")
        return state

    async with make(LOOP, lane, a=fails_third) as runner:
        result = await runner.request(Event())
    assert isinstance(result.error, ValueError)
    assert result.state["n"] == 2


@virtual
async def test_the_time_limit_holds_for_all_rounds_together() -> None:
    """Rounds of two seconds end at the fifth second."""

    async def slow(event: Event, state: State) -> dict[str, int]:
        await asyncio.sleep(2)
        return {"n": state.get("n", 0) + 1}

    async with make(LOOP + "timeout_seconds = 5\nmax_iterations = 9", a=slow) as runner:
        start = loop().time()
        result = await runner.request(Event())
        assert loop().time() - start == pytest.approx(5, abs=0.01)
    assert isinstance(result.error, TimeoutError)
    assert result.state["n"] == 2


@virtual
async def test_without_a_loop_agent_the_target_loops() -> None:
    """The event may name the agent, and the only agent there is needs no name."""
    text = '[orchestration]\nmode = "loop"'
    a, b = recorder(until(2)), recorder(until(3))
    async with make(text, a=a.agent, b=b.agent) as runner:
        assert (await runner.request(Event("b"))).state["n"] == 3
        assert (await runner.request(Event())).error is not None
    async with make(text, a=a.agent) as runner:
        assert (await runner.request(Event())).state["n"] == 2

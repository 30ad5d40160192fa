"""Collaborative: several agents at once, their states merged in the order listed."""

from __future__ import annotations

import asyncio
import gc
import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentflow import AgentNotFound, Event, State
from agentflow.testing import recorder, run_virtual

from .support import LANES, loop, make, virtual


def text(agents: list[str] | None, **keys: Any) -> str:
    lines = ["[orchestration]", 'mode = "collaborative"', "retry_attempts = 0"]
    if agents is not None:
        lines.append(f"collaborative_agents = {agents!r}")
    return "\n".join(lines + [f"{key} = {value!r}" for key, value in keys.items()])


def after(seconds: float, *outputs: Any) -> Any:
    async def handle(event: Event, state: State) -> Any:
        await asyncio.sleep(seconds)
        for output in outputs:
            if isinstance(output, BaseException):
                raise output
            state.update(output)
        return state

    return handle


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_agents_run_at_the_same_time(lane: str) -> None:
    """Three agents of a second each take a second together."""
    agents = {name: after(1, {name: 1}) for name in "abc"}
    async with make(text(["a", "b", "c"]), lane, **agents) as runner:
        start = loop().time()
        result = await runner.request(Event(data={"x": 1}))
        assert loop().time() - start == pytest.approx(1, abs=0.01)
    assert result.state == {"x": 1, "a": 1, "b": 1, "c": 1}
    assert runner.counts().succeeded == 1


@virtual
async def test_at_most_max_concurrency_at_once() -> None:
    """max_concurrency is the most that run, and it is reached."""
    now = most = 0

    async def counts(event: Event, state: State) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(1)
        now -= 1

    names = list("abcdefg")
    agents = dict.fromkeys(names, counts)
    async with make(text(names, max_concurrency=3), **agents) as runner:
        start = loop().time()
        await runner.request(Event())
        assert loop().time() - start == pytest.approx(3, abs=0.01)
    assert most == 3


@given(st.permutations([0, 1, 2, 3]), st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_states_merge_in_the_listed_order_whoever_ends_first(delays: list[int], width: int) -> None:
    """All four write the same key; the last one listed wins."""

    async def check() -> None:
        agents = {
            name: after(delay, {"who": name}) for name, delay in zip("abcd", delays, strict=True)
        }
        async with make(text(list("cadb"), max_concurrency=width), **agents) as runner:
            result = await runner.request(Event())
        assert result.state["who"] == "b"

    run_virtual(check, patience=1_000)


@virtual
async def test_each_agent_has_a_state_of_its_own() -> None:
    """Nobody sees what another one does to its state, nested containers included."""
    seen: list[Any] = []

    async def appends(event: Event, state: State) -> None:
        await asyncio.sleep(0.1)
        seen.append(list(state["list"]))
        state["list"].append(len(seen))
        state.meta["mine"] = str(len(seen))

    async with make(text(["a", "b"]), a=appends, b=appends) as runner:
        await runner.request(Event(data={"list": [0]}))
    assert seen == [[0], [0]]


@virtual
async def test_an_agent_that_did_not_touch_a_value_undoes_nobodys_work() -> None:
    """What one changed and the other left alone is changed in the outcome."""
    async with make(
        text(["a", "b"]), a=after(0, {"x": "a", "y": "a"}), b=after(0, {"y": "b"})
    ) as runner:
        result = await runner.request(Event(data={"x": 0, "y": 0, "z": 0}))
    assert result.state == {"x": "a", "y": "b", "z": 0}


@virtual
async def test_without_a_list_every_enabled_agent_takes_part() -> None:
    """The default is every enabled agent, disabled ones not."""
    config = text(None) + "\n[agents.off]\nsystem_prompt = 'x'\nenabled = false"
    config += "".join(f"\n[agents.{name}]\nsystem_prompt = 'x'" for name in "ab")
    workers = {name: recorder({name: 1}) for name in ("a", "b", "off")}
    agents = {name: worker.agent for name, worker in workers.items()}
    async with make(config, **agents) as runner:
        result = await runner.request(Event())
    assert result.state == {"a": 1, "b": 1}
    assert workers["off"].calls == []


@virtual
async def test_a_failure_below_the_threshold_leaves_a_partial_success() -> None:
    """meta says that it is partial, who failed and why; the rest is merged."""
    agents = {"a": after(0, {"a": 1}), "b": after(0, ValueError("no")), "c": after(0, {"c": 1})}
    async with make(text(["a", "b", "c"]), **agents) as runner:
        result = await runner.request(Event())
    assert result.error is None
    assert result.state == State(
        {"a": 1, "c": 1},
        {"partial": "true", "b_failed": "true", "b_error": "ValueError: no"},
    )


@pytest.mark.parametrize(
    ("failing", "total", "threshold", "dead"),
    [
        (failing, total, threshold, failing > 0 and (failing / total >= threshold))
        for total in (1, 2, 4)
        for failing in range(total + 1)
        for threshold in (0.0, 0.25, 0.5, 1.0)
    ],
)
@virtual
async def test_at_or_above_the_threshold_the_event_fails(
    failing: int, total: int, threshold: float, dead: bool
) -> None:
    """failed/total >= failure_threshold, or all of them, is an ExceptionGroup."""
    names = list("abcd")[:total]
    agents = {
        name: after(0, ValueError(name)) if number < failing else after(0, {name: 1})
        for number, name in enumerate(names)
    }
    async with make(text(names, failure_threshold=threshold), **agents) as runner:
        result = await runner.request(Event())
    assert (result.error is not None) is dead
    if dead:
        assert isinstance(result.error, ExceptionGroup)
        assert [str(error) for error in result.error.exceptions] == names[:failing]
        assert all(type(error) is ValueError for error in result.error.exceptions)
    assert runner.counts().dead == dead


@virtual
async def test_the_group_holds_the_agents_own_errors() -> None:
    """The very exceptions, to be caught with except*."""
    first, second = ValueError("a"), KeyError("b")
    async with make(text(["a", "b"]), a=after(0, first), b=after(1, second)) as runner:
        result = await runner.request(Event())
    assert isinstance(result.error, ExceptionGroup)
    assert result.error.exceptions == (first, second)


@virtual
async def test_an_agent_that_is_not_there_is_one_failure_of_the_group() -> None:
    """The others run, and the missing one is named."""
    a = recorder({"a": 1})
    async with make(text(["a", "ghost"], failure_threshold=1.0), a=a.agent) as runner:
        result = await runner.request(Event())
    assert result.error is None
    assert result.state["a"] == 1
    assert "AgentNotFound" in result.state.meta["ghost_error"]
    async with make(text(["ghost"])) as runner:
        result = await runner.request(Event())
    assert isinstance(result.error, ExceptionGroup)
    assert isinstance(result.error.exceptions[0], AgentNotFound)


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, asyncio.CancelledError])
@virtual
async def test_one_agents_worst_exception_does_not_reach_the_others(
    kind: type[BaseException],
) -> None:
    """What is no Exception is counted as one agent's failure like any other."""
    agents = {"a": after(0, kind("x")), "b": after(1, {"b": 1}), "c": after(1, {"c": 1})}
    async with make(text(["a", "b", "c"]), **agents) as runner:
        result = await runner.request(Event())
    assert result.error is None
    assert result.state == {"b": 1, "c": 1}
    assert result.state.meta["a_failed"] == "true"


@virtual
async def test_the_time_limit_holds_for_the_whole_and_keeps_what_had_finished() -> None:
    """At timeout_seconds what runs is cancelled; the states of the others are merged."""
    cancelled = asyncio.Event()

    async def hangs(event: Event, state: State) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    agents = {"a": after(1, {"a": 1}), "b": hangs, "c": after(2, {"c": 1})}
    async with make(text(["a", "b", "c"], timeout_seconds=5), **agents) as runner:
        start = loop().time()
        result = await runner.request(Event())
        assert loop().time() - start == pytest.approx(5, abs=0.01)
    assert cancelled.is_set()
    assert result.error is None
    assert result.state == {"a": 1, "c": 1}
    assert "timed out" in result.state.meta["b_error"]


@virtual
async def test_no_agent_begins_after_the_time_limit() -> None:
    """An agent whose turn comes when time is up is not started."""
    late = recorder()
    async with make(
        text(["a", "b"], max_concurrency=1, timeout_seconds=5), a=after(99), b=late.agent
    ) as runner:
        result = await runner.request(Event())
    assert late.calls == []
    assert isinstance(result.error, ExceptionGroup)
    assert all(isinstance(error, TimeoutError) for error in result.error.exceptions)


@virtual
async def test_a_paused_agent_holds_the_event_while_the_others_run() -> None:
    """The others finish; the event goes on when the agent is resumed, in no more slots."""
    a, b = recorder({"a": 1}), recorder({"b": 1})
    one = "\n[runtime]\nmax_concurrent_events = 1"
    async with make(text(["a", "b"]) + one, a=a.agent, b=b.agent) as runner:
        runner.pause("a")
        waiting = asyncio.create_task(runner.request(Event()))
        await asyncio.sleep(100)
        assert runner.counts() == (1, 0, 1, 0, 0, 0)
        assert len(b.calls) == 1
        runner.resume("a")
        result = await waiting
    assert result.state == {"a": 1, "b": 1}


@virtual
async def test_retries_are_each_agents_own() -> None:
    """One agent is tried again while the others have long finished."""
    a, b = recorder(ConnectionError("x"), {"a": 1}), recorder({"b": 1})
    config = text(["a", "b"]).replace("retry_attempts = 0", "retry_attempts = 2")
    async with make(config, a=a.agent, b=b.agent) as runner:
        result = await runner.request(Event())
    assert result.state == State({"a": 1, "b": 1})
    assert (len(a.calls), len(b.calls)) == (2, 1)


@virtual
async def test_requests_from_inside_run_nested_in_every_lane() -> None:
    """With one slot, both agents may ask for another event's outcome at the same time."""

    async def asks(event: Event, state: State) -> dict[str, Any]:
        result = await runner.request(Event("c", {}, {"orchestration_override": "route"}))
        return {f"c{next(numbers)}": result.state["c"]}

    numbers = itertools.count()
    one = "\n[runtime]\nmax_concurrent_events = 1"
    runner = make(text(["a", "b"]) + one, a=asks, b=asks, c=after(1, {"c": 1}))
    async with runner:
        result = await asyncio.wait_for(runner.request(Event()), 10)
    assert result.state == {"c0": 1, "c1": 1}
    assert runner.counts() == (3, 0, 0, 0, 3, 0)


@pytest.mark.parametrize("word", ["collaborate", "parallel"])
@virtual
async def test_other_spellings(word: str) -> None:
    """collaborate and parallel are collaborative."""
    config = text(["a"]).replace('"collaborative"', f'"{word}"')
    async with make(config, a=after(0, {"a": 1})) as runner:
        assert runner.plan.mode == "collaborative"
        assert (await runner.request(Event())).state == {"a": 1}


@virtual
async def test_deaf_agents_that_come_back_at_last_go_no_further() -> None:
    """An event that was given up starts no other agent, and nothing is left unheard."""
    over = False

    async def deaf(event: Event, state: State) -> None:
        while not over:
            try:
                await asyncio.sleep(600)
            except asyncio.CancelledError:
                continue

    late = recorder()
    agents = {"a": deaf, "b": deaf, "c": late.agent}
    config = text(["a", "b", "c"], max_concurrency=2, timeout_seconds=2)
    async with make(config, **agents) as runner:
        result = await asyncio.wait_for(runner.request(Event()), 100)
        assert isinstance(result.error, TimeoutError | ExceptionGroup)
        over = True
        await asyncio.sleep(1_000)
        gc.collect()
        await asyncio.sleep(1)
        assert runner.counts() == (1, 0, 0, 0, 0, 1)
    assert late.calls == []

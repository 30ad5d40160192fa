"""Routing: who gets an event, and where the outcome sends it next."""

from __future__ import annotations

from typing import Any

import pytest

from agentflow import AgentNotFound, Event, EventLoopDetected, State
from agentflow.testing import Recorder, recorder

from .support import LANES, NO_RETRY, make, virtual


def routes_to(target: str, **data: Any) -> Any:
    async def handle(event: Event, state: State) -> State:
        state.update(data)
        state.meta["route"] = target
        return state

    return handle


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_metadata_route_comes_before_the_target(lane: str) -> None:
    """metadata["route"], else event.target."""
    a, b = recorder(), recorder()
    async with make("", lane, a=a.agent, b=b.agent) as runner:
        await runner.request(Event("a"))
        await runner.request(Event("a", {}, {"route": "b"}))
        await runner.request(Event("a", {}, {"route": ""}))
    assert (len(a.calls), len(b.calls)) == (2, 1)


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("mode", ["route", "collaborative", "sequential", "loop", "mixed"])
@virtual
async def test_an_unknown_agent_is_a_dead_letter_in_every_mode(mode: str, lane: str) -> None:
    """AgentNotFound names what was asked for and what there is; no agent runs."""
    a = recorder()
    text = f'[orchestration]\nmode = "{mode}"\nsequential_agents = ["a"]\nloop_agent = "a"'
    async with make(text, lane, a=a.agent) as runner:
        result = await runner.request(Event("ghost"))
    assert isinstance(result.error, AgentNotFound)
    assert result.error.agent == "ghost"
    assert result.error.known == ("a",)
    assert a.calls == []
    (letter,) = runner.dead_letters
    assert (letter.agent, letter.attempts) == ("ghost", 0)


@virtual
async def test_a_disabled_agent_is_not_found_with_the_reason() -> None:
    """enabled = false in the configuration, whatever code is registered."""
    a = recorder()
    text = "[agents.a]\nsystem_prompt = 'x'\nenabled = false\n[agents.b]\nsystem_prompt = 'x'"
    async with make(text, a=a.agent, b=recorder().agent) as runner:
        result = await runner.request(Event("a"))
    assert isinstance(result.error, AgentNotFound)
    assert "disabled" in str(result.error)
    assert a.calls == []


@virtual
async def test_an_event_for_nobody_says_so() -> None:
    """Without target, route and default agent an event is a dead letter, not a hang."""
    async with make("", a=recorder().agent) as runner:
        result = await runner.request(Event())
    assert isinstance(result.error, AgentNotFound)
    assert "names no agent" in str(result.error)


@virtual
async def test_a_default_agent_and_routing_rules_serve_events_without_a_target() -> None:
    """The first rule whose pattern is in the data, else default_agent."""
    text = """
        [orchestration]
        default_agent = "rest"
        [[orchestration.routing_rules]]
        pattern = "bill|invoice"
        agent = "money"
    """
    money, rest = recorder(), recorder()
    async with make(text, money=money.agent, rest=rest.agent) as runner:
        await runner.request(Event("", {"text": "an INVOICE"}))
        await runner.request(Event("", {"text": "hello"}))
        await runner.request(Event("rest", {"text": "invoice"}))
    assert (len(money.calls), len(rest.calls)) == (1, 2)


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_a_route_in_the_outcome_emits_a_child_with_the_states_data(lane: str) -> None:
    """The child has the lineage of its parent and the data of the state."""
    b = recorder()
    async with make("", lane, a=routes_to("b", y=2), b=b.agent) as runner:
        event = Event("a", {"x": 1}, session_id="s")
        result = await runner.request(event)
        await runner.join()
    assert "route" not in result.state.meta
    (child,) = b.events
    assert child.data == {"x": 1, "y": 2}
    assert (child.parent_event, child.chain_id, child.session_id) == (event.id, event.id, "s")
    assert (child.hop_count, child.workflow_step, child.source) == (1, 1, "a")
    assert "route" not in child.metadata
    assert runner.counts() == (2, 0, 0, 0, 2, 0)


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_a_route_cannot_loop_by_being_copied(lane: str) -> None:
    """The meta of one state does not follow into the next event."""
    b = recorder()
    async with make("", lane, a=routes_to("b"), b=b.agent) as runner:
        await runner.emit(Event("a"))
        await runner.join()
    assert b.calls[0].meta == {}
    assert runner.counts().accepted == 2


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_a_failed_run_routes_nowhere(lane: str) -> None:
    """Only a successful run's route counts."""

    async def fails(event: Event, state: State) -> None:
        state.meta["route"] = "b"
        raise ValueError("no")

    b = recorder()
    async with make(NO_RETRY, lane, a=fails, b=b.agent) as runner:
        await runner.request(Event("a"))
        await runner.join()
    assert b.calls == []


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_a_route_to_nobody_is_a_dead_letter_of_the_child(lane: str) -> None:
    """The event that routed has succeeded; its child has not."""
    async with make("", lane, a=routes_to("ghost")) as runner:
        assert (await runner.request(Event("a"))).error is None
        await runner.join()
    assert runner.counts() == (2, 0, 0, 0, 1, 1)


@pytest.mark.parametrize(
    ("mode", "inner"), [("collaborative", 1), ("sequential", 2), ("loop", 3), ("mixed", 3)]
)
@virtual
async def test_a_route_set_inside_an_orchestration_applies_to_its_outcome_once(
    mode: str, inner: int
) -> None:
    """One child for the whole, which goes to that agent and not through the mode again."""
    text = f"""
        [orchestration]
        mode = "{mode}"
        collaborative_agents = ["a"]
        sequential_agents = ["a", "b"]
        loop_agent = "a"
        max_iterations = 3
    """
    if mode == "mixed":
        text = text.replace('collaborative_agents = ["a"]', 'collaborative_agents = ["b"]')
    runs: list[str] = []

    async def a(event: Event, state: State) -> State:
        runs.append("a")
        state.meta["route"] = "last"
        return state

    async def b(event: Event, state: State) -> None:
        runs.append("b")

    last = recorder()
    async with make(text, a=a, b=b, last=last.agent) as runner:
        result = await runner.request(Event(data={"x": 1}))
        await runner.join()
    assert result.error is None
    assert len(runs) == inner
    assert len(last.calls) == 1
    assert "route" not in result.state.meta
    assert runner.counts().accepted == 2


@virtual
async def test_a_route_set_under_a_rule_is_not_caught_by_the_rule_again() -> None:
    """The child goes to its agent even if its data still match the rule."""
    text = """
        [[orchestration.rules]]
        when = { data = { kind = "x" } }
        mode = "sequential"
        sequential_agents = ["a"]
    """
    b = recorder()
    async with make(text, a=routes_to("b"), b=b.agent) as runner:
        await runner.emit(Event("a", {"kind": "x"}))
        await runner.join()
    assert len(b.calls) == 1
    assert runner.counts() == (2, 0, 0, 0, 2, 0)


def chain(limit: int) -> Recorder:
    def again(event: Event, state: State) -> State | None:
        if event.hop_count >= limit:
            return None
        state.meta["route"] = "a"
        return state

    return recorder(again)


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_a_chain_may_have_ten_hops_and_no_more(lane: str) -> None:
    """hop_count above max_hops (10) is EventLoopDetected, a dead letter that ran nothing."""
    for limit, dead in ((10, 0), (11, 1)):
        worker = chain(limit)
        async with make("", lane, a=worker.agent) as runner:
            await runner.emit(Event("a"))
            await runner.join()
        assert [event.hop_count for event in worker.events] == list(range(11))
        assert runner.counts().dead == dead
    (letter,) = runner.dead_letters
    assert isinstance(letter.error, EventLoopDetected)
    assert (letter.error.hop_count, letter.error.max_hops) == (11, 10)


@virtual
async def test_max_hops_is_configurable() -> None:
    """[runtime] max_hops moves the limit."""
    worker = chain(99)
    async with make("[runtime]\nmax_hops = 2", a=worker.agent) as runner:
        await runner.emit(Event("a"))
        await runner.join()
    assert len(worker.calls) == 3


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("odd", ["key", "cycle", "deep", "route"])
@virtual
async def test_an_outcome_that_makes_no_event_is_a_dead_letter(odd: str, lane: str) -> None:
    """What can't become the data, or the target, of a follow-up fails the event aloud."""

    async def handle(event: Event, state: State) -> State:
        state.meta["route"] = "b"
        if odd == "key":
            state[5] = 1  # type: ignore[index]
        elif odd == "cycle":
            state["x"] = rope = []
            rope.append(rope)
        elif odd == "deep":
            value: list[Any] = []
            for _ in range(500):
                value = [value]
            state["x"] = value
        else:
            state.meta["route"] = 5  # type: ignore[assignment]
        return state

    async with make(NO_RETRY, lane, a=handle, b=recorder().agent) as runner:
        result = await runner.request(Event("a"))
        await runner.join()
        assert result.error is not None
        assert runner.counts() == (1, 0, 0, 0, 0, 1)
        assert (await runner.request(Event("b"))).error is None

"""Hooks: when callbacks are called, in which order, and what they can and cannot do."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agentflow import (
    AgentNotFound,
    AgentRunVetoed,
    CallbackArgs,
    Event,
    EventVetoed,
    HookPoint,
    Runner,
    State,
)
from agentflow.testing import recorder

from .support import NO_RETRY, make, virtual

POINTS = [point for point in HookPoint if point is not HookPoint.ALL]
BEFORE_EVENT, AFTER_EVENT = HookPoint.BEFORE_EVENT_HANDLING, HookPoint.AFTER_EVENT_HANDLING
BEFORE_RUN, AFTER_RUN = HookPoint.BEFORE_AGENT_RUN, HookPoint.AFTER_AGENT_RUN
AGENT_ERROR, ALL = HookPoint.AGENT_ERROR, HookPoint.ALL
OKAY = [BEFORE_EVENT, BEFORE_RUN, AFTER_RUN, AFTER_EVENT]
FAILED = [BEFORE_EVENT, BEFORE_RUN, AFTER_RUN, AGENT_ERROR, AFTER_EVENT]


def test_the_points_have_these_values() -> None:
    """The names and values of the hook points are the seeds'."""
    assert {point.name: point.value for point in HookPoint} == {
        "BEFORE_EVENT_HANDLING": "BeforeEventHandling",
        "AFTER_EVENT_HANDLING": "AfterEventHandling",
        "BEFORE_AGENT_RUN": "BeforeAgentRun",
        "AFTER_AGENT_RUN": "AfterAgentRun",
        "AGENT_ERROR": "AgentError",
        "ALL": "AllHooks",
    }


@virtual
async def test_a_success_fires_four_points_in_order() -> None:
    """Before and after the event, before and after the run, once each."""
    seen = recorder()
    runner = make("", a=recorder().agent)
    for point in POINTS:
        runner.register_callback(point, "seen", seen.callback)
    async with runner:
        await runner.request(Event("a"))
    assert seen.hooks == OKAY


@virtual
async def test_a_failure_fires_agent_error_once_when_it_is_for_good() -> None:
    """Attempts that are followed by another one fire nothing."""
    seen = recorder()
    runner = make("", a=recorder(ConnectionError("x")).agent)
    for point in POINTS:
        runner.register_callback(point, "seen", seen.callback)
    async with runner:
        await runner.request(Event("a"))
    assert runner.dead_letters[0].attempts == 4
    assert seen.hooks == FAILED
    assert [call.agent for call in seen.calls] == ["", "a", "a", "a", "a"]
    assert isinstance(seen.calls[3].error, ConnectionError)


@virtual
async def test_a_retried_success_fires_no_error() -> None:
    """A run that succeeds in the end fires what a success fires."""
    seen = recorder()
    runner = make("", a=recorder(ConnectionError("x"), None).agent)
    runner.register_callback(ALL, "seen", seen.callback)
    async with runner:
        await runner.request(Event("a"))
    assert seen.hooks == OKAY


@pytest.mark.parametrize("mode", ["route", "collaborative", "sequential", "loop", "mixed"])
@virtual
async def test_the_event_points_fire_once_an_event_and_the_run_points_once_a_run(
    mode: str,
) -> None:
    """In every mode each run has its before and after, and the event one of each."""
    text = f"""
        [orchestration]
        mode = "{mode}"
        collaborative_agents = ["a", "b"]
        sequential_agents = ["c", "d"]
        loop_agent = "a"
        max_iterations = 3
    """
    agents = {name: recorder().agent for name in "abcd"}
    seen = recorder()
    runner = make(text, **agents)
    runner.register_callback(ALL, "seen", seen.callback)
    async with runner:
        await runner.request(Event("a" if mode == "route" else ""))
    runs = {"route": 1, "collaborative": 2, "sequential": 2, "loop": 3, "mixed": 4}[mode]
    assert (seen.hooks[0], seen.hooks[-1]) == (BEFORE_EVENT, AFTER_EVENT)
    assert seen.hooks.count(BEFORE_RUN) == seen.hooks.count(AFTER_RUN) == runs
    assert len(seen.hooks) == 2 * runs + 2


@pytest.mark.parametrize(
    ("event", "fired"),
    [
        (Event("ghost"), [BEFORE_EVENT, AGENT_ERROR, AFTER_EVENT]),
        (Event(), [BEFORE_EVENT, AGENT_ERROR, AFTER_EVENT]),
        (Event("a", {}, {"hop_count": "99"}), [BEFORE_EVENT, AFTER_EVENT]),
        (Event("a", {}, {"broadcast": "true", "broadcast_targets": ","}),
         [BEFORE_EVENT, AFTER_EVENT]),
        (Event("a", {}, {"deadline": "2020-01-01T00:00:00Z", "priority": "critical"}),
         [BEFORE_EVENT, AFTER_EVENT]),
    ],
    ids=["unknown", "no target", "hops", "broadcast", "late"],
)  # fmt: skip
@virtual
async def test_events_that_reach_no_agent_have_their_before_and_after(
    event: Event, fired: list[HookPoint]
) -> None:
    """Always both, however the event ends."""
    seen = recorder()
    runner = make("", a=recorder().agent)
    runner.register_callback(ALL, "seen", seen.callback)
    async with runner:
        await runner.request(event)
    assert runner.counts().dead == 1
    assert seen.hooks == fired


@virtual
async def test_callbacks_run_in_order_of_registration_and_all_hooks_last() -> None:
    """AllHooks callbacks come after those of the point, whenever they were registered."""
    order: list[str] = []

    def note(name: str) -> Any:
        return lambda args: order.append(name)

    runner = make("", a=recorder().agent)
    runner.register_callback(ALL, "all", note("all"))
    for name in ("first", "second", "third"):
        runner.register_callback(BEFORE_RUN, name, note(name))
    async with runner:
        await runner.request(Event("a"))
    assert order == ["all", "first", "second", "third", "all", "all", "all"]


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("point", [BEFORE_EVENT, BEFORE_RUN])
@virtual
async def test_a_returned_state_goes_on_to_the_next_callback_and_to_the_agent(
    point: HookPoint, asynchronous: bool
) -> None:
    """Sync or async, what a Before callback returns is what the agent gets."""

    def first(args: CallbackArgs) -> State:
        return State({"from": "first", **args.state})

    async def first_async(args: CallbackArgs) -> State:
        await asyncio.sleep(1)
        return first(args)

    second, worker = recorder(), recorder()
    runner = make("", a=worker.agent)
    runner.register_callback(point, "first", first_async if asynchronous else first)
    runner.register_callback(point, "second", second.callback)
    async with runner:
        result = await runner.request(Event("a", {"x": 1}))
    assert second.calls[0].data == worker.calls[0].data == {"from": "first", "x": 1}
    assert result.state == {"from": "first", "x": 1}


@pytest.mark.parametrize("again", ["same", "new"])
@pytest.mark.parametrize("point", [BEFORE_EVENT, BEFORE_RUN])
@virtual
async def test_a_returned_state_holds_for_every_attempt(point: HookPoint, again: str) -> None:
    """A retry begins with the state that the callbacks made, not with the event's data."""

    def adds(args: CallbackArgs) -> State:
        state = args.state if again == "same" else args.state.clone()
        state["added"] = state.meta["added"] = "yes"
        return state

    worker = recorder(ConnectionError("x"), {"done": True})
    runner = make("", a=worker.agent)
    runner.register_callback(point, "adds", adds)
    async with runner:
        result = await runner.request(Event("a", {"x": 1}))
    assert [call.data for call in worker.calls] == [{"x": 1, "added": "yes"}] * 2
    assert [call.meta for call in worker.calls] == [{"added": "yes"}] * 2
    assert result.state == State({"x": 1, "added": "yes", "done": True}, {"added": "yes"})


@virtual
async def test_a_failed_run_leaves_the_state_that_the_callbacks_made() -> None:
    """The outcome of a failure is the state from before the run, callbacks included."""

    def adds(args: CallbackArgs) -> State:
        args.state["added"] = 1
        return args.state

    runner = make(NO_RETRY, a=recorder(ValueError("x")).agent)
    runner.register_callback(BEFORE_RUN, "adds", adds)
    async with runner:
        result = await runner.request(Event("a", {"x": 1}))
    assert result.state == {"x": 1, "added": 1}


@pytest.mark.parametrize("point", [AFTER_RUN, AFTER_EVENT])
@virtual
async def test_an_after_callback_may_change_the_outcome(point: HookPoint) -> None:
    """The state that an After callback returns is the one that goes on."""
    runner = make("", a=recorder({"y": 1}).agent)
    runner.register_callback(point, "adds", lambda args: State({**args.state, "z": 2}))
    async with runner:
        result = await runner.request(Event("a"))
    assert result.state == {"y": 1, "z": 2}


@virtual
async def test_after_callbacks_are_told_the_result() -> None:
    """args.result has the state, the error and the times of the run."""
    told: list[CallbackArgs] = []

    async def slow(event: Event, state: State) -> dict[str, int]:
        await asyncio.sleep(3)
        return {"y": 1}

    runner = make("", a=slow)
    runner.register_callback(AFTER_RUN, "told", told.append)
    async with runner:
        await runner.request(Event("a"))
    (args,) = told
    assert args.result is not None
    assert args.result.duration == pytest.approx(3, abs=0.01)
    assert args.result.state == {"y": 1}
    assert (args.agent_id, args.error, args.hook) == ("a", None, AFTER_RUN)


def test_names_on_one_hook_are_given_once() -> None:
    """An empty or duplicate name is an error; another hook may use the same name."""
    runner = Runner()
    runner.register_callback(BEFORE_RUN, "mine", recorder().callback)
    runner.register_callback(AFTER_RUN, "mine", recorder().callback)
    for name in ("mine", "", "  "):
        with pytest.raises(ValueError):
            runner.register_callback(BEFORE_RUN, name, recorder().callback)
    with pytest.raises(ValueError):
        runner.register_callback("NoSuchHook", "mine", recorder().callback)
    with pytest.raises(TypeError):
        runner.register_callback(BEFORE_RUN, "other", 5)  # type: ignore[arg-type]


@virtual
async def test_a_callback_that_is_taken_out_is_called_no_more() -> None:
    """unregister_callback says whether there was one, and frees the name."""
    seen = recorder()
    runner = make("", a=recorder().agent)
    runner.register_callback("BeforeAgentRun", "seen", seen.callback)
    async with runner:
        await runner.request(Event("a"))
        assert runner.unregister_callback(BEFORE_RUN, "seen")
        assert not runner.unregister_callback(BEFORE_RUN, "seen")
        await runner.request(Event("a"))
        runner.register_callback(BEFORE_RUN, "seen", seen.callback)
        await runner.request(Event("a"))
    assert len(seen.calls) == 2


@virtual
async def test_registering_from_inside_a_callback_counts_from_the_next_firing() -> None:
    """The firing that registers is not changed by it; the next one is."""
    late = recorder()

    def registers(args: CallbackArgs) -> None:
        if "late" not in {call.name for call in runner.dispatcher.hooks.callbacks()}:
            runner.register_callback(BEFORE_RUN, "late", late.callback)

    runner = make("", a=recorder().agent)
    runner.register_callback(BEFORE_RUN, "registers", registers)
    async with runner:
        await runner.request(Event("a"))
        assert late.calls == []
        await runner.request(Event("a"))
        assert len(late.calls) == 1


@virtual
async def test_a_callback_may_take_itself_out() -> None:
    """Unregistering from inside a callback leaves the others of the firing alone."""
    after = recorder()

    def once(args: CallbackArgs) -> None:
        runner.unregister_callback(BEFORE_RUN, "once")

    runner = make("", a=recorder().agent)
    runner.register_callback(BEFORE_RUN, "once", once)
    runner.register_callback(BEFORE_RUN, "after", after.callback)
    async with runner:
        await runner.request(Event("a"))
        await runner.request(Event("a"))
    assert len(after.calls) == 2


@virtual
async def test_raising_before_an_event_vetoes_it() -> None:
    """The event is dead-lettered with the callback's name and reason; no agent runs."""
    worker, seen = recorder(), recorder()

    def refuses(args: CallbackArgs) -> None:
        raise PermissionError("not today")

    runner = make("", a=worker.agent)
    runner.register_callback(BEFORE_EVENT, "guard", refuses)
    for point in POINTS[1:]:
        runner.register_callback(point, "seen", seen.callback)
    async with runner:
        result = await runner.request(Event("a"))
    assert isinstance(result.error, EventVetoed)
    assert (result.error.callback, result.error.reason) == ("guard", "not today")
    assert isinstance(result.error.__cause__, PermissionError)
    assert worker.calls == []
    assert seen.hooks == [AFTER_EVENT]
    (letter,) = runner.dead_letters
    assert (letter.agent, letter.attempts) == ("", 0)
    assert "guard" in str(letter.error)


@pytest.mark.parametrize("mode", ["route", "sequential"])
@virtual
async def test_raising_before_a_run_keeps_the_agent_from_running(mode: str) -> None:
    """AgentError fires, nothing is retried, and the letter counts no attempt."""
    worker, seen = recorder(), recorder()

    def refuses(args: CallbackArgs) -> None:
        raise ConnectionError("not today")

    text = f'[orchestration]\nmode = "{mode}"\nsequential_agents = ["a"]'
    runner = make(text, a=worker.agent)
    for point in POINTS:
        runner.register_callback(point, "seen", seen.callback)
    runner.register_callback(BEFORE_RUN, "guard", refuses)
    async with runner:
        result = await runner.request(Event("a"))
    assert isinstance(result.error, AgentRunVetoed)
    assert (result.error.agent, result.error.callback) == ("a", "guard")
    assert worker.calls == []
    assert seen.hooks.count(AGENT_ERROR) == 1
    assert runner.dead_letters[0].attempts == 0


class Odd(BaseException):
    """Not an Exception."""


@pytest.mark.parametrize("kind", [ValueError, Odd, SystemExit, asyncio.CancelledError])
@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("point", [AFTER_RUN, AFTER_EVENT])
@virtual
async def test_raising_in_an_after_hook_is_recorded_and_the_event_goes_on(
    point: HookPoint, asynchronous: bool, kind: type[BaseException]
) -> None:
    """The event succeeds; the error is on the callback's account."""

    def fails(args: CallbackArgs) -> None:
        raise kind("oops")

    async def fails_async(args: CallbackArgs) -> None:
        raise kind("oops")

    seen = recorder()
    runner = make("", a=recorder({"y": 1}).agent)
    runner.register_callback(point, "fails", fails_async if asynchronous else fails)
    runner.register_callback(point, "seen", seen.callback)
    async with runner:
        result = await runner.request(Event("a"))
    assert result.error is None
    assert result.state == {"y": 1}
    assert len(seen.calls) == 1
    (callback,) = [c for c in runner.dispatcher.hooks.callbacks() if c.name == "fails"]
    assert (callback.fired, callback.meter.errors) == (1, 1)
    assert "oops" in callback.meter.last_error


@virtual
async def test_raising_in_agent_error_changes_nothing() -> None:
    """A failing error callback leaves the agent's own error as it is."""

    def fails(args: CallbackArgs) -> None:
        raise RuntimeError("oops")

    runner = make(NO_RETRY, a=recorder(ValueError("mine")).agent)
    runner.register_callback(AGENT_ERROR, "fails", fails)
    async with runner:
        result = await runner.request(Event("a"))
    assert isinstance(result.error, ValueError)
    assert len(runner.dead_letters) == 1


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("value", [5, {"a": 1}, "text", [State()]])
@virtual
async def test_a_wrong_return_value_is_recorded_and_ignored(point: HookPoint, value: Any) -> None:
    """A callback returns a State or None; anything else is an error of the callback."""
    runner = make(NO_RETRY, a=recorder(ValueError("x") if point is AGENT_ERROR else None).agent)
    runner.register_callback(point, "odd", lambda args: value)
    async with runner:
        result = await runner.request(Event("a", {"x": 1}))
    assert (result.error is None) is (point is not AGENT_ERROR)
    assert result.state == {"x": 1}
    (callback,) = runner.dispatcher.hooks.callbacks()
    assert callback.meter.errors == 1


@pytest.mark.parametrize("point", POINTS)
@virtual
async def test_a_callback_that_hangs_does_not_hold_up_the_event_for_ever(
    point: HookPoint,
) -> None:
    """It has the time of an orchestration; then Before refuses and After is recorded."""

    async def hangs(args: CallbackArgs) -> None:
        await asyncio.Event().wait()

    runner = make(
        NO_RETRY + "timeout_seconds = 5",
        a=recorder(ValueError("x") if point is AGENT_ERROR else None).agent,
    )
    runner.register_callback(point, "hangs", hangs)
    async with runner:
        result = await asyncio.wait_for(runner.request(Event("a")), 60)
    refused = point in (BEFORE_EVENT, BEFORE_RUN)
    assert (result.error is None) is (not refused and point is not AGENT_ERROR)
    (callback,) = runner.dispatcher.hooks.callbacks()
    assert "longer than 5 s" in callback.meter.last_error


@pytest.mark.parametrize("point", POINTS)
@virtual
async def test_events_may_be_emitted_from_callbacks(point: HookPoint) -> None:
    """A callback may emit; the new event is accepted and handled like any other."""

    async def emits(args: CallbackArgs) -> None:
        if args.event.target != "b":
            await runner.emit(Event("b"))

    worker = recorder()
    first = recorder(ValueError("x") if point is AGENT_ERROR else None)
    runner = make(NO_RETRY, a=first.agent, b=worker.agent)
    runner.register_callback(point, "emits", emits)
    async with runner:
        await runner.request(Event("a"))
        await runner.join()
    assert len(worker.calls) == 1
    assert runner.counts().accepted == 2


@virtual
async def test_agent_error_is_told_of_an_agent_that_is_not_there() -> None:
    """AgentNotFound fires AgentError once, with the name that was asked for."""
    seen = recorder()
    runner = make()
    runner.register_callback(AGENT_ERROR, "seen", seen.callback)
    async with runner:
        await runner.request(Event("ghost"))
    (call,) = seen.calls
    assert call.agent == "ghost"
    assert isinstance(call.error, AgentNotFound)

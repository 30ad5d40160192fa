"""The engine's promises in short: see the other files here for each of them in full."""

from __future__ import annotations

import asyncio

import pytest

from agentflow import (
    AgentNotFound,
    Config,
    Event,
    HookPoint,
    Runner,
    State,
)


def config(text: str) -> Config:
    return Config.from_toml(text, environ={})


NO_RETRY = "\nretry_attempts = 0\n"


async def test_a_request_returns_what_the_agent_made_of_the_event() -> None:
    """A mapping that a handler returns is merged into the state made of the event's data."""
    runner = Runner()

    async def double(event: Event, state: State) -> dict[str, int]:
        return {"y": state["x"] * 2}

    runner.register_agent("double", double)
    async with runner:
        result = await runner.request(Event("double", {"x": 2}))
    assert result.error is None
    assert result.state == {"x": 2, "y": 4}
    assert runner.counts() == (1, 0, 0, 0, 1, 0)


async def test_an_unknown_agent_is_one_agent_error_and_one_dead_letter() -> None:
    """Nothing ends in silence: an event for nobody fires AgentError once and is kept."""
    runner = Runner()
    seen = []
    for point in HookPoint:
        if point is not HookPoint.ALL:
            runner.register_callback(point, "log", lambda args: seen.append(str(args.hook)))
    async with runner:
        result = await runner.request(Event("ghost"))
    assert isinstance(result.error, AgentNotFound)
    assert seen == ["BeforeEventHandling", "AgentError", "AfterEventHandling"]
    (letter,) = runner.dead_letters
    assert letter.agent == "ghost"
    assert letter.attempts == 0


async def test_an_exception_fails_that_run_and_nothing_else() -> None:
    """Any exception of a handler, SystemExit included, ends in a dead letter."""
    runner = Runner(config("[orchestration]" + NO_RETRY))

    async def fail(event: Event, state: State) -> None:
        state["touched"] = True
        raise {"value": ValueError, "exit": SystemExit, "cancel": asyncio.CancelledError}[
            event.data["kind"]
        ]("boom")

    runner.register_agent("fail", fail)
    async with runner:
        for kind in ("value", "exit", "cancel"):
            result = await runner.request(Event("fail", {"kind": kind}))
            assert "boom" in str(result.error)
            assert result.state == {"kind": kind}
    assert runner.counts() == (3, 0, 0, 0, 0, 3)


@pytest.mark.parametrize("mode", ["collaborative", "sequential", "mixed", "loop"])
async def test_every_mode_runs_its_agents(mode: str) -> None:
    """Each mode runs the agents that it names."""
    runner = Runner(
        config(
            f"""
            [orchestration]
            mode = "{mode}"
            collaborative_agents = ["a", "b"]
            sequential_agents = ["c", "d"]
            loop_agent = "a"
            max_iterations = 3
            """
        )
    )
    ran: list[str] = []

    def agent(name: str):  # type: ignore[no-untyped-def]
        async def handle(event: Event, state: State) -> dict[str, bool]:
            ran.append(name)
            return {name: True}

        return handle

    for name in "abcd":
        runner.register_agent(name, agent(name))
    async with runner:
        result = await runner.request(Event(data={"x": 1}))
    assert result.error is None
    assert (
        ran
        == {
            "collaborative": ["a", "b"],
            "sequential": ["c", "d"],
            "mixed": ["a", "b", "c", "d"],
            "loop": ["a", "a", "a"],
        }[mode]
    )
    if mode == "loop":
        assert result.state.meta["completion_reason"] == "max_iterations_reached"
        assert result.state.meta["loop_iteration"] == "3"
    assert runner.counts().succeeded == 1
    types = [entry.type for entry in runner.dump_trace(runner.executions()[0].event.session_id)]
    assert types[0] == "event_accepted"
    assert types[-1] == "event_end"


async def test_a_paused_agent_holds_its_events_and_others_go_on() -> None:
    """Held events run in order after resume, and the counts add up in between."""
    runner = Runner()
    ran: list[int] = []

    async def note(event: Event, state: State) -> None:
        ran.append(event.data["n"])

    runner.register_agent("a", note)
    runner.register_agent("b", note)
    async with runner:
        runner.pause("a")
        for n in range(4):
            await runner.emit(Event("a" if n % 2 == 0 else "b", {"n": n}, session_id=f"s{n // 2}"))
        await runner.join()
        assert ran == []  # 1 and 3 wait behind 0 and 2 of their sessions
        assert runner.counts() == (4, 0, 4, 0, 0, 0)
        await runner.emit(Event("b", {"n": 9}))
        await runner.join()
        assert ran == [9]
        runner.resume("a")
        await runner.join()
        assert sorted(ran) == [0, 1, 2, 3, 9]
        assert ran.index(0) < ran.index(1)
        assert ran.index(2) < ran.index(3)
    assert runner.counts() == (5, 0, 0, 0, 5, 0)


async def test_a_route_in_the_outcome_goes_on_to_that_agent_once() -> None:
    """meta['route'] makes one child event with the state's data and is consumed."""
    runner = Runner()
    got: list[Event] = []

    async def first(event: Event, state: State) -> State:
        state["n"] = 1
        state.meta["route"] = "second"
        return state

    async def second(event: Event, state: State) -> None:
        got.append(event)

    runner.register_agent("first", first)
    runner.register_agent("second", second)
    async with runner:
        result = await runner.request(Event("first"))
        await runner.join()
    assert "route" not in result.state.meta
    assert [event.data for event in got] == [{"n": 1}]
    assert got[0].hop_count == 1
    assert got[0].source == "first"


async def test_a_timeout_cancels_the_handler() -> None:
    """The smallest of the limits ends a run that takes too long."""
    runner = Runner(config("[orchestration]" + NO_RETRY))
    cancelled = asyncio.Event()

    async def hang(event: Event, state: State) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    runner.register_agent("hang", hang)
    async with runner:
        result = await runner.request(Event("hang", metadata={"timeout": "20ms"}))
    assert isinstance(result.error, TimeoutError)
    assert cancelled.is_set()


async def test_a_nested_request_runs_inside_its_parent() -> None:
    """context.request runs another event at once, even with a single slot."""
    runner = Runner(config("[runtime]\nmax_concurrent_events = 1"))

    async def outer(event: Event, state: State, context) -> dict[str, int]:  # type: ignore[no-untyped-def]
        inner = await context.request(Event("inner", {"x": 1}))
        return {"inner": inner.state["y"]}

    async def inner(event: Event, state: State) -> dict[str, int]:
        return {"y": state["x"] + 1}

    runner.register_agent("outer", outer)
    runner.register_agent("inner", inner)
    async with runner:
        result = await runner.request(Event("outer"))
    assert result.state == {"inner": 2}
    assert runner.counts() == (2, 0, 0, 0, 2, 0)


async def test_retries_wait_without_a_slot_and_count_as_queued() -> None:
    """A failed run is tried again from the state it began with."""
    runner = Runner(
        config("[error_routing.retry]\nmax_retries = 2\ninitial_delay = 0.01\njitter = false")
    )
    seen: list[int] = []

    async def flaky(event: Event, state: State, context) -> None:  # type: ignore[no-untyped-def]
        seen.append(len(state))
        state[f"x{context.attempt}"] = 1
        if context.attempt < 3:
            raise RuntimeError("not yet")

    runner.register_agent("flaky", flaky)
    async with runner:
        result = await runner.request(Event("flaky"))
    assert result.error is None
    assert seen == [0, 0, 0]
    assert result.state == {"x3": 1}


async def test_plain_functions_run_in_threads_and_by_priority() -> None:
    """A plain def never stalls the loop; higher priorities start first."""
    runner = Runner(config("[runtime]\nmax_concurrent_events = 1"))
    ran: list[str] = []

    def work(event: Event, state: State) -> None:
        ran.append(event.priority)

    runner.register_agent("work", work)
    async with runner:
        runner.pause()
        for priority in ("low", "normal", "critical", "high"):
            await runner.emit(Event("work", metadata={"priority": priority}))
        assert runner.counts().held == 4
        runner.resume()
        await runner.join()
    assert ran == ["critical", "high", "normal", "low"]

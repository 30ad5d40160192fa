"""Agents: the shapes a handler may have, what it may return, and what its failures cost."""

from __future__ import annotations

import asyncio
import functools
import threading
from typing import Any

import pytest

from agentflow import (
    Agent,
    AgentNotFound,
    AgentResult,
    Context,
    Event,
    Runner,
    RunnerNotRunning,
    State,
)
from agentflow.testing import recorder

from .support import LANES, NO_RETRY, config, loop, make, settle, virtual


async def with_two(event: Event, state: State) -> dict[str, int]:
    return {"y": state["x"] + 1}


async def with_three(event: Event, state: State, context: Context) -> dict[str, int]:
    return {"y": state["x"] + context.attempt}


def plain(event: Event, state: State) -> dict[str, int]:
    return {"y": state["x"] + 1}


class Callable:
    async def __call__(self, event: Event, state: State) -> dict[str, int]:
        return {"y": state["x"] + 1}


class PlainCallable:
    def __call__(self, event: Event, state: State) -> dict[str, int]:
        return {"y": state["x"] + 1}


class Runs(Agent):
    async def run(self, state: State) -> dict[str, int]:
        return {"y": state["x"] + 1}


class Handles(Agent):
    async def handle_event(self, event: Event, state: State) -> dict[str, int]:
        return {"y": event.data["x"] + 1}


class PlainRuns(Agent):
    def run(self, state: State) -> dict[str, int]:  # type: ignore[override]
        return {"y": state["x"] + 1}


async def added(by: int, event: Event, state: State) -> dict[str, int]:
    return {"y": state["x"] + by}


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize(
    "handler",
    [with_two, with_three, plain, Callable(), PlainCallable(), Runs(), Runs, Handles(),
     PlainRuns(), functools.partial(added, 1)],
    ids=["async", "context", "plain", "callable", "plain callable", "run", "class", "handle_event",
         "plain run", "partial"],
)  # fmt: skip
@virtual
async def test_a_handler_may_have_any_of_these_shapes(handler: Any, lane: str) -> None:
    """Async or plain, with or without context, function, object or Agent: all run."""
    async with make("", lane, a=handler) as runner:
        result = await runner.request(Event("a", {"x": 1}))
    assert result.error is None
    assert result.state == {"x": 1, "y": 2}


@pytest.mark.parametrize("handler", [5, "name", None, lambda: 1, lambda event: 1])
def test_what_cannot_handle_events_is_refused(handler: Any) -> None:
    """Registering something that takes no event and state is a TypeError."""
    with pytest.raises(TypeError):
        Runner().register_agent("a", handler)


def test_names_are_given_once() -> None:
    """An empty or taken name is a ValueError."""
    runner = Runner()
    runner.register_agent("a", with_two)
    for name in ("a", "", "  "):
        with pytest.raises(ValueError, match="agent"):
            runner.register_agent(name, with_two)


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize(
    ("output", "data", "meta"),
    [
        (None, {"x": 1}, {}),
        ({"y": 2}, {"x": 1, "y": 2}, {}),
        ({}, {"x": 1}, {}),
        (State({"z": 3}, {"m": "k"}), {"z": 3}, {"m": "k"}),
        (AgentResult(State({"z": 3}, {"m": "k"})), {"z": 3}, {"m": "k"}),
    ],
    ids=["nothing", "mapping", "empty", "state", "result"],
)
@virtual
async def test_an_agent_may_return_a_result_a_state_a_mapping_or_none(
    output: Any, data: dict[str, Any], meta: dict[str, str], lane: str
) -> None:
    """A mapping is merged into the state, a state replaces it, None leaves it."""
    async with make("", lane, a=recorder(output).agent) as runner:
        result = await runner.request(Event("a", {"x": 1}))
    assert isinstance(result, AgentResult)
    assert result.error is None
    assert result.state == State(data, meta)


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("output", [5, "text", [1], object(), True, lambda e, s: 7, b"x"])
@virtual
async def test_any_other_return_value_is_a_failure(output: Any, lane: str) -> None:
    """A wrong type is a TypeError that names it, and no retry."""
    worker = recorder(output)
    async with make("", lane, a=worker.agent) as runner:
        result = await runner.request(Event("a", {"x": 1}))
    assert isinstance(result.error, TypeError)
    assert "'a' returned" in str(result.error)
    assert len(worker.calls) == 1


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_an_error_in_a_result_is_a_failure(lane: str) -> None:
    """AgentResult(error=...) fails the run as raising does."""
    output = AgentResult(State({"y": 1}), ValueError("no"))
    async with make(NO_RETRY, lane, a=recorder(output).agent) as runner:
        result = await runner.request(Event("a"))
    assert isinstance(result.error, ValueError)
    assert runner.counts().dead == 1


@virtual
async def test_the_engine_measures_the_times_itself() -> None:
    """What a handler writes into its result's times is not believed."""

    async def slow(event: Event, state: State) -> AgentResult:
        await asyncio.sleep(2.5)
        return AgentResult(state)

    async with make("", a=slow) as runner:
        result = await runner.request(Event("a"))
    assert result.duration == pytest.approx(2.5, abs=0.01)
    assert result.ended_at > result.started_at


class Odd(BaseException):
    """Neither an Exception nor anything that asyncio knows."""


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("shape", ["async", "context", "plain"])
@pytest.mark.parametrize(
    "kind",
    [ValueError, Odd, SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration,
     StopAsyncIteration, asyncio.CancelledError, RecursionError, MemoryError, TimeoutError],
)  # fmt: skip
@virtual
async def test_any_exception_fails_that_run_and_nothing_else(
    kind: type[BaseException], shape: str, lane: str
) -> None:
    """Whatever a handler raises ends in one dead letter, and the runner goes on."""

    async def fails(event: Event, state: State) -> None:
        state["touched"] = True
        raise kind("boom")

    async def fails_with(event: Event, state: State, context: Context) -> None:
        raise kind("boom")

    def fails_plain(event: Event, state: State) -> None:
        raise kind("boom")

    handler = {"async": fails, "context": fails_with, "plain": fails_plain}[shape]
    good = recorder({"y": 1})
    async with make(NO_RETRY, lane, bad=handler, good=good.agent) as runner:
        bad = await runner.request(Event("bad", {"x": 1}))
        result = await runner.request(Event("good"))
    assert "boom" in str(bad.error) or "StopIteration" in str(bad.error)
    assert bad.state == {"x": 1}
    assert result.error is None
    assert runner.counts() == (2, 0, 0, 0, 1, 1)


class Unshowable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even this")

    __repr__ = __str__


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_an_error_that_cannot_be_shown_is_a_failure_like_any_other(lane: str) -> None:
    """An exception whose own text raises still ends in a dead letter."""
    async with make(NO_RETRY, lane, a=recorder(Unshowable()).agent) as runner:
        result = await runner.request(Event("a"))
    assert isinstance(result.error, Unshowable)
    assert runner.counts().dead == 1


@virtual
async def test_a_plain_handler_does_not_stall_the_loop() -> None:
    """While one plain handler blocks its thread, everything else goes on."""
    release = threading.Event()

    def blocks(event: Event, state: State) -> dict[str, str]:
        release.wait(10)
        return {"thread": threading.current_thread().name}

    async with make("", slow=blocks, quick=recorder().agent) as runner:
        waiting = asyncio.create_task(runner.request(Event("slow")))
        await runner.request(Event("quick"))
        assert not waiting.done()
        release.set()
        result = await waiting
    assert result.state["thread"] != threading.main_thread().name


@virtual
async def test_a_plain_handler_that_never_returns_is_left_behind() -> None:
    """A thread that blocks for ever costs its event a timeout, and stop does not wait for it."""
    release = threading.Event()

    def blocks(event: Event, state: State) -> None:
        release.wait(10)

    async with make(NO_RETRY + "timeout_seconds = 5", a=blocks) as runner:
        waiting = asyncio.create_task(runner.request(Event("a")))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        loop().advance(6)
        result = await waiting
    release.set()
    assert isinstance(result.error, TimeoutError)
    assert runner.counts().dead == 1


@virtual
async def test_plain_handlers_run_again_after_a_restart() -> None:
    """Stopping and starting a runner gives plain handlers their threads back."""
    runner = make(NO_RETRY, a=plain)
    async with runner:
        await runner.request(Event("a", {"x": 1}))
    async with runner:
        waiting = asyncio.create_task(runner.request(Event("a", {"x": 1})))
        for _ in range(2_000):
            if waiting.done():
                break
            await asyncio.to_thread(lambda: None)
        assert waiting.done()
    assert runner.counts().succeeded == 2


@virtual
async def test_a_context_carries_what_a_handler_may_need() -> None:
    """agent, event, attempt, deadline, logger and idempotency_key are what they say."""
    seen: list[Any] = []

    async def look(event: Event, state: State, context: Context) -> None:
        seen.append((context.attempt, context.idempotency_key))
        assert context.agent == "a"
        assert context.event is event
        assert context.logger.name.endswith("a")
        assert context.deadline is not None
        left = context.deadline.timestamp() - runner.dispatcher.clock.time()
        assert left == pytest.approx(5, abs=0.1)
        if context.attempt < 3:
            raise ConnectionError("not yet")

    text = "[orchestration]\ntimeout_seconds = 60\n[agents.a]\nsystem_prompt = 'x'\ntimeout = 5"
    async with make(text, a=look) as runner:
        result = await runner.request(Event("a"))
    assert result.error is None
    assert [attempt for attempt, _ in seen] == [1, 2, 3]
    assert len({key for _, key in seen}) == 1


@virtual
async def test_what_a_context_emits_is_caused_by_its_event() -> None:
    """context.emit links the new event: parent, hop, session, and the agent as its source."""
    worker = recorder()

    async def starts(event: Event, state: State, context: Context) -> None:
        await context.emit(Event("b", {"n": 1}))

    async with make("", a=starts, b=worker.agent) as runner:
        first = await runner.emit(Event("a", session_id="s"))
        await runner.join()
    (event,) = worker.events
    assert (event.parent_event, event.hop_count, event.session_id) == (first, 1, "s")
    assert event.source == "a"


@virtual
async def test_a_context_kept_too_long_says_so() -> None:
    """A task that a handler left behind gets a typed error, or its event is accepted."""
    found: list[object] = []

    async def leaves(event: Event, state: State, context: Context) -> None:
        async def later() -> None:
            await asyncio.sleep(1)
            try:
                found.append(await context.emit(Event("b")))
            except RunnerNotRunning as error:
                found.append(error)

        tasks.append(asyncio.create_task(later()))

    tasks: list[asyncio.Task[None]] = []
    async with make("", a=leaves, b=recorder().agent) as runner:
        await runner.request(Event("a"))
        await asyncio.gather(*tasks)
    assert len(found) == 1


class Lives(Agent):
    """Notes its life."""

    def __init__(self, fails: int = 0) -> None:
        self.life: list[str] = []
        self._fails = fails

    async def initialize(self) -> None:
        self.life.append("initialize")
        if self.life.count("initialize") <= self._fails:
            raise ConnectionError("not yet")

    async def shutdown(self) -> None:
        self.life.append("shutdown")

    async def run(self, state: State) -> None:
        self.life.append("run")


@virtual
async def test_an_agent_is_initialized_before_its_first_run_and_shut_down_at_the_end() -> None:
    """initialize comes once before all runs, shutdown once after them."""
    agent = Lives()
    async with make("", a=agent) as runner:
        await runner.request(Event("a"))
        await runner.request(Event("a"))
    assert agent.life == ["initialize", "run", "run", "shutdown"]


@virtual
async def test_an_agent_registered_late_is_initialized_too() -> None:
    """An agent that is registered while the runner runs is got ready before it runs."""
    agent = Lives()
    async with make() as runner:
        runner.register_agent("a", agent)
        await runner.request(Event("a"))
    assert agent.life == ["initialize", "run", "shutdown"]


@virtual
async def test_an_agent_that_is_taken_out_is_shut_down() -> None:
    """unregister_agent lets the agent go."""
    agent = Lives()
    async with make("", a=agent) as runner:
        await runner.request(Event("a"))
        assert runner.unregister_agent("a")
        assert not runner.unregister_agent("a")
        await settle()
        result = await runner.request(Event("a"))
    assert agent.life == ["initialize", "run", "shutdown"]
    assert isinstance(result.error, AgentNotFound)


@virtual
async def test_a_failing_initialize_fails_runs_until_it_works() -> None:
    """A runner starts all the same; the run is tried again as after any failure."""
    agent = Lives(fails=2)
    async with make("", a=agent) as runner:
        result = await runner.request(Event("a"))
    assert result.error is None
    assert agent.life == ["initialize", "initialize", "initialize", "run", "shutdown"]


@virtual
async def test_an_initialize_that_never_returns_is_a_timeout() -> None:
    """The time limit of an event holds for getting its agent ready, too."""

    class Hangs(Agent):
        async def initialize(self) -> None:
            await asyncio.Event().wait()

        async def run(self, state: State) -> None:
            raise AssertionError("never ready")

    async with make(NO_RETRY + "timeout_seconds = 5") as runner:
        runner.register_agent("a", Hangs())
        result = await asyncio.wait_for(runner.request(Event("a")), 60)
    assert isinstance(result.error, TimeoutError)


@virtual
async def test_an_agent_with_neither_run_nor_handle_event_fails_its_runs() -> None:
    """Forgetting to override is a dead letter that says so."""
    async with make(NO_RETRY, a=Agent()) as runner:
        result = await runner.request(Event("a"))
    assert isinstance(result.error, NotImplementedError)


@virtual
async def test_a_disabled_agent_cannot_be_reached() -> None:
    """enabled = False on the class is AgentNotFound, with the reason."""

    class Off(Agent):
        enabled = False

    async with make("", a=Off()) as runner:
        result = await runner.request(Event("a"))
    assert isinstance(result.error, AgentNotFound)
    assert "disabled" in str(result.error)


@virtual
async def test_an_agents_own_timeout_counts() -> None:
    """Agent.timeout limits its runs when the configuration says nothing."""

    class Slow(Agent):
        timeout = 2.0

        async def run(self, state: State) -> None:
            await asyncio.sleep(100)

    async with make(NO_RETRY, a=Slow()) as runner:
        start = loop().time()
        result = await runner.request(Event("a"))
    assert isinstance(result.error, TimeoutError)
    assert loop().time() - start == pytest.approx(2, abs=0.1)


@virtual
async def test_agents_do_not_share_what_they_get() -> None:
    """What a handler does to its state, nested containers included, the event doesn't feel."""

    async def spoils(event: Event, state: State) -> None:
        state["list"].append(9)
        state["deep"]["list"].append(9)

    event = Event("a", {"list": [1], "deep": {"list": [2]}})
    async with make("", a=spoils) as runner:
        for _ in range(2):
            result = await runner.request(event)
            assert result.state == {"list": [1, 9], "deep": {"list": [2, 9]}}
    assert event.data == {"list": [1], "deep": {"list": [2]}}


@virtual
async def test_ten_thousand_agents() -> None:
    """Any number of agents may be registered, each reached by its name."""
    ran: list[str] = []

    async def note(event: Event, state: State) -> None:
        ran.append(event.target)

    runner = make("[runtime]\nqueue_size = 20000")
    for number in range(10_000):
        runner.register_agent(f"agent{number}", note)
    async with runner:
        for number in range(0, 10_000, 97):
            await runner.emit(Event(f"agent{number}"))
        await runner.join()
    assert ran == [f"agent{number}" for number in range(0, 10_000, 97)]


@virtual
async def test_registering_while_running_serves_the_next_event() -> None:
    """An agent may be registered by a handler, and is there at once."""
    late = recorder({"late": True})

    async def registers(event: Event, state: State) -> None:
        runner.register_agent("late", late.agent)

    async with make("", a=registers) as runner:
        await runner.request(Event("a"))
        result = await runner.request(Event("late"))
    assert result.state == {"late": True}


@virtual
async def test_from_config_takes_a_config() -> None:
    """Runner.from_config is the constructor by another name."""
    assert Runner.from_config(config("[runtime]\nqueue_size = 7")).config.runtime.queue_size == 7


def test_an_agent_class_has_these_attributes() -> None:
    """What a subclass may say of itself, and what holds when it says nothing."""
    agent = Agent()
    assert (agent.name, agent.role, agent.description, agent.system_prompt) == ("", "", "", "")
    assert (list(agent.capabilities), agent.timeout, agent.enabled, agent.llm) == (
        [], None, True, None,
    )  # fmt: skip

"""Circuit breakers: when an agent is given a rest, and how it comes back."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentflow import CircuitBreaker, CircuitOpen, Event, State
from agentflow.resilience import BreakerPolicy
from agentflow.testing import recorder

from .support import LANES, NO_RETRY, loop, make, settle, virtual


class Hands:
    """A clock for a breaker on its own."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def breaker(**policy: float) -> tuple[CircuitBreaker, Hands]:
    hands = Hands()
    return CircuitBreaker(BreakerPolicy(**policy), hands), hands  # type: ignore[arg-type]


def test_the_defaults_of_a_breaker() -> None:
    """5 failures, 30 seconds, 2 calls in the half-open state, 3 successes."""
    policy = BreakerPolicy()
    assert (policy.failure_threshold, policy.cool_down) == (5, 30)
    assert (policy.half_open_calls, policy.success_threshold) == (2, 3)


def test_five_failures_in_a_row_open_it() -> None:
    """A success in between starts the count again."""
    found, _ = breaker()
    for _ in range(4):
        found.failed()
    found.succeeded()
    for _ in range(4):
        found.failed()
    assert found.state == "closed"
    found.failed()
    assert found.state == "open"
    assert not found.allow()
    assert found.retry_after() == 30


def test_half_open_lets_two_through_and_three_successes_close_it() -> None:
    """After the cool-down, two calls at a time, and closed after the third success."""
    found, hands = breaker(failure_threshold=1)
    found.failed()
    hands.time += 29.9
    assert not found.allow()
    hands.time += 0.1
    assert [found.allow(), found.allow(), found.allow()] == [True, True, False]
    assert found.state == "half-open"
    found.succeeded()
    assert found.allow()
    found.succeeded()
    found.succeeded()
    assert found.state == "closed"
    assert found.retry_after() == 0


def test_a_failure_while_half_open_opens_it_again() -> None:
    """The cool-down begins anew."""
    found, hands = breaker(failure_threshold=3)
    for _ in range(3):
        found.failed()
    hands.time += 30
    assert found.allow()
    found.failed()
    assert found.state == "open"
    assert found.retry_after() == 30


@given(st.lists(st.sampled_from(["call", "ok", "fail", "wait", "abandon"]), max_size=60))
@settings(max_examples=100, deadline=None)
def test_a_breaker_never_gets_stuck(steps: list[str]) -> None:
    """Whatever has happened, after the cool-down calls that succeed close it."""
    found, hands = breaker(failure_threshold=2)
    open_calls = 0
    for step in steps:
        if step == "call":
            open_calls += found.allow()
        elif step == "wait":
            hands.time += 17
        elif open_calls:
            open_calls -= 1
            {"ok": found.succeeded, "fail": found.failed, "abandon": found.abandoned}[step]()
        assert found.in_trial <= 2
    for _ in range(open_calls):
        found.succeeded()
    hands.time += 31
    for _ in range(3):
        assert found.allow()
        found.succeeded()
    assert found.state == "closed"


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_five_failed_runs_open_an_agents_breaker(lane: str) -> None:
    """The sixth event fails at once with CircuitOpen; the handler is not called."""
    worker, other = recorder(ValueError("x")), recorder()
    async with make(NO_RETRY, lane, a=worker.agent, b=other.agent) as runner:
        for _ in range(5):
            await runner.request(Event("a"))
        result = await runner.request(Event("a"))
        assert isinstance(result.error, CircuitOpen)
        assert result.error.retry_after == pytest.approx(30, abs=0.01)
        assert (await runner.request(Event("b"))).error is None
    assert len(worker.calls) == 5
    assert runner.counts() == (7, 0, 0, 0, 1, 6)


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_after_the_cool_down_it_comes_back(lane: str) -> None:
    """Three successes after thirty seconds close it, and all is as before."""
    worker = recorder(*[ValueError("x")] * 5, {"ok": 1})
    async with make(NO_RETRY, lane, a=worker.agent) as runner:
        for _ in range(5):
            await runner.request(Event("a"))
        state = runner.plan.agents["a"].vitals.breaker
        await asyncio.sleep(30)
        for _ in range(3):
            assert (await runner.request(Event("a"))).error is None
        assert state.state == "closed"
        for _ in range(5):
            assert (await runner.request(Event("a"))).error is None


@virtual
async def test_an_open_breaker_is_waited_for_when_there_is_time() -> None:
    """CircuitOpen is retryable after the cool-down: the event waits, queued, and succeeds."""
    text = """
        [orchestration]
        timeout_seconds = 100
        [error_routing.circuit_breaker]
        failure_threshold = 1
        timeout = 20
        [agents.a.retry_policy]
        jitter = false
    """.replace("[agents.a.retry_policy]", "[agents.a]\nsystem_prompt='x'\n[agents.a.retry_policy]")
    worker = recorder(ConnectionError("x"), {"ok": 1})
    async with make(text, a=worker.agent) as runner:
        start = loop().time()
        waiting = asyncio.create_task(runner.request(Event("a")))
        await asyncio.sleep(5)
        assert runner.counts().queued == 1
        result = await waiting
        assert loop().time() - start == pytest.approx(21, abs=1.1)
    assert result.error is None
    assert len(worker.calls) == 2


@virtual
async def test_timeouts_count_as_failures() -> None:
    """The breaker wraps the run, so it sees what the time limit did."""

    async def hangs(event: Event, state: State) -> None:
        await asyncio.Event().wait()

    text = NO_RETRY + "timeout_seconds = 1\n[error_routing.circuit_breaker]\nfailure_threshold = 2"
    async with make(text, a=hangs) as runner:
        for _ in range(2):
            await runner.request(Event("a"))
        assert isinstance((await runner.request(Event("a"))).error, CircuitOpen)


@pytest.mark.parametrize("output", [{"ok": 1}, None], ids=["mapping", "none"])
@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_a_run_that_began_in_time_counts_whatever_the_breaker_did(
    output: dict[str, int] | None, lane: str
) -> None:
    """A success that was under way when the breaker opened is a success."""
    gate = asyncio.Event()

    async def either(event: Event, state: State) -> dict[str, int] | None:
        if not event.data:
            raise ConnectionError("x")
        await gate.wait()
        return output

    text = NO_RETRY + "[error_routing.circuit_breaker]\nfailure_threshold = 1"
    async with make(text, lane, a=either) as runner:
        waiting = asyncio.create_task(runner.request(Event("a", {"x": 1})))
        await settle()
        await runner.request(Event("a"))
        gate.set()
        result = await waiting
    assert result.error is None
    assert runner.counts() == (2, 0, 0, 0, 1, 1)


@virtual
async def test_a_new_plan_keeps_the_breakers() -> None:
    """Applying a configuration does not close what failures opened."""
    from .support import config

    async with make(NO_RETRY, a=recorder(ValueError("x")).agent) as runner:
        for _ in range(5):
            await runner.request(Event("a"))
        await runner.apply(config(NO_RETRY + "timeout_seconds = 60"))
        assert isinstance((await runner.request(Event("a"))).error, CircuitOpen)

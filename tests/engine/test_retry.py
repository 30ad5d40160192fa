"""Retries: what is tried again, how often, and how long it waits."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentflow import (
    AgentNotFound,
    AgentTimeout,
    CircuitOpen,
    ErrorClass,
    ErrorClassifier,
    Event,
    ProviderAuthError,
    ProviderRateLimited,
    ProviderServerError,
    QueueFull,
    RetryPolicy,
    State,
)
from agentflow.testing import recorder

from .support import LANES, loop, make, settle, virtual

STEADY = "[error_routing.retry]\njitter = false\n[orchestration]\ntimeout_seconds = 1000\n"


def test_the_defaults_of_a_retry_policy() -> None:
    """Three retries after 1, 2 and 4 seconds, at most 30."""
    policy = RetryPolicy()
    assert (policy.max_retries, policy.initial_delay, policy.max_delay) == (3, 1, 30)
    assert (policy.backoff_factor, policy.jitter) == (2, True)
    steady = RetryPolicy(jitter=False)
    assert [steady.delay(n) for n in range(1, 8)] == [1, 2, 4, 8, 16, 30, 30]
    assert steady.delay(10_000) == 30


@given(st.integers(1, 50), st.integers())
@settings(max_examples=60, deadline=None)
def test_jitter_takes_off_up_to_a_quarter(retry: int, seed: int) -> None:
    """Between three quarters of the delay and all of it."""
    whole = RetryPolicy(jitter=False).delay(retry)
    delay = RetryPolicy().delay(retry, random.Random(seed))
    assert 0.75 * whole <= delay <= whole


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_a_failure_is_tried_again_three_times(lane: str) -> None:
    """Four attempts, one, two and four seconds apart, then a dead letter."""
    times: list[float] = []

    async def fails(event: Event, state: State) -> None:
        times.append(loop().time())
        raise ConnectionError(str(len(times)))

    async with make(STEADY, lane, a=fails) as runner:
        result = await runner.request(Event("a"))
    waits = [after - before for before, after in pairwise(times)]
    assert waits == [pytest.approx(seconds, abs=0.01) for seconds in (1, 2, 4)]
    assert str(result.error) == "4"
    assert runner.dead_letters[0].attempts == 4
    assert runner.plan.agents["a"].vitals.meter.retries == 3


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_every_attempt_begins_with_the_same_state(lane: str) -> None:
    """What a failed attempt did to the state, at any depth, is forgotten."""
    seen: list[Any] = []

    async def spoils(event: Event, state: State) -> dict[str, int]:
        seen.append(state.to_dict())
        state["x"] = 99
        state["list"].append(99)
        state.meta["spoilt"] = "yes"
        if len(seen) < 3:
            raise ConnectionError("x")
        return {"ok": 1}

    async with make(STEADY, lane, a=spoils) as runner:
        result = await runner.request(Event("a", {"x": 1, "list": [1]}))
    assert seen == [{"x": 1, "list": [1]}] * 3
    assert result.state["list"] == [1, 99]


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize(
    "error",
    [ValueError("x"), TypeError("x"), KeyError("x"), ProviderAuthError("p", "401"),
     RuntimeError("authentication failed"), PermissionError("x"), NotImplementedError()],
    ids=repr,
)  # fmt: skip
@virtual
async def test_fatal_errors_are_not_tried_again(error: Exception, lane: str) -> None:
    """What another try can't help fails at once, by type or by its words."""
    worker = recorder(error)
    async with make("", lane, a=worker.agent) as runner:
        start = loop().time()
        result = await runner.request(Event("a"))
        assert loop().time() == start
    assert result.error is error
    assert len(worker.calls) == 1


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (ConnectionError("x"), ErrorClass.RETRYABLE),
        (TimeoutError("x"), ErrorClass.RETRYABLE),
        (AgentTimeout("a", 1), ErrorClass.RETRYABLE),
        (CircuitOpen("a", 1), ErrorClass.RETRYABLE),
        (QueueFull(1), ErrorClass.RETRYABLE),
        (ProviderRateLimited("p", "429"), ErrorClass.RETRYABLE),
        (ProviderServerError("p", "500"), ErrorClass.RETRYABLE),
        (RuntimeError("connection reset"), ErrorClass.RETRYABLE),
        (RuntimeError("rate limit hit"), ErrorClass.RETRYABLE),
        (RuntimeError("odd"), ErrorClass.UNKNOWN),
        (AgentNotFound("a"), ErrorClass.FATAL),
        (ProviderAuthError("p", "401"), ErrorClass.FATAL),
        (ValueError("connection"), ErrorClass.FATAL),
        (RuntimeError("validation of the form"), ErrorClass.FATAL),
        (FileNotFoundError("x"), ErrorClass.FATAL),
        (ExceptionGroup("g", [ConnectionError(), ValueError()]), ErrorClass.FATAL),
        (ExceptionGroup("g", [ConnectionError(), TimeoutError()]), ErrorClass.RETRYABLE),
        (ExceptionGroup("g", [ConnectionError(), RuntimeError("odd")]), ErrorClass.UNKNOWN),
    ],
    ids=repr,
)
def test_errors_are_classified_by_type_then_by_text(error: Exception, verdict: str) -> None:
    """Types don't depend on wording, so they come first."""
    assert ErrorClassifier().classify(error) == verdict
    assert ErrorClassifier().is_retryable(error) is (verdict != ErrorClass.FATAL)


def test_words_of_ones_own_come_before_the_tables() -> None:
    """A classifier may be told more words, for messages and for type names."""
    classifier = ErrorClassifier(retryable=["flaky"], fatal=["ConnectionError"])
    assert classifier.classify(ValueError("flaky disk")) == ErrorClass.RETRYABLE
    assert classifier.classify(ConnectionError("x")) == ErrorClass.FATAL


@virtual
async def test_an_agents_own_policy_comes_before_the_general_one() -> None:
    """agents.X.retry_policy over orchestration.retry_attempts over error_routing.retry."""
    text = """
        [error_routing.retry]
        max_retries = 1
        initial_delay = 7
        jitter = false
        [orchestration]
        retry_attempts = 2
        timeout_seconds = 1000
        [agents.own]
        system_prompt = "x"
        [agents.own.retry_policy]
        max_retries = 4
        [agents.general]
        system_prompt = "x"
    """
    own, general = recorder(ConnectionError()), recorder(ConnectionError())
    async with make(text, own=own.agent, general=general.agent) as runner:
        start = loop().time()
        await runner.request(Event("general"))
        assert loop().time() - start == pytest.approx(7 + 14, abs=0.01)
        await runner.request(Event("own"))
    assert (len(own.calls), len(general.calls)) == (5, 3)


@virtual
async def test_a_retry_that_would_come_too_late_is_not_waited_for() -> None:
    """When the limit passes before the next attempt the event fails at once."""
    async with make("", a=recorder(ConnectionError("x")).agent) as runner:
        start = loop().time()
        result = await runner.request(Event("a", {}, {"timeout": "2s"}))
        assert loop().time() - start <= 1.01
    assert isinstance(result.error, ConnectionError)


@virtual
async def test_a_provider_that_says_how_long_is_believed() -> None:
    """Retry-After is the least wait before the next attempt."""
    worker = recorder(ProviderRateLimited("p", "slow down", retry_after=12), {"y": 1})
    async with make(STEADY, a=worker.agent) as runner:
        start = loop().time()
        result = await runner.request(Event("a"))
        assert loop().time() - start == pytest.approx(12, abs=0.01)
    assert result.error is None


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_waiting_for_a_retry_is_queued_and_takes_no_slot(lane: str) -> None:
    """With one slot, others run while an event waits for its next attempt."""
    quick = recorder()
    text = STEADY + "[runtime]\nmax_concurrent_events = 1"
    async with make(text, lane, a=recorder(ConnectionError("x"), None).agent,
                    b=quick.agent) as runner:  # fmt: skip
        await runner.emit(Event("a"))
        await settle()
        assert runner.counts() == (1, 1, 0, 0, 0, 0)
        await runner.request(Event("b"))
        assert runner.counts() == (2, 1, 0, 0, 1, 0)
        await runner.join()
    assert runner.counts() == (2, 0, 0, 0, 2, 0)


@virtual
async def test_retries_of_a_parallel_phase_take_no_slot_either() -> None:
    """When every agent that is left waits for a retry, somebody else may run."""
    text = """
        [orchestration]
        mode = "collaborative"
        collaborative_agents = ["a", "b"]
        [runtime]
        max_concurrent_events = 1
    """
    agents = {"a": recorder(ConnectionError("x"), None).agent, "b": recorder().agent}
    async with make(text, c=recorder().agent, **agents) as runner:
        await runner.emit(Event())
        await settle()
        assert runner.counts() == (1, 1, 0, 0, 0, 0)
        await runner.request(Event("c", {}, {"orchestration_override": "route"}))
        assert runner.counts().succeeded == 1
        await runner.join()
    assert runner.counts().succeeded == 2

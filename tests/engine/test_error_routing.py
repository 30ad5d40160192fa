"""Error routing: who is told of a dead letter, how severity rises, what the event says."""

from __future__ import annotations

import asyncio
import errno
from datetime import UTC, datetime
from typing import Any

import pytest

from agentflow import AgentNotFound, CircuitOpen, Event, InvalidEvent, State
from agentflow.errors import ProviderAuthError, ProviderTimeout
from agentflow.resilience.error_routing import category_of, escalated
from agentflow.testing import Recorder, recorder

from .support import LANES, NO_RETRY, config, make, virtual

RETRIES = "[orchestration]\nretry_attempts = 2\n[error_routing.retry]\njitter = false\n"


def handlers(*names: str) -> dict[str, Recorder]:
    """Agents that note what they are told."""
    return {name: recorder() for name in names}


def agents(noting: dict[str, Recorder]) -> dict[str, Any]:
    return {name: worker.agent for name, worker in noting.items()}


def told(noting: dict[str, Recorder]) -> dict[str, int]:
    """How many error events each of them had, without those that had none."""
    return {name: len(worker.calls) for name, worker in noting.items() if worker.calls}


def down(event: Event, state: State) -> None:
    raise ConnectionError("down")


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_an_error_event_says_everything(lane: str) -> None:
    """The event, the agent, the error in words and kinds, attempts, session, time, version."""
    rest = recorder()
    text = RETRIES + "[error_routing]\ndefault_error_handler = 'rest'"
    async with make(text, lane, a=recorder(down).agent, rest=rest.agent) as runner:
        await runner.apply(config(text + "\nseverity_handlers = {}"))
        event = Event("a", {"x": 1}, {"priority": "high"}, session_id="s")
        await runner.request(event)
        await runner.join()
        letter = runner.dead_letters[0]
        assert runner.counts() == (2, 0, 0, 0, 1, 1)
    (error,) = rest.events
    moment = datetime.fromtimestamp(letter.time, UTC)
    assert dict(error.data) == {
        "original_event": event.to_dict(),
        "failed_agent": "a",
        "error_type": "ConnectionError",
        "error_message": "ConnectionError: down",
        "error_category": "network",
        "error_class": "retryable",
        "severity": "critical",
        "escalated": True,
        "attempts": 3,
        "retry_count": 2,
        "session_id": "s",
        "time": moment.isoformat(),
        "config_version": 2,
    }
    assert error.metadata["system"] == "true"
    assert error.metadata["error_category"] == "network"
    assert error.metadata["severity"] == "critical"
    assert (error.session_id, error.parent_event, error.source) == ("s", event.id, "a")


SEVERE = """
[error_routing]
default_error_handler = "rest"
critical_errors = "critical"
[error_routing.severity_handlers]
low = "low"
MEDIUM = "medium"
high = "high"
"""


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize(
    ("priority", "retries", "fatal", "handler"),
    [
        ("low", 0, False, "low"),
        ("low", 2, False, "medium"),
        ("normal", 0, False, "medium"),
        ("normal", 2, False, "high"),
        ("normal", 2, True, "high"),
        ("high", 0, False, "high"),
        ("high", 2, True, "high"),
        ("high", 2, False, "critical"),
        ("critical", 2, False, "critical"),
    ],
)
@virtual
async def test_severity_rises_when_the_last_attempt_has_failed(
    priority: str, retries: int, fatal: bool, handler: str, lane: str
) -> None:
    """One step up for what was tried again in vain; a fatal error was never tried again."""
    error = ValueError("x") if fatal else ConnectionError("x")
    noting = handlers("low", "medium", "high", "critical", "rest")
    text = f"[orchestration]\nretry_attempts = {retries}\n{SEVERE}"
    async with make(text, lane, a=recorder(error).agent, **agents(noting)) as runner:
        await runner.request(Event("a", {}, {"priority": priority}))
        await runner.join()
    assert told(noting) == {handler: 1}
    (event,) = noting[handler].events
    assert event.data["escalated"] == (retries > 0 and not fatal and priority != "critical")


@virtual
async def test_without_a_handler_for_the_risen_severity_the_one_before_is_asked() -> None:
    """Nobody who handles medium errors loses those that were tried again."""
    noting = handlers("medium", "network", "rest")
    text = RETRIES + (
        "[error_routing]\ndefault_error_handler = 'rest'\n"
        "severity_handlers = {medium = 'medium'}\ncategory_handlers = {network = 'network'}\n"
        "circuit_breaker = {failure_threshold = 100}\n"
    )
    async with make(text, a=recorder(down).agent, **agents(noting)) as runner:
        await runner.request(Event("a"))
        await runner.request(Event("a", {}, {"priority": "high"}))
        await runner.join()
    assert told(noting) == {"medium": 1, "network": 1}


def test_severities_rise_to_critical_and_no_further() -> None:
    """low, medium, high, critical."""
    assert [escalated(word) for word in ("low", "medium", "high", "critical")] == [
        "medium", "high", "critical", "critical",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("error", "category"),
    [
        (TimeoutError("x"), "timeout"),
        (ProviderTimeout("p", "x"), "timeout"),
        (ProviderAuthError("p", "x"), "provider"),
        (AgentNotFound("x"), "routing"),
        (CircuitOpen("a", 1.0), "circuit"),
        (InvalidEvent("data", "x"), "validation"),
        (ValueError("connection"), "validation"),
        (BrokenPipeError("x"), "network"),
        (PermissionError("x"), "auth"),
        (MemoryError("x"), "resource"),
        (RuntimeError("the request timed out"), "timeout"),
        (RuntimeError("Validation failed"), "validation"),
        (RuntimeError("403 Forbidden"), "auth"),
        (RuntimeError("connection lost"), "network"),
        (RuntimeError("rate limit hit"), "resource"),
        (OSError(errno.EIO, "x"), "unknown"),
        (RuntimeError("odd"), "unknown"),
        (ExceptionGroup("both", [TimeoutError("x"), ValueError("y")]), "timeout"),
    ],
)
def test_errors_have_a_category(error: Exception, category: str) -> None:
    """By type, then by the words of the message; of a group, that of its first."""
    assert category_of(error) == category


@pytest.mark.parametrize(
    "key", ["validation", "validation_error", "validation_errors", "VALIDATION_ERROR", "Validation"]
)
@virtual
async def test_categories_are_known_by_other_names(key: str) -> None:
    """As AgenticGoKit's code and guides write them."""
    form = recorder()
    text = f"{NO_RETRY}[error_routing.category_handlers]\n{key} = 'form'"
    async with make(text, a=recorder(ValueError("x")).agent, form=form.agent) as runner:
        await runner.request(Event("a"))
        await runner.join()
    assert len(form.calls) == 1


@virtual
async def test_a_handler_that_is_not_there_is_said_once_and_the_next_is_told() -> None:
    """Not with every error; a new configuration has it said anew."""
    text = NO_RETRY + (
        "[error_routing]\nvalidation_errors = 'gone'\ndefault_error_handler = '{}'\n"
        "circuit_breaker.failure_threshold = 100\n"
        "[agents.off]\nenabled = false\nsystem_prompt = 'x'\n"
    )
    rest = recorder()
    async with make(text.format("rest"), a=recorder(ValueError("x")).agent, rest=rest.agent) as r:
        for _ in range(5):
            await r.request(Event("a"))
        await r.join()
        said = [row.text for row in r.telemetry.lines.items if "error handler" in row.text]
        assert len(said) == 1
        assert "'gone'" in said[0]
        assert "'rest'" in said[0]
        assert len(rest.calls) == 5
        await r.apply(config(text.format("off")))
        for _ in range(5):
            await r.request(Event("a"))
        await r.join()
        said = [row.text for row in r.telemetry.lines.items if "error handler" in row.text]
        assert len(said) == 3
        assert "'off'" in said[2]
        assert "nobody" in said[2]
        assert len(rest.calls) == 5


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_a_handler_that_fails_is_recorded_and_nothing_else(lane: str) -> None:
    """Neither a retry nor an error event, whatever it raises; its breaker knows."""
    rest = recorder(down)
    text = RETRIES + "[error_routing]\ndefault_error_handler = 'rest'"
    async with make(text, lane, a=recorder(ValueError("x")).agent, rest=rest.agent) as runner:
        for _ in range(3):
            await runner.request(Event("a"))
        await runner.join()
        assert runner.counts() == (6, 0, 0, 0, 0, 6)
        assert runner.plan.agents["rest"].vitals.breaker.failures == 3
    assert len(rest.calls) == 3
    assert [letter.agent for letter in runner.dead_letters].count("rest") == 3


@virtual
async def test_a_stopped_error_handler_holds_its_error_events() -> None:
    """They are events as all others: none is lost while it is stopped."""
    rest = recorder(*[down] * 2, {"ok": 1})
    text = NO_RETRY + (
        "[error_routing]\ndefault_error_handler = 'rest'\n"
        "[error_routing.circuit_breaker]\nfailure_threshold = 1\ntimeout = 1\n"
        "[supervision]\nmax_restarts = 0\n"
    )
    async with make(text, **{str(n): recorder(ValueError("x")).agent for n in range(5)},
                    rest=rest.agent) as runner:  # fmt: skip
        for number in range(5):
            await runner.request(Event(str(number)))
            await runner.join()
            await asyncio.sleep(1)
        assert runner.counts() == (10, 0, 3, 0, 0, 7)
        runner.resume("rest")
        await runner.join()
        assert runner.counts() == (10, 0, 0, 0, 3, 7)
    assert len(rest.calls) == 5

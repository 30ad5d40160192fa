"""Retry, rate limit, circuit breaker, and where errors go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from agentflow.config.section import Section, Spelling, ms, same, setting
from agentflow.config.values import (
    Delay,
    Duration,
    Factor,
    Name,
    Natural,
    Positive,
    Rate,
    Switch,
    TextTable,
)


class RetryConfig(Section):
    """How often and how patiently a failed run is tried again."""

    max_retries: Natural = setting(3, "Tries after the first one.")
    initial_delay: Delay = setting(1.0, "Seconds before the first retry.")
    max_delay: Delay = setting(30.0, "The longest wait between two tries, in seconds.")
    backoff_factor: Factor = setting(2.0, "By how much each wait is longer.")
    jitter: Switch = setting(True, "Whether waits vary at random, to spread load.")

    spellings: ClassVar[Mapping[str, Spelling]] = {
        "base_delay": same("initial_delay"),
        "base_delay_ms": ms("initial_delay"),
        "initial_delay_ms": ms("initial_delay"),
        "retry_delay": same("initial_delay"),
        "retry_delay_ms": ms("initial_delay"),
        "max_delay_ms": ms("max_delay"),
        "backoff_multiplier": same("backoff_factor"),
        "backoff": same("backoff_factor"),
        "multiplier": same("backoff_factor"),
        "enable_jitter": same("jitter"),
    }


class RateLimitConfig(Section):
    """How many requests may go out; when both rates are given, both hold."""

    requests_per_second: Rate | None = setting(None, "Requests allowed each second.")
    requests_per_minute: Rate | None = setting(None, "Requests allowed each minute.")
    burst: Positive = setting(1, "Requests that may go out at once after a quiet time.")

    spellings: ClassVar[Mapping[str, Spelling]] = {
        "burst_size": same("burst"),
        "burst_limit": same("burst"),
        "rps": same("requests_per_second"),
        "rpm": same("requests_per_minute"),
    }
    unused: ClassVar[Mapping[str, str]] = {"tokens_per_minute": "use requests_per_minute"}


class CircuitBreakerConfig(Section):
    """When to stop calling an agent that keeps failing, and when to try it again."""

    failure_threshold: Positive = setting(5, "Failures in a row that open the breaker.")
    timeout: Duration = setting(30.0, "Seconds it stays open before it lets calls by.")
    success_threshold: Positive = setting(3, "Successes that close it again.")
    half_open_calls: Positive = setting(2, "Calls let through at once while half-open.")

    spellings: ClassVar[Mapping[str, Spelling]] = {
        "timeout_ms": ms("timeout"),
        "timeout_seconds": same("timeout"),
        "max_concurrent_calls": same("half_open_calls"),
        "half_open_max_calls": same("half_open_calls"),
    }


class ErrorRoutingConfig(Section):
    """What happens when an agent fails for good, and to whom its errors go."""

    enabled: Switch = setting(True, "Whether failures make error events for handlers.")
    retry: RetryConfig | None = setting(None, "The retry policy of all agents.")
    circuit_breaker: CircuitBreakerConfig | None = setting(
        None, "The circuit breaker of every agent."
    )
    category_handlers: TextTable = setting({}, "Handler agent by category of error.")
    severity_handlers: TextTable = setting({}, "Handler agent by severity of error.")
    validation_errors: Name | None = setting(None, "Handler agent for invalid input.")
    timeout_errors: Name | None = setting(None, "Handler agent for timeouts.")
    critical_errors: Name | None = setting(None, "Handler agent for critical errors.")
    default_error_handler: Name | None = setting(None, "Handler agent for the rest.")

    spellings: ClassVar[Mapping[str, Spelling]] = {
        "error_handler_name": same("default_error_handler"),
        "default_handler": same("default_error_handler"),
        "max_retries": same("retry", "max_retries"),
        "retry_delay_ms": ms("retry", "initial_delay"),
    }
    unused: ClassVar[Mapping[str, str]] = {
        "enable_circuit_breaker": "every agent has a circuit breaker"
    }

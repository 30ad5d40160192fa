"""Retry, rate limit, circuit breaker, and where errors go."""

from __future__ import annotations

from pydantic import Field

from agentflow.config.section import Section, ms, same
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

    max_retries: Natural = Field(3, description="Tries after the first one.")
    initial_delay: Delay = Field(1.0, description="Seconds before the first retry.")
    max_delay: Delay = Field(30.0, description="The longest wait between two tries, in seconds.")
    backoff_factor: Factor = Field(2.0, description="By how much each wait is longer.")
    jitter: Switch = Field(True, description="Whether waits vary at random, to spread load.")

    spellings = {
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

    requests_per_second: Rate | None = Field(None, description="Requests allowed each second.")
    requests_per_minute: Rate | None = Field(None, description="Requests allowed each minute.")
    burst: Positive = Field(1, description="Requests that may go out at once after a quiet time.")

    spellings = {
        "burst_size": same("burst"),
        "burst_limit": same("burst"),
        "rps": same("requests_per_second"),
        "rpm": same("requests_per_minute"),
    }
    unused = {"tokens_per_minute": "use requests_per_minute"}


class CircuitBreakerConfig(Section):
    """When to stop calling an agent that keeps failing, and when to try it again."""

    failure_threshold: Positive = Field(5, description="Failures in a row that open the breaker.")
    timeout: Duration = Field(30.0, description="Seconds it stays open before it lets calls by.")
    success_threshold: Positive = Field(3, description="Successes that close it again.")
    half_open_calls: Positive = Field(2, description="Calls let through at once while half-open.")

    spellings = {
        "timeout_ms": ms("timeout"),
        "timeout_seconds": same("timeout"),
        "max_concurrent_calls": same("half_open_calls"),
        "half_open_max_calls": same("half_open_calls"),
    }


class ErrorRoutingConfig(Section):
    """What happens when an agent fails for good, and to whom its errors go."""

    enabled: Switch = Field(True, description="Whether failures make error events for handlers.")
    retry: RetryConfig | None = Field(None, description="The retry policy of all agents.")
    circuit_breaker: CircuitBreakerConfig | None = Field(
        None, description="The circuit breaker of every agent."
    )
    category_handlers: TextTable = Field({}, description="Handler agent by category of error.")
    severity_handlers: TextTable = Field({}, description="Handler agent by severity of error.")
    validation_errors: Name | None = Field(None, description="Handler agent for invalid input.")
    timeout_errors: Name | None = Field(None, description="Handler agent for timeouts.")
    critical_errors: Name | None = Field(None, description="Handler agent for critical errors.")
    default_error_handler: Name | None = Field(None, description="Handler agent for the rest.")

    spellings = {
        "error_handler_name": same("default_error_handler"),
        "default_handler": same("default_error_handler"),
        "max_retries": same("retry", "max_retries"),
        "retry_delay_ms": ms("retry", "initial_delay"),
    }
    unused = {"enable_circuit_breaker": "every agent has a circuit breaker"}

"""Error routing: which agent, if any, is told about an event that ended dead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentflow.errors import AgentNotFound, EventLoopDetected, InvalidEvent, ProviderError
from agentflow.resilience.classifier import ErrorClass, ErrorClassifier

if TYPE_CHECKING:
    from agentflow.config import ErrorRoutingConfig


def category_of(error: BaseException) -> str:
    """timeout, validation, provider, routing, loop, network or unknown."""
    if isinstance(error, BaseExceptionGroup):
        return category_of(error.exceptions[0])
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, ProviderError):
        return "provider"
    if isinstance(error, AgentNotFound):
        return "routing"
    if isinstance(error, EventLoopDetected):
        return "loop"
    if isinstance(error, (InvalidEvent, ValueError, TypeError, SyntaxError)):
        return "validation"
    if isinstance(error, ConnectionError):
        return "network"
    return "unknown"


def severity_of(error: BaseException, priority: str) -> str:
    """critical, high, medium or low: from the event's priority and the class of the error."""
    if priority == "critical":
        return "critical"
    if ErrorClassifier().classify(error) is ErrorClass.FATAL or priority == "high":
        return "high"
    return "low" if priority == "low" else "medium"


def handler_for(settings: ErrorRoutingConfig, error: BaseException, priority: str) -> str:
    """The name of the agent that gets the error event, or ''."""
    if not settings.enabled:
        return ""
    category, severity = category_of(error), severity_of(error, priority)
    named = {
        "validation": settings.validation_errors,
        "timeout": settings.timeout_errors,
    }
    return (
        settings.severity_handlers.get(severity)
        or (settings.critical_errors if severity == "critical" else None)
        or settings.category_handlers.get(category)
        or named.get(category)
        or settings.default_error_handler
        or ""
    )

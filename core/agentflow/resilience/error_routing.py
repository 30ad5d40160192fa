"""Error routing: which agent, if any, is told about an event that ended dead, and what."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from agentflow.config.error_words import SEVERITIES, category_named, severity_named
from agentflow.errors import (
    AgentNotFound,
    CircuitOpen,
    InvalidEvent,
    ProviderError,
)
from agentflow.resilience.classifier import ErrorClass, ErrorClassifier
from agentflow.resilience.dead_letters import describe

if TYPE_CHECKING:
    from agentflow.config import ErrorRoutingConfig
    from agentflow.event import Event
    from agentflow.resilience.dead_letters import DeadLetter

_TYPES: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    ((TimeoutError,), "timeout"),
    ((ProviderError,), "provider"),
    ((AgentNotFound,), "routing"),
    ((CircuitOpen,), "circuit"),
    ((InvalidEvent, ValueError, TypeError, SyntaxError), "validation"),
    ((ConnectionError,), "network"),
    ((PermissionError,), "auth"),
    ((MemoryError, RecursionError), "resource"),
)
_WORDS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("timeout", "timed out"), "timeout"),
    (("validation", "invalid"), "validation"),
    (("authentication", "authorization", "unauthorized", "forbidden"), "auth"),
    (("connection", "network"), "network"),
    (("rate_limit", "rate limit", "quota"), "resource"),
)


def category_of(error: BaseException) -> str:
    """timeout, validation, provider, network, auth, resource, circuit, routing or unknown.

    By type first, then by the words of its text. Of a group, that of its first member.
    """
    if isinstance(error, BaseExceptionGroup):
        return category_of(error.exceptions[0])
    for types, category in _TYPES:
        if isinstance(error, types):
            return category
    text = describe(error).lower()
    for words, category in _WORDS:
        if any(word in text for word in words):
            return category
    return "unknown"


def severity_of(error_class: ErrorClass, priority: str) -> str:
    """critical, high, medium or low: from the event's priority and the class of the error."""
    if priority == "critical":
        return "critical"
    if error_class is ErrorClass.FATAL or priority == "high":
        return "high"
    return "low" if priority == "low" else "medium"


def escalated(severity: str) -> str:
    """The next higher severity."""
    return SEVERITIES[min(SEVERITIES.index(severity) + 1, len(SEVERITIES) - 1)]


@dataclass(frozen=True, slots=True)
class Failure:
    """A dead letter as those who handle errors see it.

    ``severity`` is one higher than ``first_severity`` when every attempt allowed was made in
    vain: what could be mended by trying again was not.
    """

    letter: DeadLetter
    category: str
    error_class: ErrorClass
    first_severity: str
    severity: str

    @classmethod
    def of(cls, letter: DeadLetter) -> Failure:
        """Sort the error of ``letter``."""
        error_class = ErrorClassifier().classify(letter.error)
        first = severity = severity_of(error_class, letter.event.priority)
        if letter.attempts > 1 and error_class is not ErrorClass.FATAL:
            severity = escalated(first)
        return cls(letter, category_of(letter.error), error_class, first, severity)

    def handlers(self, settings: ErrorRoutingConfig) -> Iterator[str]:
        """The agents that ``settings`` name for it, the first one first.

        By severity, the one it has risen to before the one it had; then by category; then
        the default.
        """
        by_severity = {severity_named(key): to for key, to in settings.severity_handlers.items()}
        by_category = {category_named(key): to for key, to in settings.category_handlers.items()}
        named = {
            "validation": settings.validation_errors,
            "timeout": settings.timeout_errors,
        }
        for name in (
            by_severity.get(self.severity),
            settings.critical_errors if self.severity == "critical" else None,
            by_severity.get(self.first_severity),
            by_category.get(self.category),
            named.get(self.category),
            settings.default_error_handler,
        ):
            if name:
                yield name

    def data(self) -> dict[str, Any]:
        """The data of the error event."""
        letter = self.letter
        return {
            "original_event": letter.event.to_dict(),
            "failed_agent": letter.agent,
            "error_type": type(letter.error).__name__,
            "error_message": describe(letter.error),
            "error_category": self.category,
            "error_class": str(self.error_class),
            "severity": self.severity,
            "escalated": self.severity != self.first_severity,
            "attempts": letter.attempts,
            "retry_count": max(0, letter.attempts - 1),
            "session_id": letter.session_id,
            "time": datetime.fromtimestamp(letter.time, UTC).isoformat(),
            "config_version": letter.config_version,
        }

    def metadata(self) -> Mapping[str, str]:
        """The metadata of the error event: it goes straight to its handler."""
        return {"system": "true", "error_category": self.category, "severity": self.severity}


class ErrorRouter:
    """Finds the handler of a failure. What it has to ``report`` (level, text), it says once."""

    def __init__(self, report: Callable[[str, str], None]) -> None:
        self._report = report
        self._settings: ErrorRoutingConfig | None = None
        self._missed: set[str] = set()
        self._idle = False

    def route(
        self, letter: DeadLetter, settings: ErrorRoutingConfig, agents: Container[str]
    ) -> Event | None:
        """The event that tells the handler of ``letter`` about it, if there is one.

        That is the first agent named for it that there is. Raises InvalidEvent for what
        can't be told.
        """
        if settings is not self._settings:
            self._settings = settings
            self._missed.clear()
            self._idle = not (settings.enabled and _names_any(settings))
        if self._idle:
            return None
        failure = Failure.of(letter)
        name = self._first(failure, settings, agents)
        return letter.event.child(name, failure.data(), failure.metadata()) if name else None

    def _first(self, failure: Failure, settings: ErrorRoutingConfig, agents: Container[str]) -> str:
        missed: list[str] = []
        found = ""
        for name in failure.handlers(settings):
            if name in agents:
                found = name
                break
            if name not in self._missed:
                self._missed.add(name)
                missed.append(name)
        for name in missed:
            instead = f"{found!r} is told instead" if found else "nobody is told of its errors"
            self._report("warning", f"error handler {name!r} is not an agent that runs: {instead}")
        return found


def _names_any(settings: ErrorRoutingConfig) -> bool:
    return bool(
        settings.severity_handlers
        or settings.category_handlers
        or settings.validation_errors
        or settings.timeout_errors
        or settings.critical_errors
        or settings.default_error_handler
    )

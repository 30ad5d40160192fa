"""ErrorClassifier: whether trying again could help.

By type first, since types don't depend on wording; by text for everything else, with
the words that the event-flow guide of AgenticGoKit uses.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Iterable
from enum import StrEnum

from agentflow.errors import (
    AgentFlowError,
    AgentTimeout,
    CircuitOpen,
    ProviderRateLimited,
    ProviderServerError,
    ProviderTimeout,
    ProviderUnavailable,
    QueueFull,
)
from agentflow.resilience.dead_letters import describe


class ErrorClass(StrEnum):
    """What to do about an error. Unknown ones are retried like retryable ones."""

    RETRYABLE = "retryable"
    FATAL = "fatal"
    UNKNOWN = "unknown"


RETRYABLE_TYPES: tuple[type[BaseException], ...] = (
    ProviderUnavailable,
    ProviderTimeout,
    ProviderRateLimited,
    ProviderServerError,
    AgentTimeout,
    CircuitOpen,
    QueueFull,
    TimeoutError,
    ConnectionError,
    BlockingIOError,
    InterruptedError,
)
FATAL_TYPES: tuple[type[BaseException], ...] = (
    CancelledError,
    AgentFlowError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    NameError,
    SyntaxError,
    ImportError,
    AssertionError,
    NotImplementedError,
    RecursionError,
    ArithmeticError,
    PermissionError,
    FileNotFoundError,
    NotADirectoryError,
    IsADirectoryError,
    MemoryError,
)
RETRYABLE_WORDS = ("timeout", "timed out", "connection", "rate_limit", "rate limit", "temporar")
FATAL_WORDS = (
    "authentication", "authorization", "unauthorized", "forbidden", "validation",
    "not_found", "not found",
)  # fmt: skip


class ErrorClassifier:
    """Sorts errors into retryable, fatal and unknown.

    ``retryable`` and ``fatal`` add words to look for in the message (or a type's name);
    they come before the built-in tables.
    """

    def __init__(self, retryable: Iterable[str] = (), fatal: Iterable[str] = ()) -> None:
        self._retryable = tuple(word.lower() for word in retryable)
        self._fatal = tuple(word.lower() for word in fatal)

    def classify(self, error: BaseException) -> ErrorClass:
        """The class of ``error``; of a group, fatal if any of its members is."""
        if isinstance(error, BaseExceptionGroup):
            classes = {self.classify(member) for member in error.exceptions}
            for verdict in (ErrorClass.FATAL, ErrorClass.UNKNOWN):
                if verdict in classes:
                    return verdict
            return ErrorClass.RETRYABLE
        text = describe(error).lower()
        if self._fatal and any(word in text for word in self._fatal):
            return ErrorClass.FATAL
        if self._retryable and any(word in text for word in self._retryable):
            return ErrorClass.RETRYABLE
        if isinstance(error, RETRYABLE_TYPES):
            return ErrorClass.RETRYABLE
        if isinstance(error, FATAL_TYPES):
            return ErrorClass.FATAL
        if any(word in text for word in FATAL_WORDS):
            return ErrorClass.FATAL
        if any(word in text for word in RETRYABLE_WORDS):
            return ErrorClass.RETRYABLE
        return ErrorClass.UNKNOWN

    def is_retryable(self, error: BaseException) -> bool:
        """Whether another attempt could help: everything but a fatal error."""
        return self.classify(error) is not ErrorClass.FATAL

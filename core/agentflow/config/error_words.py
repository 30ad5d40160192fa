"""The words for the categories and severities of errors, as keys of [error_routing] use them."""

from __future__ import annotations

from collections.abc import Mapping

CATEGORIES = (
    "validation", "timeout", "provider", "network", "auth", "resource", "circuit", "routing",
    "unknown",
)  # fmt: skip
SEVERITIES = ("low", "medium", "high", "critical")
"""From the least to the greatest."""

_OTHER_CATEGORIES: Mapping[str, str] = {
    "llm": "provider", "model": "provider", "connection": "network", "authentication": "auth",
    "authorization": "auth", "circuit_breaker": "circuit", "circuit_open": "circuit",
    "not_found": "routing",
}  # fmt: skip
_OTHER_SEVERITIES: Mapping[str, str] = {"normal": "medium", "fatal": "critical"}


def category_named(word: str) -> str:
    """The category that ``word`` means: ``VALIDATION_ERROR`` is ``validation``."""
    plain = word.strip().lower().replace("-", "_")
    plain = plain.removesuffix("s").removesuffix("_error") if "_error" in plain else plain
    return _OTHER_CATEGORIES.get(plain, plain)


def severity_named(word: str) -> str:
    """The severity that ``word`` means, in any case."""
    plain = word.strip().lower()
    return _OTHER_SEVERITIES.get(plain, plain)

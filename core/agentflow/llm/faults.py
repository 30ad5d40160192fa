"""The typed error for each way in which a provider can fail, with the key kept out of it."""

from __future__ import annotations

import math
import time
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from agentflow.errors import (
    ProviderAuthError,
    ProviderBadResponse,
    ProviderError,
    ProviderRateLimited,
    ProviderRejected,
    ProviderServerError,
    ProviderTimeout,
    ProviderUnavailable,
)

MAX_MESSAGE = 200
"""How many characters of a provider's own words go into an error."""

_STATUS_WORDS = (
    ("rate_limit", 429), ("quota", 429), ("overloaded", 503), ("unavailable", 503),
    ("server_error", 500), ("internal", 500), ("api_error", 500),
    ("auth", 401), ("api_key", 401), ("permission", 403), ("invalid_request", 400),
)  # fmt: skip


class Faults:
    """Makes the errors of one provider. ``secret`` never appears in what it makes."""

    def __init__(self, provider: str, secret: str = "") -> None:
        self.provider = provider
        self._secret = secret

    def unavailable(self, reason: str) -> ProviderUnavailable:
        """Nothing answers, or the connection broke."""
        return ProviderUnavailable(self.provider, self._shown(reason))

    def timeout(self, reason: str) -> ProviderTimeout:
        """The answer took too long."""
        return ProviderTimeout(self.provider, self._shown(reason))

    def auth(self, reason: str) -> ProviderAuthError:
        """There is no usable key."""
        return ProviderAuthError(self.provider, self._shown(reason))

    def bad(self, reason: str) -> ProviderBadResponse:
        """The answer is not in the form its protocol promises."""
        return ProviderBadResponse(self.provider, self._shown(reason))

    def of_status(self, status: int, body: bytes, retry_after: str = "") -> ProviderError:
        """The error for an HTTP ``status`` that is no success, and what came with it."""
        words = _words_of_body(body)
        return self._of_code(status, words, parse_retry_after(retry_after))

    def of_report(self, report: Any) -> ProviderError:
        """The error for an error object that a provider put into its answer."""
        words = _words_of(report) or "the provider reported an error"
        status = _status_of(report)
        return self._of_code(status, words, None) if status else self.bad(words)

    def _of_code(self, status: int, words: str, retry_after: float | None) -> ProviderError:
        message = self._shown(f"{status}: {words}" if words else str(status))
        if status in (401, 403):
            return ProviderAuthError(self.provider, message)
        if status == 429:
            return ProviderRateLimited(self.provider, message, retry_after)
        if status >= 500:
            return ProviderServerError(self.provider, message, status)
        if status >= 400:
            return ProviderRejected(self.provider, message, status)
        return ProviderBadResponse(self.provider, f"unexpected HTTP status {message}")

    def _shown(self, text: str) -> str:
        if self._secret:
            text = text.replace(self._secret, "[key]")
        return shorten(text)


def shorten(text: str) -> str:
    """``text`` on one line, without control characters, at most MAX_MESSAGE characters."""
    line = " ".join(text[: 20 * MAX_MESSAGE].split())
    line = "".join(character for character in line if character.isprintable())
    return line if len(line) <= MAX_MESSAGE else line[: MAX_MESSAGE - 1] + "…"


def parse_retry_after(text: str, now: float | None = None) -> float | None:
    """Seconds to wait from a Retry-After header: a number, or a date of HTTP.

    None when it says neither. ``now`` is in seconds since the epoch.
    """
    text = text.strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            moment = parsedate_to_datetime(text).timestamp()
        except (ValueError, OverflowError):
            return None
        return max(0.0, moment - (time.time() if now is None else now))
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _words_of_body(body: bytes) -> str:
    try:
        parsed = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return body.decode("utf-8", "replace")
    if isinstance(parsed, dict):
        return _words_of(parsed.get("error", parsed))
    return body.decode("utf-8", "replace")


def _words_of(report: Any) -> str:
    if isinstance(report, dict):
        for key in ("message", "error", "detail"):
            if report.get(key):
                return str(report[key])
        report = msgspec.json.encode(report).decode() if report else ""
    return str(report or "")


def _status_of(report: Any) -> int:
    """The HTTP status that an error object names or means, 0 when it tells nothing."""
    if not isinstance(report, dict):
        return 0
    marks = [str(report.get(key) or "").lower() for key in ("code", "status", "type")]
    for mark in marks:
        if len(mark) == 3 and mark.isdecimal() and "400" <= mark <= "599":
            return int(mark)
    for word, status in _STATUS_WORDS:
        if any(word in mark for mark in marks):
            return status
    return 0

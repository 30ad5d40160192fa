"""Moments: the ways in which people write a time of a recording."""

from __future__ import annotations

from datetime import datetime

from agentflow.durations import parse_duration
from agentflow.recording import Span


def parse_moment(text: str, span: Span) -> float:
    """The moment that ``text`` means, in seconds since the epoch. Raises ValueError.

    "12:04:31" and "12:04" are of the day on which the recording ends, or of the one before
    if that would be behind the end; "2026-03-01T12:04:31" is local time unless it says
    otherwise; "+90s" counts from the beginning, "-5m" from the end; a bare number is
    seconds since the epoch.
    """
    text = text.strip()
    try:
        if text[:1] in "+-" and text[1:]:
            ago = parse_duration(text[1:])
            return span.start + ago if text[0] == "+" else span.end - ago
        if text.replace(".", "", 1).isdecimal():
            return float(text)
        if "-" not in text and ":" in text:
            return _of_the_day(text, span)
        return datetime.fromisoformat(text).astimezone().timestamp()
    except (ValueError, OverflowError, OSError):
        raise ValueError(
            f"{text[:40]!r} is no time: write 12:04:31, 2026-03-01T12:04:31, +90s or -5m"
        ) from None


def _of_the_day(text: str, span: Span) -> float:
    clock = datetime.strptime(text, "%H:%M:%S" if text.count(":") == 2 else "%H:%M")  # noqa: DTZ007 - local time is what is meant
    day = datetime.fromtimestamp(span.end).astimezone()
    moment = day.replace(hour=clock.hour, minute=clock.minute, second=clock.second, microsecond=0)
    found = moment.timestamp()
    return found if found <= span.end else found - 86_400.0

"""Selecting: which moments of a recording a person means."""

from __future__ import annotations

import time
from datetime import datetime

from agentflow.durations import parse_duration, parse_time
from agentflow_console.arguments import UsageError

_CLOCK = ("%H:%M:%S", "%H:%M")


def moment(text: str, start: float) -> float:
    """Seconds since the epoch that ``text`` means, in a recording that begins at ``start``.

    It may be a time of the day ("14:05", on the day on which the recording begins), a span
    since the beginning ("5m"), or date and time (RFC 3339). Raises UsageError.
    """
    for form in _CLOCK:
        try:
            of_day = datetime.strptime(text, form).time()  # noqa: DTZ007 - local, as is shown
        except ValueError:
            continue
        day = datetime.fromtimestamp(start).astimezone()
        return day.replace(
            hour=of_day.hour, minute=of_day.minute, second=of_day.second, microsecond=0
        ).timestamp()
    try:
        return start + parse_duration(text)
    except ValueError:
        pass
    try:
        return parse_time(text).timestamp()
    except ValueError:
        raise UsageError(
            f"{text!r} is no moment: write 14:05, 5m (since the beginning) or "
            f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(start))}"
        ) from None

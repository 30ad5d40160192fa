"""Durations and deadlines as people write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentflow.durations import format_duration, parse_duration, parse_time


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30), ("1m30s", 90), ("250ms", 0.25), ("12", 12), ("1.5", 1.5), (" 2h ", 7200),
        ("1d", 86400), ("100us", 1e-4), ("100µs", 1e-4), ("5ns", 5e-9), ("0", 0), ("1e3", 1000),
        (7, 7), (0.5, 0.5),
    ],
)  # fmt: skip
def test_durations_are_read(text: str | float, seconds: float) -> None:
    """Go's notation and plain seconds are both understood."""
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    ["", "soon", "-1s", "-1", "1x", "1s2", "s", "nan", "inf", "1e99", "1 m", True, "1m-2s", "\x00"],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    """Anything else, negative or endless, is a ValueError."""
    with pytest.raises(ValueError):
        parse_duration(text)


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
@settings(max_examples=80, deadline=None)
def test_parts_add_up(hours: int, minutes: int, seconds: int, millis: int) -> None:
    """The value of a duration is the sum of its parts."""
    text = f"{hours}h{minutes}m{seconds}s{millis}ms"
    expected = hours * 3600 + minutes * 60 + seconds + millis / 1000
    assert parse_duration(text) == pytest.approx(expected)


@given(st.text(max_size=12))
@settings(max_examples=150, deadline=None)
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    """No text makes the parser fail in another way, or return what is no time span."""
    try:
        seconds = parse_duration(text)
    except ValueError:
        return
    assert 0 <= seconds < 1e12


@given(st.floats(0, 1e9))
@settings(max_examples=80, deadline=None)
def test_durations_are_shown_in_few_characters(seconds: float) -> None:
    """However long it is, the text is short."""
    assert len(format_duration(seconds)) <= 11
    assert format_duration(-1.5) == "-1.5s"


def test_times_are_rfc_3339() -> None:
    """A time needs a zone, and is given back in UTC."""
    assert parse_time("2026-01-31T12:00:00+02:00") == datetime(2026, 1, 31, 10, tzinfo=UTC)
    assert parse_time("2026-01-31T12:00:00Z").tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    ["", "noon", "2026-01-31T12:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    """Without a zone, or outside the calendar in UTC, is a ValueError."""
    with pytest.raises(ValueError):
        parse_time(text)

"""Filter: the language of the filter line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentflow.filters import Filter
from agentflow.filters.vocabulary import ROWS

from .rows import row, rows

pieces = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        ["/", "//", "-", '"', "\\", ":", ">", "dur>", "dur>1ms", "[", "*", " ", "state:dead"]
    ),
    st.sampled_from([f"{field}:" for field in ROWS.fields]),
)
written = st.lists(pieces, max_size=6).map("".join)


@given(written, rows)
def test_any_text_is_a_filter(text: str, one: object) -> None:
    """No text makes the parser or the filter raise, and what can't be read hides nothing."""
    wanted = Filter.parse(text)
    seen = wanted.matches(one)  # type: ignore[arg-type]
    assert seen or not wanted.error


@given(written)
def test_a_filter_survives_being_written_out(text: str) -> None:
    """What a filter says of itself is read back as an equal filter."""
    wanted = Filter.parse(text)
    again = Filter.parse(str(wanted))
    assert again.error == ""
    assert again == wanted
    assert hash(again) == hash(wanted)


EVENT = row(
    seq=8815,
    id="9c1e",
    session="s-41",
    source="stdlib",
    target="analyzer",
    at="enricher +2",
    mode="mixed",
    state="dead",
    duration=0.12,
    attempt=3,
    priority="high",
    version=2,
    parent="9c1d",
    data='{"module": "json.decoder", "size": 120, "by": {"name": "Ada"}, "text": "cut of…',
    error="SyntaxError: bad_coding.py:1",
)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "json.decoder",
        "JSON.Decoder",
        "8815",
        "/json\\.(en|de)coder/",
        "state:dead",
        "state:failed",
        "STATE:Dead",
        "agent:analyzer",
        "agent:enrich*",
        "at:enricher",
        'at:"enricher +2"',
        "session:s-4?",
        "session:s-[0-4]1",
        "data:decoder",
        "data.module:json.*",
        "DATA.module:/^json/",
        "data.size:120",
        "data.size>=120",
        "data.size<120.5",
        "data.by.name:ada",
        "data.text:cut*",
        "-data.kind:*",
        "data:*decoder*",
        'data:"module\\": \\"json"',
        "error:/bad_\\w+\\.py:1$/",
        "-agent:publisher",
        "-publisher",
        "-/publish/",
        "dur>100ms",
        "dur>=0.12",
        "dur<1s",
        "dur<=2m",
        "dur>90000us",
        "attempt>2",
        "attempt:3",
        "seq>=8815",
        "version<3",
        "priority:high mode:mixed dur>100ms decoder",
        "parent:9c1d",
        "id:9c1e",
        "source:stdlib",
        '"SyntaxError: bad"',
    ],
)
def test_what_fits_is_let_through(text: str) -> None:
    """Each form of a term finds the event that it describes."""
    wanted = Filter.parse(text)
    assert wanted.error == ""
    assert wanted.matches(EVENT)


@pytest.mark.parametrize(
    "text",
    [
        "yaml",
        "/^json$/",
        "state:running",
        "data.module:json",
        "data.module>3",
        "data.name:bob",
        "data.kind:*",
        "agent:analyze",
        "-state:failed",
        "-decoder",
        "dur>120ms",
        "dur<0.12",
        "attempt<3",
        "session:s-4",
        "state:dead agent:publisher",
        "error:/^bad/",
    ],
)
def test_what_does_not_fit_is_hidden(text: str) -> None:
    """A term that does not hold hides the event, whatever the others say."""
    wanted = Filter.parse(text)
    assert wanted.error == ""
    assert not wanted.matches(EVENT)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("stat:dead", "no field 'stat' (did you mean 'state'?) at column 1"),
        ("ok /abc", "the regular expression opened here is not closed at column 4"),
        ("state.x:1", "'state.x' cannot be asked here (only data.KEY) at column 1"),
        ("data.size>big", "'big' is not a number such as 3 at column 1"),
        ("data.size:", "'data.size:' has no value at column 1"),
        ('"abc', "the quotes opened here are not closed at column 1"),
        ("state:", "'state:' has no value at column 1"),
        ("dur>fast", "'fast' is not a number such as 100ms, 2.5s or 1m at column 1"),
        (
            "x state>1",
            "'state' is not a number (these are: dur, attempt, seq, version) at column 3",
        ),
        ('"a"b', "a space is missing at column 4"),
    ],
)
def test_what_cannot_be_read_says_where(text: str, error: str) -> None:
    """A mistake is a sentence with its column, and hides nothing."""
    wanted = Filter.parse(text)
    assert wanted.error == error
    assert wanted.matches(EVENT)


def test_a_broken_expression_says_what_is_wrong() -> None:
    """An expression that does not compile is explained, with its column."""
    error = Filter.parse("a /(b/").error
    assert error.startswith("the regular expression is not valid: missing )")
    assert error.endswith("at column 3")

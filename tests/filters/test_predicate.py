"""Predicate: the filter language asked of an event at a hook point."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentflow import Event, State
from agentflow.filters import Moment, Predicate
from agentflow.filters.vocabulary import MOMENTS

EVENT = Event(
    "analyzer",
    {"module": "json.decoder", "size": 120, "by": {"name": "Ada"}, "ok": True},
    {"priority": "high", "tenant": "acme"},
    source="stdlib",
    session_id="s-41",
)
MOMENT = Moment(
    EVENT,
    State({"score": 0.5, "tags": ["a"]}, {"loop_iteration": "2"}),
    hook="BeforeAgentRun",
    agent="enricher",
    mode="mixed",
    attempt=3,
    error="SyntaxError: bad.py:1",
    seq=8815,
    version=2,
    age=0.25,
)


def fits(text: str) -> bool:
    wanted = Predicate(text)
    assert wanted.error == ""
    return wanted.may_fit(EVENT) and wanted.fits(MOMENT)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "decoder",
        "syntaxerror",
        "data.module:json.*",
        "data.size>100",
        "data.by.name:ada",
        "data.ok:true",
        "-data.kind:*",
        "session:s-4?",
        "target:analyzer priority:high source:stdlib",
        "agent:enrich*",
        "mode:mixed hook:before* attempt>2 version:2 seq:8815",
        "state.score>=0.5",
        "state:score",
        "meta.loop_iteration:2",
        "meta.tenant:acme",
        "error:syntaxerror",
        "dur<1s",
    ],
)
def test_what_fits(text: str) -> None:
    """Every field of the event, of its state and of the place where it is can be asked."""
    assert fits(text)


@pytest.mark.parametrize(
    "text",
    ["yaml", "data.size>120", "agent:analyzer", "-data.ok:true", "state.score:high", "meta.x:*"],
)
def test_what_does_not_fit(text: str) -> None:
    """One term that does not hold is enough."""
    assert not fits(text)


def test_what_the_event_alone_answers_is_told_apart() -> None:
    """Terms about the event are tested before it runs, the others at the hook point."""
    wanted = Predicate("data.size>100 state.score>0 -priority:low dur>1s decoder")
    assert len(wanted.of_event) == 2
    assert len(wanted.of_moment) == 3


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("dta:1", "no field 'dta' (did you mean 'data'?) at column 1"),
        (
            "data>1",
            "'data' is not a number (these are: dur, attempt, seq, version) at column 1",
        ),
    ],
)
def test_what_cannot_be_read_fits_nothing(text: str, error: str) -> None:
    """A predicate with a mistake says where it is, and stops no event."""
    wanted = Predicate(text)
    assert wanted.error == error
    assert not wanted.may_fit(EVENT)


pieces = st.one_of(
    st.text(max_size=8),
    st.sampled_from(["/", '"', "data.a:", "state.b>", "meta.c:", "data.a.b.c:x", "-", "*"]),
    st.sampled_from([f"{field}:" for field in MOMENTS.fields]),
)


@given(st.lists(pieces, max_size=6).map(" ".join))
def test_any_text_can_be_asked(text: str) -> None:
    """No text makes a predicate raise, neither when it is read nor when it is asked."""
    wanted = Predicate(text)
    assert wanted.may_fit(EVENT) in (True, False)
    assert wanted.fits(MOMENT) in (True, False)

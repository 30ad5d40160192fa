"""Bodies: an event comes back exactly as it was, or is refused with the reason."""

from __future__ import annotations

import enum
import math
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentflow import Event, InvalidEvent
from agentflow.frozen import MAX_DEPTH
from agentflow.journal.codec import (
    bounded,
    decode,
    encode,
    encode_as_can_be,
    packed,
    unpacked,
)

from .support import LIMIT

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
atoms = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | text
    | st.binary(max_size=40)
)
hashable = st.recursive(atoms, lambda inner: st.tuples(inner, inner), max_leaves=4)
values = st.recursive(
    atoms,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(text, inner, max_size=4)
        | st.tuples(inner, inner)
        | st.frozensets(hashable, max_size=3)
    ),
    max_leaves=20,
)
events = st.builds(
    Event,
    text,
    st.dictionaries(text, values, max_size=6),
    st.dictionaries(text, text, max_size=4),
    source=text,
    session_id=text,
    id=st.none() | text.filter(bool) | st.uuids().map(str),
    timestamp=st.none() | st.datetimes(timezones=st.just(UTC)),
)


def exactly(value: Any) -> Any:
    """``value`` as text that tells 1 from True and 1.0, and a list from a tuple."""
    if isinstance(value, frozenset):
        return "set", sorted(map(str, map(exactly, value)))
    if isinstance(value, dict):
        return type(value), [(exactly(key), exactly(item)) for key, item in value.items()]
    if isinstance(value, (list, tuple)):
        return type(value), [exactly(item) for item in value]
    return repr(value)


@given(events)
def test_every_event_comes_back_equal(event: Event) -> None:
    """What is taken comes back equal, down to the types of its values."""
    again = decode(encode(event, LIMIT))
    assert again == event
    assert exactly(again.data) == exactly(event.data)
    assert again.timestamp.tzinfo is UTC


class Colour(enum.StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (math.nan, "no number"),
        (-math.inf, "no number"),
        (2**64, "more than 64 bits"),
        (-(2**63) - 1, "more than 64 bits"),
        ("\ud800", "lone surrogate"),
        (object(), "type object"),
        (Decimal(1), "type Decimal"),
        (datetime.now(UTC), "type datetime"),
        (Colour.RED, "type Colour"),
    ],
)
@pytest.mark.parametrize(
    "wrap", [lambda v: v, lambda v: [v], lambda v: ({"deep": v},), lambda v: (v,)]
)
def test_what_cannot_be_kept_exactly_is_refused(value: Any, said: str, wrap: Any) -> None:
    """The refusal names the field, the key and the reason, wherever the value stands."""
    with pytest.raises(InvalidEvent, match=said) as refused:
        encode(Event("worker", {"fine": 1, "wrong": wrap(value)}), LIMIT)
    assert refused.value.field == "data"


def test_a_key_that_is_no_text_comes_back() -> None:
    """Numbers as keys of inner mappings stay numbers."""
    event = Event("worker", {"by number": {1: "one", 2.5: "two and a half", None: 0}})
    assert decode(encode(event, LIMIT)) == event


def test_a_key_that_is_no_plain_value_is_refused() -> None:
    """A tuple as the key of an inner mapping is refused."""
    with pytest.raises(InvalidEvent, match="key of type tuple"):
        encode(Event("worker", {"grid": {(1, 2): "x"}}), LIMIT)


@pytest.mark.parametrize("field", ["target", "source", "session_id", "id"])
def test_a_lone_surrogate_in_a_field_is_refused_by_name(field: str) -> None:
    """Every text field is named when it is no valid text."""
    with pytest.raises(InvalidEvent, match="lone surrogate") as refused:
        encode(Event("worker").replace(**{field: "a\ud800"}), LIMIT)
    assert refused.value.field == field


def test_metadata_with_a_lone_surrogate_is_refused() -> None:
    """The metadata are looked at, too."""
    with pytest.raises(InvalidEvent, match="lone surrogate") as refused:
        encode(Event("worker", {}, {"note": "\udfff"}), LIMIT)
    assert refused.value.field == "metadata"


def test_an_event_that_is_too_large_is_refused() -> None:
    """The limit is on the whole event, in bytes."""
    event = Event("worker", {"text": "x" * 10_000})
    with pytest.raises(InvalidEvent, match="takes up to 9,999"):
        encode(event, 9_999)
    assert decode(encode(event, 11_000)) == event


def test_null_characters_are_text() -> None:
    """A NUL is a character like others."""
    event = Event("a\0b", {"\0": "\0\0"}, {"x": "\0"}, session_id="\0s")
    assert decode(encode(event, LIMIT)) == event


def test_the_deepest_event_that_there_can_be_is_taken() -> None:
    """Nesting up to the limit of events themselves comes back."""
    data: Any = "bottom"
    for level in range(MAX_DEPTH - 1):
        data = [data] if level % 2 else {"in": data}
    event = Event("worker", {"in": data})
    assert decode(encode(event, LIMIT)) == event


class Silent:
    """Its own text fails."""

    def __repr__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    "value",
    [math.nan, 2**70, "\ud800", object(), Silent(), {(1, 2): {Silent()}}, [b"\xff", ("\udfff",)]],
)
def test_for_a_dead_letter_every_event_can_be_kept(value: Any) -> None:
    """What can't be kept exactly is kept as text, and the rest of the event as it is."""
    event = Event("worker", {"fine": 1, "odd": [value]}, {"note": "\ud800"}, source="\ud800")
    again = decode(encode_as_can_be(event, LIMIT))
    assert again.id == event.id
    assert again.data["fine"] == 1
    assert len(again.data["odd"]) == 1


def test_for_a_dead_letter_what_is_too_large_is_left_out() -> None:
    """The event is still known by its id."""
    event = Event("worker", {"text": "x" * 10_000, "odd": object()})
    again = decode(encode_as_can_be(event, 5_000))
    assert again.id == event.id
    assert len(str(again.data)) < 200


def test_a_state_is_kept_as_far_as_it_goes() -> None:
    """What can't be encoded, and what is beyond the limit, is left out; the rest stays."""
    import msgspec

    kept = msgspec.msgpack.decode(
        bounded({"a": 1, "odd": object(), "long": "x" * 500, "b": [1, 2]}, 200)
    )
    assert kept == {"a": 1, "b": [1, 2]}
    assert msgspec.msgpack.decode(bounded({"a": 1}, 200)) == {"a": 1}


@given(st.uuids().map(str) | text | st.from_regex(r"[0-9a-fA-F -]{36}", fullmatch=True))
def test_an_id_is_packed_and_unpacked(id: str) -> None:
    """Any text comes back as it was; a UUID takes 16 bytes meanwhile."""
    short = packed(id)
    assert unpacked(bytes(short) if isinstance(short, bytearray) else short) == id

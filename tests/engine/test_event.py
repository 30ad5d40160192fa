"""Event: what it says of itself, that it never changes, and that it survives JSON."""

from __future__ import annotations

import copy
import json
import pickle
import uuid
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentflow import Event, InvalidEvent
from agentflow.frozen import MAX_DEPTH, freeze, thaw

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=15,
)
json_objects = st.dictionaries(st.text(max_size=8), json_values, max_size=5)
texts = st.text(st.characters(codec="utf-8"), max_size=12)
names = texts.filter(bool)


def test_an_event_has_an_id_a_time_and_a_session_of_its_own() -> None:
    """An empty event has a version 7 id, a UTC time, and its own id for a session."""
    event = Event()
    assert uuid.UUID(event.id).version == 7
    assert event.timestamp.utcoffset() == timedelta(0)
    assert event.session_id == event.id
    assert (event.target, event.source, event.data, event.metadata) == ("", "", {}, {})


def test_ids_are_ordered_by_time() -> None:
    """Of two events the later one has the greater id."""
    ids = [Event().id for _ in range(500)]
    assert ids == sorted(ids)
    assert len(set(ids)) == 500


def test_positions_and_names_of_the_constructor() -> None:
    """Target, data and metadata come in that order; the rest by name."""
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    event = Event("a", {"x": 1}, {"k": "v"}, source="s", session_id="t", id="i", timestamp=moment)
    assert event.to_dict() == {
        "id": "i",
        "timestamp": "2026-01-02T00:00:00+00:00",
        "target": "a",
        "source": "s",
        "session_id": "t",
        "data": {"x": 1},
        "metadata": {"k": "v"},
    }


def test_a_timestamp_is_kept_in_utc() -> None:
    """A timestamp of another zone is the same moment in UTC."""
    moment = datetime(2026, 1, 2, 12, tzinfo=timezone(timedelta(hours=2)))
    event = Event(timestamp=moment)
    assert event.timestamp == moment
    assert event.timestamp.tzinfo is UTC


@pytest.mark.parametrize("field", ["target", "data", "metadata", "id", "new"])
def test_no_field_can_be_set(field: str) -> None:
    """Setting or deleting an attribute of an event raises."""
    event = Event("a")
    with pytest.raises(AttributeError):
        setattr(event, field, "x")
    with pytest.raises(AttributeError):
        delattr(event, field)


def mutations() -> list[Any]:
    return [
        lambda e: e.data.__setitem__("x", 1),
        lambda e: e.data.update(x=1),
        lambda e: e.data.pop("list"),
        lambda e: e.data.clear(),
        lambda e: e.data.setdefault("y", 1),
        lambda e: e.data.popitem(),
        lambda e: e.data.__delitem__("list"),
        lambda e: e.data.__ior__({"x": 1}),
        lambda e: e.data["list"].append(1),
        lambda e: e.data["list"].__setitem__(0, 1),
        lambda e: e.data["list"].sort(),
        lambda e: e.data["list"].reverse(),
        lambda e: e.data["list"].__iadd__([1]),
        lambda e: e.data["list"].__imul__(2),
        lambda e: e.data["list"].insert(0, 1),
        lambda e: e.data["list"].remove(1),
        lambda e: e.data["nested"]["deep"].update(x=1),
        lambda e: e.data["nested"]["deep"]["list"].extend([1]),
        lambda e: e.metadata.__setitem__("x", "1"),
        lambda e: e.metadata.update(x="1"),
    ]


@pytest.mark.parametrize("number", range(len(mutations())))
def test_data_and_metadata_cannot_be_changed(number: int) -> None:
    """Whatever changes a dict or a list is refused, at every depth."""
    event = Event("a", {"list": [1, 2], "nested": {"deep": {"list": [3]}}}, {"k": "v"})
    before = json.dumps(event.to_dict())
    with pytest.raises(TypeError):
        mutations()[number](event)
    assert json.dumps(event.to_dict()) == before


def test_the_callers_dicts_are_not_kept() -> None:
    """Later edits of what an event was made of change nothing in it."""
    data: dict[str, Any] = {"list": [1], "nested": {"k": [2]}}
    metadata = {"k": "v"}
    event = Event("a", data, metadata)
    data["list"].append(9)
    data["nested"]["k"].append(9)
    data["more"] = metadata["more"] = "x"
    assert event.data == {"list": [1], "nested": {"k": [2]}}
    assert event.metadata == {"k": "v"}


def test_replace_is_the_same_event_with_other_fields() -> None:
    """replace keeps the id and everything that it doesn't name."""
    event = Event("a", {"x": 1}, {"k": "v"}, session_id="s", source="me")
    other = event.replace(target="b", data={"x": 2})
    assert (other.id, other.timestamp, other.source) == (event.id, event.timestamp, "me")
    assert (other.target, other.data, other.metadata, other.session_id) == (
        "b", {"x": 2}, {"k": "v"}, "s",
    )  # fmt: skip
    assert event.target == "a"
    with pytest.raises(TypeError):
        event.replace(colour="red")


def test_replace_moves_an_event_to_another_session() -> None:
    """A new session_id holds even against the one in the metadata."""
    event = Event("a", {}, {"session_id": "old"})
    assert event.replace(session_id="new").session_id == "new"


def test_a_child_is_a_new_event_of_the_same_session_and_chain() -> None:
    """A child has an id of its own, its parent's id, and counters one higher."""
    event = Event("a", {"x": 1}, session_id="s")
    child = event.child("b", {"y": 2}, {"k": "v"})
    grandchild = child.child("c", {})
    assert child.id != event.id
    assert (child.target, child.data, child.session_id) == ("b", {"y": 2}, "s")
    assert child.metadata["parent_event"] == child.parent_event == event.id
    assert child.metadata["hop_count"] == child.metadata["workflow_step"] == "1"
    assert child.metadata["k"] == "v"
    assert (grandchild.hop_count, grandchild.workflow_step) == (2, 2)
    assert grandchild.parent_event == child.id
    assert grandchild.chain_id == child.chain_id == event.chain_id == event.id


def test_a_childs_lineage_cannot_be_forged_by_its_metadata() -> None:
    """Copying the parent's metadata into a child does not stop the counting."""
    event = Event("a", {}, {"hop_count": "4"})
    child = event.child("b", {}, dict(event.metadata))
    assert child.hop_count == 5


@given(data=json_objects, metadata=st.dictionaries(names, texts, max_size=4), target=texts,
       source=texts, session=texts)  # fmt: skip
@settings(max_examples=120, deadline=None)
def test_an_event_survives_json(
    data: dict[str, Any], metadata: dict[str, str], target: str, source: str, session: str
) -> None:
    """from_dict(loads(dumps(to_dict()))) is the event, field by field."""
    event = Event(target, data, metadata, source=source, session_id=session)
    again = Event.from_dict(json.loads(json.dumps(event.to_dict())))
    assert again == event
    assert again.to_dict() == event.to_dict()
    assert pickle.loads(pickle.dumps(event)) == event
    assert copy.deepcopy(event) is event


def test_to_dict_shares_nothing_with_the_event() -> None:
    """What to_dict returns may be changed without changing the event."""
    event = Event("a", {"list": [1]})
    event.to_dict()["data"]["list"].append(2)
    assert event.data == {"list": [1]}


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"colour": "red"}, "colour"),
        ({"target": 5}, "target"),
        ({"data": [1]}, "data"),
        ({"data": "text"}, "data"),
        ({"data": {5: 6}}, "data"),
        ({"metadata": [1]}, "metadata"),
        ({"metadata": {"k": []}}, "metadata.k"),
        ({"metadata": {"k": None}}, "metadata.k"),
        ({"id": 7}, "id"),
        ({"session_id": 7}, "session_id"),
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"timestamp": "2026-01-01T00:00:00"}, "timestamp"),
        ({"timestamp": 12}, "timestamp"),
    ],
)
def test_a_wrong_field_is_refused_by_name(fields: dict[str, Any], named: str) -> None:
    """InvalidEvent names the field that is wrong."""
    with pytest.raises(InvalidEvent) as caught:
        Event.from_dict(fields)
    assert caught.value.field == named


def test_an_event_that_is_no_object_is_refused() -> None:
    """JSON that is a list or a number is no event."""
    for value in ([], 5, "text", None):
        with pytest.raises(InvalidEvent):
            Event.from_dict(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("metadata", "argument", "expected"),
    [({"session_id": "m"}, "a", "m"), ({}, "a", "a"), ({"session_id": ""}, "a", "a")],
)
def test_the_session_is_the_metadatas_then_the_arguments(
    metadata: dict[str, str], argument: str, expected: str
) -> None:
    """metadata["session_id"] comes before the session_id argument."""
    assert Event("a", {}, metadata, session_id=argument).session_id == expected


@pytest.mark.parametrize(
    ("word", "name", "rank"),
    [
        ("low", "low", 3), ("normal", "normal", 2), ("medium", "normal", 2), ("high", "high", 1),
        ("critical", "critical", 0), ("HIGH", "high", 1), ("", "normal", 2),
    ],
)  # fmt: skip
def test_priorities(word: str, name: str, rank: int) -> None:
    """low, normal, high and critical; medium reads as normal."""
    event = Event("a", {}, {"priority": word})
    assert (event.priority, event.priority_rank) == (name, rank)


def test_an_unknown_priority_is_an_error() -> None:
    """Asking for the priority that no one knows raises, naming the key."""
    with pytest.raises(InvalidEvent, match="priority"):
        Event("a", {}, {"priority": "urgent"}).priority  # noqa: B018


def test_numbers_and_truth_in_metadata_are_written_as_text() -> None:
    """Metadata is text to text: 5 is "5" and True is "true"."""
    event = Event("a", {}, {"n": 5, "f": 1.5, "t": True, "no": False})
    assert event.metadata == {"n": "5", "f": "1.5", "t": "true", "no": "false"}


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"x": value}
    return value


def test_depth_bombs_and_cycles_are_refused() -> None:
    """Containers nested too deep, or in themselves, are an InvalidEvent and no crash."""
    Event("a", nested(MAX_DEPTH - 5))
    cycle: dict[str, Any] = {}
    cycle["x"] = cycle
    rope: list[Any] = []
    rope.append(rope)
    for bomb in (nested(5_000), cycle, {"x": rope}):
        with pytest.raises(InvalidEvent, match="deeper"):
            Event("a", bomb)


def test_depth_cannot_grow_by_putting_events_into_events() -> None:
    """The data of one event inside the next, again and again, is refused in the end."""

    def grow() -> None:
        event = Event("a", {"x": 1})
        for _ in range(5_000):
            event = Event("a", {"x": event.data})

    with pytest.raises(InvalidEvent, match="deeper"):
        grow()


@pytest.mark.parametrize(
    "value",
    [10**5_000, 2**53 + 1, float("nan"), float("inf"), "\ud800", "x" * 1_000_000, b"\x00\xff"],
    ids=["huge", "odd", "nan", "inf", "surrogate", "megabyte", "bytes"],
)
def test_odd_values_are_carried_as_they_are(value: Any) -> None:
    """Data holds any value: what cannot be shown is the shower's business."""
    assert Event("a", {"x": value}).data["x"] is value


@given(json_values)
@settings(max_examples=100, deadline=None)
def test_thaw_undoes_freeze(value: Any) -> None:
    """thaw(freeze(x)) equals x and shares no container with it."""
    thawed = thaw(freeze(value))
    assert thawed == value
    if isinstance(value, (dict, list)):
        assert thawed is not value
        assert freeze(value) is not value


@given(st.recursive(st.integers(), lambda inner: st.tuples(inner, inner)
                    | st.sets(st.integers()) | st.frozensets(st.integers())
                    | st.binary().map(bytearray), max_leaves=8))  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_freeze_keeps_nothing_that_can_change(value: Any) -> None:
    """Tuples, sets and byte arrays come out equal and unchangeable."""
    frozen = freeze(value)
    assert not isinstance(frozen, (bytearray, set))
    assert frozen == value
    hash(frozen)

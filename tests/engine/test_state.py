"""State and AgentResult: what agents read, change and hand on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentflow import AgentResult, State

values = st.dictionaries(
    st.text(max_size=4),
    st.recursive(
        st.integers() | st.text(max_size=4),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=6,
    ),
    max_size=4,
)
metas = st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=3)


def test_a_state_is_a_mutable_mapping_with_meta() -> None:
    """Values are read and written by key; meta is text beside them."""
    state = State({"a": 1}, {"m": "x"})
    state["b"] = [2]
    assert state["a"] == 1
    assert state.get("missing") is None
    assert state.get("missing", 7) == 7
    assert list(state.keys()) == ["a", "b"]
    assert ("b" in state, "m" in state, len(state)) == (True, False, 2)
    assert dict(state) == {"a": 1, "b": [2]}
    del state["a"]
    assert state.pop("b") == [2]
    assert state.setdefault("c", 3) == 3
    assert state.meta == {"m": "x"}
    with pytest.raises(KeyError):
        state["a"]


def test_a_state_keeps_nothing_of_what_it_was_made_of() -> None:
    """Later edits of the dicts given change nothing."""
    data: dict[str, Any] = {"list": [1], "deep": {"list": [2]}}
    meta = {"k": "v"}
    state = State(data, meta)
    data["list"].append(9)
    data["deep"]["list"].append(9)
    meta["k"] = "w"
    assert state == State({"list": [1], "deep": {"list": [2]}}, {"k": "v"})


@given(values, metas)
@settings(max_examples=80, deadline=None)
def test_a_clone_is_equal_and_independent(data: dict[str, Any], meta: dict[str, str]) -> None:
    """Whatever is done to a clone, at any depth, the original does not notice."""
    state = State(data, meta)
    clone = state.clone()
    assert clone == state
    spoil(clone)
    assert state == State(data, meta)


def spoil(container: Any) -> None:
    """Change every container below ``container``, and itself."""
    items = list(container.values()) if hasattr(container, "values") else list(container)
    for item in items:
        if isinstance(item, (dict, list)):
            spoil(item)
    if isinstance(container, list):
        container.append("spoilt")
    else:
        container["spoilt"] = "x"
    if isinstance(container, State):
        container.meta["spoilt"] = "x"


@given(values, values, metas, metas)
@settings(max_examples=80, deadline=None)
def test_in_a_merge_the_other_side_wins(
    mine: dict[str, Any], theirs: dict[str, Any], meta: dict[str, str], other: dict[str, str]
) -> None:
    """merge is dict.update of data and of meta, and shares nothing with the other state."""
    state, second = State(mine, meta), State(theirs, other)
    assert state.merge(second) is state
    assert state == State({**mine, **theirs}, {**meta, **other})
    spoil(state)
    assert second == State(theirs, other)


def test_a_plain_mapping_can_be_merged_too() -> None:
    """merge takes any mapping; meta stays as it was."""
    state = State({"a": 1}, {"m": "x"}).merge({"a": 2, "b": 3})
    assert state == State({"a": 2, "b": 3}, {"m": "x"})


def test_a_state_made_of_a_state_has_its_meta() -> None:
    """Copying a state by the constructor copies the meta as well."""
    assert State(State({"a": 1}, {"m": "x"}), {"n": "y"}).meta == {"m": "x", "n": "y"}


def test_states_equal_mappings_with_the_same_values() -> None:
    """A state equals a dict of its values, and another state only with the same meta."""
    assert State({"a": 1}) == {"a": 1}
    assert State({"a": 1}) != State({"a": 1}, {"m": "x"})
    assert State({"a": 1}) != 5
    with pytest.raises(TypeError):
        hash(State())


def test_to_dict_is_a_copy() -> None:
    """What to_dict returns may be changed."""
    state = State({"list": [1]})
    state.to_dict()["list"].append(2)
    assert state["list"] == [1]


def test_a_result_knows_how_long_it_took() -> None:
    """duration is in seconds between its two times."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    result = AgentResult(State({"a": 1}), None, start, start + timedelta(seconds=2.5))
    assert result.duration == 2.5
    assert (result.started_at, result.ended_at) == (start, start + timedelta(seconds=2.5))
    assert result.ok
    assert not AgentResult(error=ValueError("x")).ok


def test_a_result_takes_a_mapping_for_a_state() -> None:
    """AgentResult({"a": 1}) holds a State."""
    result = AgentResult({"a": 1})
    assert isinstance(result.state, State)
    assert result.state == {"a": 1}
    assert AgentResult().state == {}

"""Differences of plain data: they say what changed, where, and lead from one to the other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agentflow.telemetry.difference import Change, apply, difference

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(plain, plain)
def test_a_difference_leads_from_one_to_the_other(before: object, after: object) -> None:
    """Made with all its changes, the first is the second."""
    assert apply(difference(before, after), before) == after


@given(plain)
def test_nothing_differs_from_itself(value: object) -> None:
    """The same data has no difference, and applying none gives a copy of it."""
    assert difference(value, value) == []
    assert apply([], value) == value


@given(plain, plain)
def test_applying_changes_nothing_that_was_given(before: object, after: object) -> None:
    """What it starts from, and the changes, are as they were."""
    changes = difference(before, after)
    was = repr((before, changes))
    apply(changes, before)
    assert repr((before, changes)) == was


def test_changes_say_where_and_what() -> None:
    """Nested keys and list places are named; what is gone, new and other is told apart."""
    before = {"gone": 1, "report": {"lines": [1, 2, 3], "grade": "B"}, "same": [{}]}
    after = {"report": {"lines": [1, 5], "grade": "A"}, "same": [{}], "new": None}
    told = [(change.kind, change.place, change.old, change.new)
            for change in difference(before, after)]  # fmt: skip
    assert told == [
        ("removed", "gone", 1, None),
        ("added", "new", None, None),
        ("removed", "report.lines[2]", 3, None),
        ("changed", "report.lines[1]", 2, 5),
        ("changed", "report.grade", "B", "A"),
    ]


def test_one_true_and_a_float_of_one_are_three_things() -> None:
    """A type that changes is a change; a number that is none is the same as itself."""
    assert len(difference([1, 1, 1, float("nan")], [True, 1.0, 1, float("nan")])) == 2


def test_what_refuses_to_be_compared_has_changed() -> None:
    """A value without an answer to == is taken for another one."""

    class Refuses:
        __hash__ = None  # type: ignore[assignment]

        def __eq__(self, other: object) -> bool:
            raise RuntimeError("no")

    old, new = Refuses(), Refuses()
    assert difference({"x": old}, {"x": new}) == [Change(("x",), "changed", old, new)]
    assert difference({"x": old}, {"x": old}) == []

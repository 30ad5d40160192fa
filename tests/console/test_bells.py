"""Bells: once for each transition of a rule that asks for it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from agentflow_console.bells import Bells

from . import rows

RULE = next(row for row in rows.alert_rules() if row.bell)


@given(st.lists(st.integers(0, 3), max_size=30))
def test_as_many_bells_as_transitions(steps: list[int]) -> None:
    """However often somebody looks, each transition rings once."""
    bells, at, rung = Bells(), 0, 0
    for step in steps:
        at += step
        rung += bells.due([replace(RULE, transitions=at)])
        rung += bells.due([replace(RULE, transitions=at)])
    assert rung == at


def test_who_asks_for_no_bell_gets_none_and_another_engine_starts_anew() -> None:
    """An engine that was started again counts from nothing."""
    bells = Bells()
    assert bells.due([replace(RULE, bell=False, transitions=3)]) == 0
    assert bells.due([replace(RULE, transitions=4)]) == 1
    assert bells.due([replace(RULE, transitions=1)]) == 1
    assert bells.due([]) == 0

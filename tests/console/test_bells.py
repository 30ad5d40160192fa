"""Bells: once for each transition of a rule that asks for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from agentflow_console.app import ConsoleApp
from agentflow_console.bells import Bells

from . import rows
from .screen import SMALL, console, settled

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


@pytest.mark.parametrize(("ago", "rung"), [(0.0, 1), (3600.0, 0)])
async def test_what_a_recording_shows_rings_no_bell(
    ago: float, rung: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what happens now is to be heard."""
    bells: list[int] = []
    monkeypatch.setattr(ConsoleApp, "bell", lambda _: bells.append(1))
    app = console(rows.link(time=rows.NOW - ago, alert_rules=rows.alert_rules()))
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        for _ in range(3):
            app.pump.tick()
        assert len(bells) == rung

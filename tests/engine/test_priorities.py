"""Priorities: what is more urgent starts first, and among equals what came first."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentflow import Event
from agentflow.event import PRIORITIES
from agentflow.testing import recorder, run_virtual

from .support import LANES, make, virtual

ONE = "[runtime]\nmax_concurrent_events = 1"
WORDS = ["low", "normal", "medium", "high", "critical", ""]


async def order(priorities: list[str], sessions: list[str], lane: str = "express") -> list[int]:
    """The order in which events with these priorities start, one at a time."""
    worker = recorder()
    async with make(ONE, lane, a=worker.agent) as runner:
        runner.pause()
        for number, (word, session) in enumerate(zip(priorities, sessions, strict=True)):
            await runner.emit(Event("a", {"n": number}, {"priority": word}, session_id=session))
        runner.resume()
        await runner.join()
    return [event.data["n"] for event in worker.events]


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_critical_before_high_before_normal_before_low(lane: str) -> None:
    """The four priorities, and medium among the normal ones in order of arrival."""
    started = await order(WORDS, [""] * 6, lane)
    assert [WORDS[n] for n in started] == ["critical", "high", "normal", "medium", "", "low"]


@given(st.lists(st.sampled_from(WORDS), max_size=30))
@settings(max_examples=40, deadline=None)
def test_among_equals_the_first_come_is_the_first_served(words: list[str]) -> None:
    """With sessions of their own, events start in a stable sort by priority."""

    async def check() -> None:
        ranks = [PRIORITIES.get(word, 2) for word in words]
        expected = sorted(range(len(words)), key=ranks.__getitem__)
        assert await order(words, [""] * len(words)) == expected

    run_virtual(check, patience=100)


@virtual
async def test_arrival_counts_across_sessions() -> None:
    """An event that had to wait for its session keeps its place among the others."""
    assert await order(["normal"] * 4, ["A", "A", "B", "C"]) == [0, 1, 2, 3]
    assert await order(["normal"] * 6, ["A", "A", "A", "B", "B", "C"]) == [0, 1, 2, 3, 4, 5]


@virtual
async def test_inside_a_session_arrival_comes_before_priority() -> None:
    """A critical event does not overtake an earlier one of its own session."""
    assert await order(["low", "critical", "normal"], ["A", "A", "B"]) == [2, 0, 1]


@virtual
async def test_a_child_has_its_parents_priority() -> None:
    """What comes of an urgent event is urgent."""
    event = Event("a", {}, {"priority": "critical"})
    assert event.child("b", {}).priority == "critical"
    assert event.child("b", {}, {"priority": "low"}).priority == "low"

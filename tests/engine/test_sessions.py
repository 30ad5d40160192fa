"""Sessions: one event at a time, in the order of arrival, each session for itself."""

from __future__ import annotations

import asyncio
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentflow import Event, State
from agentflow.testing import run_virtual

from .support import LANES, loop, make, virtual


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_inside_a_session_one_event_at_a_time_in_order(lane: str) -> None:
    """However long each takes, the next one starts when it has ended."""
    log: list[str] = []

    async def work(event: Event, state: State) -> None:
        log.append(f"start {event.data['n']}")
        await asyncio.sleep(5 - event.data["n"])
        log.append(f"end {event.data['n']}")

    async with make("", lane, a=work) as runner:
        for n in range(4):
            await runner.emit(Event("a", {"n": n}, session_id="s"))
        await runner.join()
    assert log == [f"{what} {n}" for n in range(4) for what in ("start", "end")]


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_sessions_do_not_wait_for_each_other(lane: str) -> None:
    """Ten sessions of one second each take one second together."""

    async def work(event: Event, state: State) -> None:
        await asyncio.sleep(1)

    async with make("", lane, a=work) as runner:
        start = loop().time()
        for n in range(10):
            await runner.emit(Event("a", session_id=f"s{n}"))
        await runner.join()
        assert loop().time() - start == pytest.approx(1, abs=0.01)


@virtual
async def test_ordering_none_lets_events_of_one_session_overlap() -> None:
    """[runtime] ordering = "none" gives the order up."""

    async def work(event: Event, state: State) -> None:
        await asyncio.sleep(1)

    async with make('[runtime]\nordering = "none"', a=work) as runner:
        start = loop().time()
        for _ in range(10):
            await runner.emit(Event("a", session_id="s"))
        await runner.join()
        assert loop().time() - start == pytest.approx(1, abs=0.01)


@virtual
async def test_a_failure_lets_the_next_one_of_its_session_go_on() -> None:
    """A dead letter does not close its session."""

    async def work(event: Event, state: State) -> None:
        if event.data["n"] == 0:
            raise ValueError("no")

    async with make("", a=work) as runner:
        for n in range(3):
            await runner.emit(Event("a", {"n": n}, session_id="s"))
        await runner.join()
    assert runner.counts() == (3, 0, 0, 0, 2, 1)


@virtual
async def test_a_retry_keeps_its_place_in_its_session() -> None:
    """While an event waits for its next attempt, those behind it wait too."""
    log: list[int] = []

    async def work(event: Event, state: State) -> None:
        log.append(event.data["n"])
        if log == [0]:
            raise ConnectionError("later")

    async with make("", a=work) as runner:
        for n in range(3):
            await runner.emit(Event("a", {"n": n}, session_id="s"))
        await runner.emit(Event("a", {"n": 9}, session_id="t"))
        await runner.join()
    assert log == [0, 9, 0, 1, 2]


@virtual
async def test_ended_sessions_leave_nothing_behind() -> None:
    """The engine's memory of sessions is that of the open ones."""

    async def work(event: Event, state: State) -> None:
        return None

    async with make("[runtime]\nqueue_size = 5000", a=work) as runner:
        for n in range(2_000):
            await runner.emit(Event("a", session_id=f"s{n % 700}"))
        await runner.join()
        assert not runner.dispatcher.backlog.sessions


@given(
    events=st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 3),
                              st.sampled_from(["low", "normal", "critical"])), max_size=25),
    slots=st.integers(1, 4),
    hooked=st.booleans(),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_every_session_sees_its_events_in_order_and_alone(
    events: list[tuple[str, int, str]], slots: int, hooked: bool
) -> None:
    """Under any mix of lengths and priorities no session overlaps or overtakes itself."""

    async def check() -> None:
        seen: defaultdict[str, list[int]] = defaultdict(list)
        busy: set[str] = set()

        async def work(event: Event, state: State) -> None:
            session = event.session_id
            assert session not in busy
            busy.add(session)
            seen[session].append(event.data["n"])
            await asyncio.sleep(event.data["t"])
            busy.discard(session)

        text = f"[runtime]\nmax_concurrent_events = {slots}"
        async with make(text, LANES[hooked], a=work) as runner:
            for n, (session, t, word) in enumerate(events):
                data = {"n": n, "t": t}
                await runner.emit(Event("a", data, {"priority": word}, session_id=session))
            await runner.join()
        assert runner.counts().succeeded == len(events)
        for session, numbers in seen.items():
            assert numbers == [n for n, event in enumerate(events) if event[0] == session]

    run_virtual(check, patience=1_000)

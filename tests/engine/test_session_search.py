"""Sessions are found by what people look for, and their spans come in pages."""

from __future__ import annotations

import asyncio

import pytest

from agentflow import Event, State
from agentflow.control import Control
from agentflow.control import sessions as module
from agentflow.telemetry.snapshot import SessionPage, SpanCursor, SpanRow
from agentflow.testing import recorder

from .support import make, virtual

NO_RETRY = "[orchestration]\nretry_attempts = 0\n"


def whole_search(control: Control, query: str, limit: int = 200) -> SessionPage:
    """What a search has found when it is through."""
    page = control.sessions(query, limit)
    while page.searched < page.total:
        page = control.sessions(query, limit)
    return page


async def slow(event: Event, state: State) -> None:
    """Takes as long as the event says."""
    await asyncio.sleep(event.data.get("takes", 0))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["dies", "twice", "slow", "quick"]),
        ("qui", ["quick"]),
        ("id:s*", ["slow"]),
        ("agent:b", ["dies"]),
        ("target:a", ["twice", "slow", "quick"]),
        ("error:broke", ["dies"]),
        ("broke", ["dies"]),
        ("state:dead", ["dies"]),
        ("state:ok dur>1s", ["slow"]),
        ("events>1", ["twice"]),
        ("events:1 -state:failed", ["slow", "quick"]),
        ("/^q/", ["quick"]),
        ("nobody", []),
    ],
)
@virtual
async def test_a_search_finds(query: str, found: list[str]) -> None:
    """Ids, agents, targets, errors, states, durations and counts."""
    async with make(NO_RETRY, a=slow, b=recorder(ValueError("it broke")).agent) as runner:
        for session, target, takes in (
            ("quick", "a", 0), ("slow", "a", 2), ("twice", "a", 0), ("twice", "a", 0),
            ("dies", "b", 0),
        ):  # fmt: skip
            await runner.request(Event(target, {"takes": takes}, session_id=session))
        page = Control(runner).sessions(query)
    assert [row.id for row in page.rows] == found
    assert (page.matches, page.total, page.searched) == (len(found), 4, 4)


@virtual
async def test_a_search_goes_over_all_that_is_remembered_and_follows_it() -> None:
    """Far more sessions than rows; what ends later, and what is forgotten, counts at once."""
    text = "[runtime]\ntrace_capacity = 300"
    async with make(text, a=slow) as runner:
        control = Control(runner)
        for number in range(250):
            await runner.request(Event("a", session_id=f"s-{number}"))
        page = whole_search(control, "s-", 10)
        assert (len(page.rows), page.matches, page.total) == (10, 250, 250)
        assert page.rows[0].id == "s-249"
        assert [row.id for row in whole_search(control, "id:s-0").rows] == ["s-0"]
        for number in range(250, 400):
            await runner.request(Event("a", session_id=f"s-{number}"))
        assert whole_search(control, "id:s-0").rows == []
        page = control.sessions("", 500)
        assert [row.id for row in page.rows] == [f"s-{number}" for number in range(399, 99, -1)]
        for number in range(1_000):
            await runner.request(Event("a", session_id=f"t-{number}"))
        assert control.sessions("", 1).total == 300


@virtual
async def test_a_session_that_goes_on_is_the_first_and_says_what_it_does() -> None:
    """What runs and what is held is counted, together with what has ended."""
    async with make("", a=slow, b=slow) as runner:
        control = Control(runner)
        await runner.request(Event("a", session_id="s"))
        await runner.request(Event("a", session_id="t"))
        runner.pause("b")
        await runner.emit(Event("b", session_id="s"))
        await asyncio.sleep(1)
        first, second = control.sessions().rows
        assert (first.id, first.events, first.running, first.held) == ("s", 2, 1, 1)
        assert (second.id, second.events, second.running) == ("t", 1, 0)
        assert [row.id for row in control.sessions("state:held").rows] == ["s"]
        runner.resume("b")
        await runner.join()
        assert control.sessions("state:held").rows == []


@virtual
async def test_a_search_that_takes_long_goes_on_when_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The engine's loop is kept for a moment only; every answer says how far it has come."""
    monkeypatch.setattr(module, "PATIENCE", -1.0)
    async with make("", a=slow) as runner:
        control = Control(runner)
        for number in range(100):
            await runner.request(Event("a", session_id=f"s-{number}"))
        searched = [control.sessions("s-").searched for _ in range(5)]
    assert 0 < searched[0] < 100
    assert searched[-1] == 100
    assert searched == sorted(searched)


@virtual
async def test_pages_together_are_the_whole_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """Page after page until there is no more, each span once; then only what is new."""
    monkeypatch.setattr(module, "PAGE", 10)
    async with make("", a=slow) as runner:
        control = Control(runner)
        for _ in range(20):
            await runner.request(Event("a", session_id="s"))
        found: list[SpanRow] = []
        page = control.session("s", SpanCursor())
        pages = 1
        while True:
            found += page.spans
            if not page.more:
                break
            page = control.session("s", page.cursor)
            pages += 1
        assert pages > 2
        assert len({span.id for span in found}) == len(found) == 40
        assert control.session("s", page.cursor).spans == []
        running = await runner.emit(Event("a", {"takes": 5}, session_id="s"))
        await asyncio.sleep(1)
        fresh = control.session("s", page.cursor)
        assert {span.event_id for span in fresh.spans} == {running}
        assert fresh.spans[0].duration == -1
        await runner.join()
        fresh = control.session("s", fresh.cursor)
        assert {span.event_id for span in fresh.spans} == {running}
        assert fresh.spans[0].duration > 0


@virtual
async def test_another_engines_cursor_begins_at_the_beginning() -> None:
    """Positions of one engine mean nothing to another."""
    async with make("", a=slow) as runner:
        await runner.request(Event("a", session_id="s"))
        control = Control(runner)
        whole = control.session("s")
        other = control.session("s", SpanCursor(whole.cursor.engine + 7, 1))
    assert other == whole

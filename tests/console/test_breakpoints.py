"""The Breakpoints screen, and b on the rows of all others."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from agentflow.control import Answer, StopDetail
from agentflow.telemetry.snapshot import BreakpointRow, Counts, EventRow, StopRow
from agentflow_console.testing import StillLink

from . import rows
from .screen import MEDIUM, SMALL, WIDE, console, screen_text, settled, until

POINTS = [
    BreakpointRow(1, "AgentError", "", "", "data.module:bad*", 1, 2, True, "operator", ""),
    BreakpointRow(2, "BeforeAgentRun", "gone", "mixed", "", 3, 0, False, "file",
                  "no agent is called so"),
]  # fmt: skip


def stop(number: int, seq: int, **fields: Any) -> StopRow:
    """An event that is stopped at a failure of the analyzer."""
    row = StopRow(
        number, 1, False, "AgentError", "analyzer", seq, f"id-{seq}", "s-1", "analyzer", "mixed",
        rows.NOW - 9, 2, "SyntaxError: bad [/x]\x1b[31m", '{"module":"bad_coding"}', False, False,
    )  # fmt: skip
    return msgspec.structs.replace(row, **fields)


def detail(row: StopRow) -> StopDetail:
    """That event in full."""
    return StopDetail(
        row,
        {"id": row.event_id, "data": {"module": "bad_coding"}, "metadata": {"tenant": "acme"}},
        {"module": "bad_coding", "[/b]": "\x1b]52;c;x\x07"},
        {"loop_iteration": "1"},
        'Traceback\n  File "own.py", line 1\nSyntaxError: bad',
        None,
        ["callbacks of AgentError: remember", "then: synthesizer → publisher"],
        ["remember"],
        POINTS[0],
    )


def stopped_link(*stops: StopRow) -> StillLink:
    """An engine where these events are stopped."""
    link = rows.link(breakpoints=POINTS, stops=list(stops))
    link.stop_details = {row.number: detail(row) for row in stops}
    return link


@pytest.mark.parametrize("size", [SMALL, MEDIUM, WIDE], ids=["80x24", "120x36", "160x45"])
async def test_what_is_stopped_can_be_seen_in_full(size: tuple[int, int]) -> None:
    """The header says it, B lists it with the breakpoints, enter opens it, escape comes back."""
    app = console(stopped_link(stop(1, 8815), stop(2, 8816)))
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        assert "STOPPED 2" in screen_text(app)
        await pilot.press("B")
        await settled(pilot)
        text = screen_text(app)
        for part in ("Stopped events 2", "8815", "analyzer", "Breakpoints 2", "○ off", "0/3"):
            assert part in text, part
        await pilot.press("enter")
        await until(pilot, lambda: "then: synthesizer" in screen_text(app))
        text = screen_text(app)
        assert "stopped at AgentError of analyzer" in text
        assert '"module": "bad_coding"' in text
        assert "\x1b" not in text
        await pilot.press("escape")
        await settled(pilot)
        assert "Stopped events 2" in screen_text(app)


@pytest.mark.parametrize(
    ("key", "command"),
    [
        ("c", ("continue", {"number": 1})),
        ("s", ("step", {"number": 1})),
        ("o", ("step_over", {"number": 1})),
        ("S", ("skip_callbacks", {"number": 1})),
        ("C", ("continue", {})),
        ("x", ("break", {"number": 1, "enabled": False})),
        ("K", ("on_quit", {"value": "keep"})),
        ("b", ("unbreak", {"number": 1})),
    ],
)
async def test_each_key_sends_its_command(key: str, command: tuple[str, dict[str, Any]]) -> None:
    """For the selected stop, or the selected breakpoint."""
    link = stopped_link(stop(1, 8815))
    app = console(link)
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        await pilot.press("B")
        await settled(pilot)
        await pilot.press(key)
        await until(pilot, lambda: link.commands)
    assert link.commands == [command]


async def test_a_drop_is_asked_for() -> None:
    """d asks first; y drops."""
    link = stopped_link(stop(1, 8815))
    app = console(link)
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        await pilot.press("B")
        await settled(pilot)
        await pilot.press("d")
        await until(pilot, lambda: "Drop event 8815?" in screen_text(app))
        assert not link.commands
        await pilot.press("y")
        await until(pilot, lambda: link.commands)
    assert link.commands == [("drop_stop", {"number": 1})]


@pytest.mark.parametrize(("key", "what"), [("e", "data"), ("E", "state")])
async def test_data_and_state_are_edited_as_json(key: str, what: str) -> None:
    """The editor has what is there; sending it says which stop it is for."""
    row = stop(1, 8815)
    link = stopped_link(row)
    app = console(link)
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("B")
        await settled(pilot)
        await pilot.press(key)
        await until(pilot, lambda: f"Edit the {what} of event 8815" in screen_text(app))
        await pilot.press("ctrl+r")
        await until(pilot, lambda: link.commands)
    name, arguments = link.commands[0]
    assert (name, arguments["number"]) == ("edit_stop", 1)
    assert arguments[what]["module"] == "bad_coding"
    assert ("meta" in arguments) == (what == "state")


async def test_the_cursor_goes_with_the_event_that_steps() -> None:
    """Its next stop has another number; the one below does not take its place."""
    link = stopped_link(stop(1, 8815), stop(2, 8816))
    link.answer = Answer(True, "It goes on.")
    app = console(link)
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        await pilot.press("B")
        await settled(pilot)
        await pilot.press("s")
        await until(pilot, lambda: link.commands)
        room = app.room
        assert room is not None
        link.give(stops=[stop(2, 8816)])
        await until(pilot, lambda: room.selected.seq == 8816)
        link.give(stops=[stop(2, 8816), stop(3, 8815, hook="AfterAgentRun")])
        await until(pilot, lambda: room.selected.seq == 8815)


async def test_a_breakpoint_is_made_in_a_form_that_checks_while_one_types() -> None:
    """What can't be read is said at once, and nothing is sent until it can be."""
    link = stopped_link()
    app = console(link)
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        await pilot.press("B", "n")
        await until(pilot, lambda: "New breakpoint" in screen_text(app))
        await pilot.press("tab", *"ana*", "tab", "tab", *"dta:1")
        await until(pilot, lambda: "did you mean" in screen_text(app))
        await pilot.press("ctrl+r")
        await until(pilot, lambda: "Nothing was sent" in screen_text(app))
        await pilot.press(*["backspace"] * 5, *"data.x:1")
        await until(pilot, lambda: "can be read" in screen_text(app))
        await pilot.press("tab", "backspace", "3", "ctrl+r")
        await until(pilot, lambda: link.commands)
    assert link.commands == [
        ("break", {"hook": "BeforeAgentRun", "agent": "ana*", "mode": "", "when": "data.x:1",
                   "hits": 3}),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("keys", "place"),
    [
        (("3",), {"hook": "BeforeAgentRun", "agent": "caller"}),
        (("4",), {"hook": "BeforeEventHandling", "agent": ""}),
        (("4", "G"), {"hook": "AgentError", "agent": ""}),
        (("2", "j"), {"hook": "BeforeAgentRun", "agent": "analyzer"}),
        (("8",), {"hook": "AgentError", "agent": "enricher"}),
    ],
    ids=["agent", "hook", "failure hook", "event", "dead letter"],
)
async def test_b_on_a_row_sets_a_breakpoint_where_the_row_is_about(
    keys: tuple[str, ...], place: dict[str, str]
) -> None:
    """And takes it out again when it is there already."""
    link = rows.link()
    app = console(link)
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        await pilot.press(*keys)
        await settled(pilot)
        await pilot.press("b")
        await until(pilot, lambda: link.commands)
        assert link.commands == [("break", place)]
        point = BreakpointRow(7, place["hook"], place["agent"], "", "", 1, 0, True, "operator", "")
        link.give(breakpoints=[point])
        await settled(pilot)
        await pilot.press("b")
        await until(pilot, lambda: len(link.commands) > 1)
    assert link.commands[1] == ("unbreak", {"number": 7})


async def test_a_stopped_event_is_about_the_agent_where_it_is_stopped() -> None:
    """Its row says the breakpoint; what is done to its agent is done to that agent."""
    held: EventRow = rows.event(8999, "held", at="breakpoint 1", id="id-8999")
    link = rows.link(stops=[stop(1, 8999, agent="enricher")], live=[held])
    app = console(link)
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        await pilot.press("2", "j", "k")
        await settled(pilot)
        assert "breakpoint 1" in screen_text(app), screen_text(app)
        assert app.selected_agent() == "enricher"


async def test_a_screen_that_may_only_look_changes_nothing() -> None:
    """Read-only refuses every key of the Breakpoints screen, and b."""
    link = stopped_link(stop(1, 8815))
    app = console(link, read_only=True)
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        await pilot.press("b", "B")
        await settled(pilot)
        for key in "csoSCxKdeEn":
            await pilot.press(key)
        await settled(pilot)
        assert "Read-only" in screen_text(app)
    assert link.commands == []


async def test_the_tab_is_there_when_there_is_something_on_it() -> None:
    """Without breakpoints the line of tabs is as short as ever."""
    link = rows.link()
    app = console(link)
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        assert "B Breakpoints" not in screen_text(app)
        link.give(breakpoints=POINTS)
        await until(pilot, lambda: "B Breakpoints" in screen_text(app))


async def test_what_is_stopped_is_not_called_lost_when_one_leaves() -> None:
    """It goes on at the end, with what waits behind it: q asks nothing because of it."""
    counts = Counts(accepted=9, held=3, succeeded=6)
    app = console(rows.link(counts=counts, stops=[stop(1, 8815, behind=2)]))
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        assert app._would_be_lost() == 0


async def test_a_breakpoint_is_found_by_its_number() -> None:
    """What leads here from elsewhere puts the cursor on it."""
    app = console(stopped_link(stop(1, 8815)))
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        app.open_in("breakpoints", 2)
        await until(
            pilot, lambda: isinstance(app.room.selected, BreakpointRow) if app.room else None
        )
        assert app.room is not None
        assert app.room.selected.number == 2

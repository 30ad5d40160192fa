"""What each key does, on a console whose engine stands still."""

from __future__ import annotations

import pytest

from agentflow.control import Answer
from agentflow_console.panes.agents import AgentsPane
from agentflow_console.panes.events import EventsPane
from agentflow_console.panes.hooks import HooksPane
from agentflow_console.panes.waterfall import Waterfall

from . import rows
from .screen import MEDIUM, SMALL, WIDE, console, screen_text, settled, until


async def test_digits_lead_to_the_screens() -> None:
    """Each digit shows its screen, and only that one is drawn."""
    app = console()
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        for key, room in (("2", "events"), ("3", "agents"), ("4", "hooks"), ("6", "metrics"),
                          ("0", "log"), ("1", "overview")):  # fmt: skip
            await pilot.press(key)
            await settled(pilot)
            assert app.room is not None
            assert app.room.room == room
            assert [other.room for other in app.rooms.values() if other.display] == [room]


async def test_tab_walks_through_the_panes_and_back() -> None:
    """tab goes to the next pane, shift+tab to the one before."""
    app = console()
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        assert isinstance(app.focused, EventsPane)
        await pilot.press("tab")
        assert isinstance(app.focused, Waterfall)
        await pilot.press("shift+tab", "shift+tab", "shift+tab")
        assert isinstance(app.focused, HooksPane)


async def test_on_a_small_screen_tab_changes_the_one_pane() -> None:
    """At 80x24 there is one pane, and tab shows the next."""
    app = console()
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        assert app.room is not None
        assert [pane.id for pane in app.room.panes()] == ["events"]
        for expected in ("trace", "agents", "hooks", "metrics", "events"):
            await pilot.press("tab")
            await settled(pilot)
            assert [pane.id for pane in app.room.panes()] == [expected]


async def test_letters_and_arrows_move_the_cursor() -> None:
    """j and k do what the arrows do, g and G go to the ends."""
    app = console()
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        pane = app.query_one(EventsPane)
        await pilot.press("j", "down", "k")
        assert pane.selected is not None
        assert pane.selected.seq == 999
        await pilot.press("G")
        assert pane.selected.seq == 600
        await pilot.press("pageup", "g")
        assert pane.selected.seq == 1000


async def test_enter_goes_deeper_and_escape_comes_back() -> None:
    """↵ on an event opens it in full, esc leads back to the list and never quits."""
    app = console()
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("2")
        await settled(pilot)
        await pilot.press("j", "enter")
        await settled(pilot)
        await until(pilot, lambda: "imports" in screen_text(app))
        assert "Event 999" in screen_text(app)
        await pilot.press("escape")
        await settled(pilot)
        assert "TARGET" in screen_text(app)
        await pilot.press("escape", "escape", "escape")
        await settled(pilot)
        assert app.is_running


async def test_enter_in_the_overview_opens_the_row_on_its_own_screen() -> None:
    """An agent of the overview opens on the Agents screen, with the cursor on it."""
    app = console()
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        app.query_one(AgentsPane).focus()
        await pilot.press("j", "j", "j", "enter")
        await settled(pilot)
        assert app.room is not None
        assert app.room.room == "agents"
        await until(pilot, lambda: "Agent enricher" in screen_text(app))
        await pilot.press("escape")
        await settled(pilot)
        assert app.room.room == "overview"


async def test_enter_on_an_open_agent_shows_its_events() -> None:
    """From an agent's detail, ↵ leads to the events that are or were at that agent."""
    app = console()
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("3")
        await settled(pilot)
        await pilot.press("enter")
        await settled(pilot)
        await pilot.press("enter")
        await settled(pilot)
        assert app.room is not None
        assert app.room.room == "events"
        assert app.room.table is not None
        assert app.room.table.filter_text.startswith("agent:")
        events = app.room.table
        await pilot.press("escape")
        await settled(pilot)
        assert app.room.room == "agents"
        assert events.filter_text == ""


async def test_z_zooms_a_pane_and_comes_back() -> None:
    """The focused pane fills the screen; z or esc brings the others back."""
    app = console()
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        assert app.room is not None
        await pilot.press("z")
        await settled(pilot)
        assert [pane.id for pane in app.room.panes()] == ["events"]
        assert app.query_one(EventsPane).size.width == WIDE[0]
        await pilot.press("escape")
        await settled(pilot)
        assert len(app.room.panes()) == 5


async def test_space_freezes_what_is_seen_and_nothing_else() -> None:
    """A frozen view keeps its rows while the store goes on collecting; moving still works."""
    link = rows.link()
    app = console(link)
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("space")
        link.give(settled=[rows.event(1001)], settled_cursor=999)
        await until(pilot, lambda: app.store.events.get(1001))
        pane = app.query_one(EventsPane)
        assert pane.rows[0].seq == 1000
        assert "FROZEN" in screen_text(app)
        await pilot.press("j")
        assert pane.selected is not None
        assert pane.selected.seq == 999
        await pilot.press("space")
        await settled(pilot)
        assert pane.rows[0].seq == 1001
        assert "LIVE" in screen_text(app)


async def test_p_pauses_the_selected_agent_and_resumes_a_paused_one() -> None:
    """p sends pause or resume for the agent under the cursor, whichever it needs."""
    link = rows.link()
    app = console(link)
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("3")
        await settled(pilot)
        assert app.room is not None
        assert app.room.table is not None
        app.room.table.select("analyzer")
        await pilot.press("p")
        app.room.table.select("validator")
        await pilot.press("p")
        await until(pilot, lambda: len(link.commands) == 2)
        assert link.commands == [
            ("pause", {"agent": "analyzer"}),
            ("resume", {"agent": "validator"}),
        ]


async def test_p_on_an_event_pauses_the_agent_it_is_at() -> None:
    """On an event, p means the agent where the event is."""
    link = rows.link()
    app = console(link)
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        app.query_one(EventsPane).select(997)  # it runs at the enricher
        await pilot.press("p")
        await until(pilot, lambda: link.commands)
        assert link.commands == [("pause", {"agent": "enricher"})]


async def test_nothing_is_done_to_a_row_that_keeps_changing() -> None:
    """While the cursor follows the newest event, p and r ask to select one first."""
    link = rows.link()
    app = console(link)
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        for key in ("p", "r"):
            await pilot.press(key)
            await until(pilot, lambda: "The cursor follows the newest" in screen_text(app))
            await pilot.press("y")
        assert link.commands == []


@pytest.mark.parametrize(
    ("key", "fields", "command"),
    [
        ("P", {}, ("pause", {"agent": ""})),
        ("P", {"paused": True}, ("resume", {"agent": ""})),
        ("plus", {"pace": 20.0}, ("pace", {"rate": 40.0})),
        ("minus", {"pace": 20.0}, ("pace", {"rate": 10.0})),
    ],
)
async def test_keys_that_change_the_system_send_their_command(
    key: str, fields: dict[str, object], command: tuple[str, dict[str, object]]
) -> None:
    """The command goes to the engine, and its answer stands on the alert line."""
    link = rows.link(**fields)
    link.answer = Answer(True, "So it is.")
    app = console(link)
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press(key)
        await until(pilot, lambda: "✓ So it is." in screen_text(app))
        assert link.commands == [command]


async def test_r_replays_the_dead_letter_of_the_selected_event() -> None:
    """On a dead event, r replays its dead letter; on another one it says why not."""
    link = rows.link()
    app = console(link)
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("j", "r")
        await until(pilot, lambda: "Only a dead letter can be replayed" in screen_text(app))
        app.query_one(EventsPane).select(990)
        await pilot.press("r")
        await until(pilot, lambda: link.commands)
        assert link.commands == [("replay", {"number": 44})]


async def test_a_change_is_pending_while_the_engine_does_not_answer() -> None:
    """A blocked engine leaves the console alive: the change shows as pending, keys still work."""
    link = rows.link()
    app = console(link)
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        link.open.clear()
        await pilot.press("P")
        await until(pilot, lambda: "… pause the runner" in screen_text(app))
        await pilot.press("j")
        assert app.query_one(EventsPane).selected == app.query_one(EventsPane).rows[1]
        link.open.set()
        await until(pilot, lambda: "✓ Done." in screen_text(app))


async def test_a_refusal_is_shown_as_one() -> None:
    """What the engine refuses is said in its words."""
    link = rows.link()
    link.answer = Answer(False, "There is no pausing now.")
    app = console(link)
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("P")
        await until(pilot, lambda: "✗ There is no pausing now." in screen_text(app))


async def test_read_only_sends_nothing() -> None:
    """With read_only no key sends a change, and each says why."""
    link = rows.link()
    app = console(link, read_only=True)
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("j")
        for key in ("p", "P", "u", "i", "e", "m"):
            await pilot.press(key)
            await until(pilot, lambda: "Read-only" in screen_text(app))
            assert len(app.screen_stack) == 1
            await pilot.press("y")
        assert link.commands == []
        assert "READ-ONLY" in screen_text(app)


async def test_a_filter_is_typed_applied_and_remembered() -> None:
    """/ filters while one types; enter keeps it, and the title says how many match."""
    app = console()
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("slash", *"state:dead", "enter")
        await settled(pilot)
        pane = app.query_one(EventsPane)
        assert {row.state for row in pane.rows} == {"dead"}
        assert "44/401 match · /state:dead" in screen_text(app)
        assert app.settings.filters == {"events": "state:dead"}
        await pilot.press("2")
        await settled(pilot)
        assert app.room is not None
        assert app.room.table is not None
        assert app.room.table.filter_text == "state:dead"


async def test_a_wrong_filter_is_said_in_place_and_changes_nothing() -> None:
    """A filter that can't be read leaves the rows and says what is wrong."""
    app = console()
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        pane = app.query_one(EventsPane)
        await pilot.press("slash", *"/[/")
        await until(pilot, lambda: "match" not in screen_text(app).splitlines()[-3])
        assert len(pane.rows) == 401
        await pilot.press("enter")
        assert app.query("FilterLine")
        await pilot.press("escape")
        await settled(pilot)
        assert not app.query("FilterLine")
        assert app.is_running


async def test_escape_takes_a_filter_back() -> None:
    """esc in the filter line brings the old filter back; esc in the list clears it."""
    app = console()
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        pane = app.query_one(EventsPane)
        await pilot.press("slash", *"dead", "enter")
        await settled(pilot)
        await pilot.press("slash", *"xyz", "escape")
        await settled(pilot)
        assert pane.filter_text == "dead"
        await pilot.press("escape")
        await settled(pilot)
        assert pane.filter_text == ""


async def test_the_newest_line_of_the_log_is_followed() -> None:
    """The log follows its end; a filter of words holds there too."""
    app = console()
    async with app.run_test(size=MEDIUM) as pilot:
        await pilot.press("0")
        await settled(pilot)
        assert app.room is not None
        table = app.room.table
        assert table is not None
        assert table.selected.seq == 60
        await pilot.press("slash", *"warning -53", "enter")
        await settled(pilot)
        assert {row.level for row in table.rows} == {"warning"}
        assert 53 not in {row.seq for row in table.rows}


async def test_agents_are_sorted_by_the_next_column() -> None:
    """s sorts by the next of the orders, and the title says which."""
    app = console()
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("3", "s")
        await settled(pilot)
        assert "by name" in screen_text(app)
        assert app.room is not None
        assert app.room.table is not None
        names = [row.name for row in app.room.table.rows]
        assert names == sorted(names)


async def test_y_copies_the_selected_row() -> None:
    """y puts the row on the clipboard."""
    app = console()
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("y")
        assert app.clipboard.startswith("1000 0190a000-")


async def test_a_click_on_a_tab_goes_there() -> None:
    """The tab line is for the mouse too."""
    app = console()
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.click("#tabs", offset=(14, 0))
        await settled(pilot)
        assert app.room is not None
        assert app.room.room == "events"


async def test_another_size_is_another_layout() -> None:
    """From wide to small and back, the panes are those that fit."""
    app = console()
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        assert app.room is not None
        for size, count in ((SMALL, 1), (MEDIUM, 2), ((50, 16), 1), (WIDE, 5)):
            await pilot.resize_terminal(*size)
            await settled(pilot)
            assert len(app.room.panes()) == count
            assert all(len(line) <= size[0] for line in screen_text(app).splitlines())


async def test_a_frozen_view_stays_when_one_looks_elsewhere() -> None:
    """Another screen and back again: what was frozen still is as it was."""
    link = rows.link()
    app = console(link)
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("space")
        link.give(settled=[rows.event(1001)], settled_cursor=999)
        await until(pilot, lambda: app.store.events.get(1001))
        await pilot.press("3")
        await settled(pilot)
        assert "validator" in screen_text(app)
        await pilot.press("1")
        await settled(pilot)
        assert app.query_one(EventsPane).rows[0].seq == 1000

"""The other dialogs: confirm, mode, edit and replay."""

from __future__ import annotations

import pytest
from textual.widget import Widget

from agentflow_console.forms.choice import Choice
from agentflow_console.forms.confirm import ConfirmScreen
from agentflow_console.forms.edit_replay import EditReplayScreen
from agentflow_console.forms.json_editor import MarkedArea
from agentflow_console.forms.mode import MODES, ModeScreen
from agentflow_console.forms.roster import Roster
from agentflow_console.testing import StillLink

from .looking import SMALL, WIDE, Host, reads, seen, until
from .samples import NAMES, PLACES, agent, dead, dead_detail

AGENTS = [agent(name, place) for name, place in zip(NAMES, PLACES, strict=True)]


# -- confirm


@pytest.mark.parametrize(
    ("keys", "destroys", "result"),
    [
        (["y"], False, True),
        (["enter"], False, True),
        (["n"], False, False),
        (["escape"], False, False),
        (["tab", "enter"], False, False),
        (["y"], True, True),
        (["enter"], True, False),
        (["escape"], True, False),
    ],
)
async def test_a_question_is_answered_by_keys(
    keys: list[str], destroys: bool, result: bool
) -> None:
    """y does it, n and esc don't; enter does it unless something would be destroyed."""
    app = Host(ConfirmScreen("Drop it?", ["one letter"], verb="Drop", destroys=destroys))
    async with app.run_test(size=SMALL) as pilot:
        await reads(pilot, "Drop it?", "one letter")
        await pilot.press(*keys)
        await until(pilot, lambda: app.results)
    assert app.results == [result]


async def test_a_question_shows_hostile_text_as_text() -> None:
    """What it touches may say anything: it is shown as it is, cut to a dozen lines."""
    lines = ["[/INST] [@click=app.quit]x[/]", "a\x1b[2Jb", *map(str, range(100, 150))]
    async with Host(ConfirmScreen("[b]Drop[/b]?", lines)).run_test(size=SMALL) as pilot:
        text = await reads(pilot, "[b]Drop[/b]?", "[/INST] [@click=app.quit]x[/]", "a␛[2Jb")
        assert "… and 41 more" in text
        assert "149" not in text


# -- mode


async def test_the_mode_form_starts_with_what_runs() -> None:
    """Mode and agents are chosen as they are now."""
    screen = ModeScreen(StillLink().command, "mixed", AGENTS)
    async with Host(screen).run_test(size=SMALL) as pilot:
        text = await reads(pilot, "synthesizer", "↵ plan")
        assert "[x]   1  analyzer" in text
        assert "[x]   1  synthesizer" in text


@pytest.mark.parametrize("mode", sorted(MODES))
async def test_each_mode_sends_its_own_lists(mode: str) -> None:
    """Each mode is sent with the agents that it needs, and no others."""
    link = StillLink()
    screen = ModeScreen(link.command, "route", AGENTS)
    app = Host(screen)
    async with app.run_test(size=SMALL) as pilot:
        screen.query_one("#mode", Choice).choose(mode)
        await reads(pilot, MODES[mode][:30])
        if mode == "loop":
            screen.query_one("#loop").focus()
            await pilot.press("j", "space")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: app.results)
    expected: dict[str, object] = {"mode": mode}
    if mode in ("collaborative", "mixed"):
        expected["collaborative_agents"] = list(NAMES[:3])
    if mode in ("sequential", "mixed"):
        expected["sequential_agents"] = list(NAMES[3:])
    if mode == "loop":
        expected["loop_agent"] = NAMES[1]
    assert link.commands == [("mode", expected)]


async def test_a_mode_without_agents_is_refused_in_place() -> None:
    """A list that needs an agent and has none is said, and nothing is sent."""
    link = StillLink()
    screen = ModeScreen(link.command, "route", [agent("a", ""), agent("b", "")])
    async with Host(screen).run_test(size=SMALL) as pilot:
        screen.query_one("#mode", Choice).choose("sequential")
        await pilot.press("ctrl+r")
        await reads(pilot, "Choose at least one sequential agent")
        assert screen.query_one("#sequential").has_focus
    assert link.commands == []


async def test_agents_of_another_mode_come_from_the_file() -> None:
    """What the plan doesn't use now is chosen as the configuration's text has it."""
    link = StillLink()
    text = '[orchestration]\nsequential_agents = ["b", "gone", "a"]\nloop_agent = "b"\n'
    screen = ModeScreen(link.command, "route", [agent("a", ""), agent("b", "")], text=text)
    app = Host(screen)
    async with app.run_test(size=SMALL) as pilot:
        screen.query_one("#mode", Choice).choose("mixed")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: app.results)
    expected = {"collaborative_agents": ["a", "b"], "sequential_agents": ["b", "a"]}
    assert link.commands == [("mode", {"mode": "mixed", **expected})]


async def test_agents_are_put_in_out_and_in_order() -> None:
    """Space puts an agent in at the end or out, < and > move it, and the cursor goes with it."""
    screen = ModeScreen(StillLink().command, "sequential", AGENTS)
    async with Host(screen).run_test(size=WIDE) as pilot:
        roster = screen.query_one("#sequential", Roster)
        roster.focus()
        await pilot.press(">", ">")
        assert roster.chosen == ["formatter", "publisher", "synthesizer"]
        await pilot.press("space")
        assert roster.chosen == ["formatter", "publisher"]
        await pilot.press("space", "<")
        assert roster.chosen == ["formatter", "synthesizer", "publisher"]
        assert roster.selected is not None
        assert roster.selected.name == "synthesizer"


async def test_a_choice_goes_round() -> None:
    """← and → walk through the words and start again behind the last; a click takes one."""

    class Form(ConfirmScreen):
        def compose(self):  # type: ignore[no-untyped-def]
            yield Choice(("low", "normal", "high"), "normal", id="choice")
            yield from super().compose()

    screen = Form("?", [])
    async with Host(screen).run_test(size=SMALL) as pilot:
        choice = screen.query_one("#choice", Choice)
        choice.focus()
        await pilot.press("right", "right")
        assert choice.value == "low"
        await pilot.press("left")
        assert choice.value == "high"
        await pilot.click(choice, offset=(7, 0))
        assert choice.value == "normal"


# -- edit and replay


async def test_a_dead_letter_is_edited_and_replayed() -> None:
    """The letter's data is in the editor; what is sent is its number and the edited data."""
    link = StillLink()
    screen = EditReplayScreen(link.command, dead_detail(dead(7, "analyzer", "ValueError: x")))
    app = Host(screen)
    async with app.run_test(size=SMALL) as pilot:
        await reads(pilot, "dead letter 7", "ValueError: x", '"module": "bad_coding"')
        screen.query_one(MarkedArea).text = '{"module": "good"}'
        await pilot.press("ctrl+r")
        await until(pilot, lambda: app.results)
    assert link.commands == [("replay", {"number": 7, "data": {"module": "good"}})]


async def test_bad_json_is_not_replayed() -> None:
    """The editor refuses in place, as the inject form does."""
    link = StillLink()
    screen = EditReplayScreen(link.command, dead_detail(dead(7, "analyzer", "[/INST] \x1b[2J")))
    async with Host(screen).run_test(size=SMALL) as pilot:
        await reads(pilot, "[/INST] ␛[2J")
        screen.query_one(MarkedArea).text = '{"module": }'
        await pilot.press("ctrl+r")
        await reads(pilot, "Nothing was sent. Data, line 1, column 12: a value is expected.")
    assert link.commands == []


@pytest.mark.parametrize("theme", ["night", "day", "terminal", "high-contrast"])
async def test_dialogs_are_drawn_in_every_kind_of_theme(theme: str) -> None:
    """Dark, light, sixteen colours and high contrast all draw every dialog."""
    link = StillLink()
    for screen in (
        ModeScreen(link.command, "mixed", AGENTS),
        EditReplayScreen(link.command, dead_detail(dead(7, "analyzer", "x"))),
        ConfirmScreen("Drop?", ["x"], destroys=True),
    ):
        app = Host(screen, theme)
        async with app.run_test(size=SMALL) as pilot:
            await until(pilot, lambda app=app: len(seen(app)) > 100)
            assert app.theme == theme
            assert isinstance(screen, Widget)


async def test_a_form_scrolls_where_there_is_no_room() -> None:
    """On a very small terminal the keys stay in view, and so does the chosen mode."""
    screen = ModeScreen(StillLink().command, "mixed", AGENTS)
    async with Host(screen).run_test(size=(50, 14)) as pilot:
        text = await reads(pilot, "↵ plan", " mixed ")
        assert "collaborative   " not in text.splitlines()[1]
        assert len(text.splitlines()) <= 14

"""The inject form: what is sent, and what is refused in place."""

from __future__ import annotations

import pytest
from textual.widgets import Input

from agentflow.control import Answer
from agentflow_console.forms.choice import Choice
from agentflow_console.forms.inject import InjectScreen
from agentflow_console.forms.json_editor import MarkedArea
from agentflow_console.link.protocol import LinkError
from agentflow_console.testing import StillLink

from .looking import SMALL, WIDE, Host, reads, seen, until
from .samples import NAMES, dead_detail, sample_link


def form(link: StillLink, event: dict[str, object] | None = None) -> InjectScreen:
    """The form on an engine that stands still."""
    return InjectScreen(link.command, NAMES, event)


def put(screen: InjectScreen, *, target: str = "", data: str = "{}", metadata: str = "") -> None:
    """Fill in the form at once."""
    screen.query_one("#target", Input).value = target
    screen.query_one("#data MarkedArea", MarkedArea).text = data
    screen.query_one("#metadata MarkedArea", MarkedArea).text = metadata


async def test_a_filled_in_form_is_one_event() -> None:
    """Target, session, priority, data and metadata are sent as one event; the form closes."""
    link = StillLink()
    screen = form(link)
    app = Host(screen)
    async with app.run_test(size=SMALL) as pilot:
        put(screen, target="enricher", data='{"module": "ast"}', metadata="origin=hand")
        screen.query_one("#session", Input).value = "s-9"
        screen.query_one("#priority", Choice).choose("high")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: app.results)
    expected = {
        "target": "enricher",
        "session_id": "s-9",
        "data": {"module": "ast"},
        "metadata": {"priority": "high", "origin": "hand"},
    }
    assert link.commands == [("inject", {"event": expected})]
    assert app.results == [Answer(True, "Done.")]


@pytest.mark.parametrize("size", [SMALL, WIDE])
async def test_bad_json_is_refused_in_place(size: tuple[int, int]) -> None:
    """Bad JSON says line and column while it is typed, and nothing is sent."""
    link = StillLink()
    screen = form(link)
    async with Host(screen).run_test(size=size) as pilot:
        put(screen, target="analyzer", data='{\n  "a": 1\n  "b": 2\n}')
        await reads(pilot, "✗ line 3, column 3: a comma or a closing bracket is missing")
        await pilot.press("ctrl+r")
        await reads(pilot, "Nothing was sent")
        area = screen.query_one("#data MarkedArea", MarkedArea)
        assert area.has_focus
        assert area.cursor_location == (2, 2)
        assert area.has_class("-bad")
    assert link.commands == []


async def test_mending_the_json_takes_the_mark_away() -> None:
    """As soon as the text is right the mark goes, and it can be sent."""
    link = StillLink()
    screen = form(link)
    async with Host(screen).run_test(size=SMALL) as pilot:
        put(screen, target="analyzer", data='{"a": 1,}')
        await reads(pilot, "✗ line 1, column 9")
        area = screen.query_one("#data MarkedArea", MarkedArea)
        area.focus()
        area.move_cursor((0, 8))
        await pilot.press("backspace")
        await reads(pilot, "✓ 1 key")
        assert not area.has_class("-bad")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: link.commands)


async def test_bad_metadata_is_refused_in_place() -> None:
    """Metadata has its own place for what is wrong."""
    link = StillLink()
    screen = form(link)
    async with Host(screen).run_test(size=SMALL) as pilot:
        put(screen, target="analyzer", metadata="nonsense")
        await pilot.press("ctrl+r")
        await reads(pilot, "Metadata, line 1, column 9: an = is missing")
    assert link.commands == []


async def test_without_a_target_nothing_is_sent() -> None:
    """An event needs somebody who gets it, or a route in its metadata."""
    link = StillLink()
    screen = form(link)
    app = Host(screen)
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("ctrl+r")
        await reads(pilot, "name the agent that gets it")
        assert link.commands == []
        put(screen, metadata="route=analyzer")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: app.results)
    assert len(link.commands) == 1


async def test_an_orchestration_takes_events_without_a_target() -> None:
    """In a mode other than route an event needs no target."""
    link = StillLink()
    app = Host(InjectScreen(link.command, NAMES, mode="mixed"))
    async with app.run_test(size=SMALL) as pilot:
        await reads(pilot, "the mixed orchestration, or one of 6")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: app.results)
    assert link.commands[0][1]["event"]["target"] == ""


async def test_an_unknown_agent_is_a_warning() -> None:
    """An unknown target is said to become a dead letter, and is sent all the same."""
    link = StillLink()
    screen = form(link)
    app = Host(screen)
    async with app.run_test(size=SMALL) as pilot:
        put(screen, target="nobody")
        await reads(pilot, "no such agent: it would become a dead letter")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: app.results)
    assert link.commands[0][1]["event"]["target"] == "nobody"


async def test_the_target_is_completed() -> None:
    """A few letters of an agent's name offer the rest, and → takes it."""
    screen = form(StillLink())
    async with Host(screen).run_test(size=SMALL) as pilot:
        await pilot.press("s", "y", "n")
        await reads(pilot, "synthesizer")
        await until(pilot, lambda: screen.query_one("#target", Input)._suggestion)
        await pilot.press("right")
        assert screen.query_one("#target", Input).value == "synthesizer"
        await reads(pilot, "✓ known")


async def test_it_is_filled_in_from_an_event() -> None:
    """An edited copy keeps target, session, priority, data and cause, and says whose it is."""
    event = dead_detail(sample_link()._next.dead[0]).event  # type: ignore[index]
    event["metadata"] |= {"parent_event": "e0", "hop_count": "3", "session_id": "s-1"}
    link = StillLink()
    app = Host(form(link, event))
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("ctrl+r")
        await until(pilot, lambda: app.results)
    sent = link.commands[0][1]["event"]
    assert sent == {
        "target": "analyzer",
        "session_id": "s-1",
        "data": event["data"],
        "metadata": {
            "priority": "high", "origin": "feed", "parent_event": "e0", "hop_count": "3",
            "replay_of": event["id"],
        },
        "source": "feed",
    }  # fmt: skip


async def test_a_refusal_of_the_engine_stays_in_the_form() -> None:
    """What the engine refuses is said in the form, with everything still filled in."""
    link = StillLink()
    link.answer = Answer(False, "Read-only: nothing was changed.")
    screen = form(link)
    app = Host(screen)
    async with app.run_test(size=SMALL) as pilot:
        put(screen, target="analyzer")
        await pilot.press("ctrl+r")
        await reads(pilot, "Read-only: nothing was changed.")
        assert screen.query_one("#target", Input).value == "analyzer"
        assert app.results == []


async def test_a_lost_engine_stays_in_the_form() -> None:
    """A lost engine is a sentence in the form, not a crash."""

    async def lost(name: str, **arguments: object) -> Answer:
        raise LinkError("The engine is gone.")

    screen = InjectScreen(lost, NAMES, {"target": "analyzer"})
    async with Host(screen).run_test(size=SMALL) as pilot:
        await pilot.press("ctrl+r")
        await reads(pilot, "The engine is gone.")


async def test_a_blocked_engine_does_not_block_the_form() -> None:
    """While the engine doesn't answer the form says that it waits, and esc leaves it."""
    link = StillLink()
    link.open.clear()
    screen = form(link, {"target": "analyzer"})
    app = Host(screen)
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("ctrl+r")
        await reads(pilot, "waiting for the engine")
        await pilot.press("escape")
        await until(pilot, lambda: app.results)
    assert app.results == [None]


async def test_esc_sends_nothing() -> None:
    """esc leaves the form, whichever field has the keyboard."""
    link = StillLink()
    screen = form(link)
    app = Host(screen)
    async with app.run_test(size=SMALL) as pilot:
        put(screen, target="analyzer")
        screen.query_one("#data MarkedArea").focus()
        await pilot.press("escape")
        await until(pilot, lambda: app.results)
    assert link.commands == []


async def test_hostile_text_is_inert() -> None:
    """Markup and escape sequences of an event are shown as text, and survive unchanged."""
    hostile = {"[/INST]": "\x1b]52;c;eA==\x07 [@click=app.quit]x[/] \u202e 漢😀"}
    link = StillLink()
    app = Host(form(link, {"target": "[bold]x[/]", "data": hostile}))
    async with app.run_test(size=WIDE) as pilot:
        text = await reads(pilot, "[/INST]", "[@click=app.quit]x[/]", "\\u001b]52", "\\u202e")
        assert "\x1b" not in text
        assert "\u202e" not in text
        await pilot.press("ctrl+r")
        await until(pilot, lambda: app.results)
    assert link.commands[0][1]["event"]["data"] == hostile


async def test_a_megabyte_is_not_edited() -> None:
    """Data too large to edit is said to be so, and the form opens at once."""
    app = Host(form(StillLink(), {"target": "a", "data": {"blob": "x" * 1_000_000}}))
    async with app.run_test(size=SMALL) as pilot:
        text = await reads(pilot, "too large to edit here")
        assert "xxxx" not in text


async def test_it_fits_a_small_terminal() -> None:
    """Every field and the keys are on a screen of 80x24."""
    async with Host(form(StillLink())).run_test(size=SMALL) as pilot:
        await reads(pilot, "Target", "Session", "Priority", "Data", "Metadata", "ctrl+r", "esc")
        assert all(len(line) <= 80 for line in seen(pilot.app).splitlines())

"""Plan before apply: what is shown, and what is then asked of the engine."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from agentflow.telemetry.planned import DIES, FINISHES, OTHER_MODE, Preview, Touch
from agentflow.telemetry.snapshot import CanaryRow, Counts, SideRow
from agentflow_console.forms.plan import PlanScreen
from agentflow_console.testing import StillLink

from .looking import SMALL, WIDE, Host, console, reads, until, visit
from .samples import NOW, sample_link

BOTH = pytest.mark.parametrize("size", [WIDE, SMALL])

PREVIEW = Preview(
    version=3, next=4, differences=["mode mixed → sequential", "agent [b]x removed"],
    before="mixed: (analyzer ∥ enricher) → publisher", after="sequential: analyzer → publisher",
    appear=["critic"], disappear=["[b]x", "enricher"], change=[],
    touches=[
        Touch(DIES, "queued", 12, True, "ask for enricher, which is not there: dead letters",
              ["#8812 → enricher"]),
        Touch(OTHER_MODE, "held", 1200, False, "run as sequential, not as mixed", ["#1"]),
        Touch(FINISHES, "running", 4, True, "finish under v3", ["#7"]),
    ],
    untouched=33, counts=Counts(), sessions=128, loads=["critic: handlers:critic"], problems=[],
)  # fmt: skip
CANARY = CanaryRow(
    10.0, NOW - 60, 12, "operator ada, canary 10%",
    SideRow(3, "mixed", "mixed: a → b", 1204, 3, 3, 41.0, 0.02, 0.012, 0.088),
    SideRow(4, "sequential", "sequential: [b]a → b", 133, 12, 1, 4.2, 0.03, 0.014, 0.5),
)  # fmt: skip


def plan(link: StillLink, preview: Preview = PREVIEW, **options: Any) -> Host:
    """The form on that plan."""
    arguments = {"mode": "sequential"}
    screen = PlanScreen(link.command, "mode", arguments, preview, title="Plan: mode", **options)
    return Host(screen)


@BOTH
async def test_a_plan_says_what_would_happen(size: tuple[int, int]) -> None:
    """In meaning, to the agents, and to the events that are there; the worst of these first."""
    async with plan(StillLink()).run_test(size=size) as pilot:
        text = await reads(
            pilot, "Plan: mode", "v3 now", "mixed: (analyzer ∥ enricher) → publisher", "v4 then",
            "~ mode mixed → sequential", "- agent [b]x removed", "+ critic appears",
            "- [b]x, enricher disappear", "✗ 12 queued ask for enricher", "(#8812 →",
            "~ about 1,200 held run as sequential", "● 4 running finish under v3",
            "loaded only then: critic: handlers:critic", "↵ apply",
        )  # fmt: skip
        assert text.index("✗ 12") < text.index("about 1,200") < text.index("● 4 running")


@pytest.mark.parametrize(
    ("keys", "arguments"),
    [
        (["enter"], {}),
        (["right", "enter"], {"scope": "new_sessions"}),
        (["right", "right", "enter"], {"scope": "share", "share": 10.0}),
        (["right", "right", "tab", "end", "backspace", "backspace", *"2.5", "enter"],
         {"scope": "share", "share": 2.5}),
        (["tab", *"it hurts", "enter"], {"why": "it hurts"}),
    ],
)  # fmt: skip
async def test_enter_applies_for_whom_it_is_meant(
    keys: list[str], arguments: dict[str, Any]
) -> None:
    """For everything at once, or as chosen; with the operator's reason if one was typed."""
    link = StillLink()
    async with plan(link).run_test(size=SMALL) as pilot:
        await reads(pilot, "v4 then")
        await pilot.press(*("space" if key == " " else key for key in keys))
        await until(pilot, lambda: link.commands)
    assert link.commands == [("mode", {"mode": "sequential", **arguments})]


@pytest.mark.parametrize("share", ["0", "100", "nan"])
async def test_what_is_no_share_is_said_and_not_sent(share: str) -> None:
    """A share is between nothing and everything; the field keeps what was typed."""
    link = StillLink()
    async with plan(link).run_test(size=SMALL) as pilot:
        await reads(pilot, "v4 then")
        await pilot.press("right", "right", "tab", "end", "backspace", "backspace", *share, "enter")
        await reads(pilot, "more than 0 and less than 100")
        await pilot.press("escape")
    assert link.commands == []


@pytest.mark.parametrize(
    ("changed", "options"),
    [({"canary": "ends the canary v3"}, {}), ({"differences": []}, {}), ({}, {"whole": True})],
)
async def test_there_is_no_choice_where_there_is_none(
    changed: dict[str, Any], options: dict[str, Any]
) -> None:
    """While something is tried out, where nothing changes, and for what is always for all."""
    link = StillLink()
    preview = msgspec.structs.replace(PREVIEW, **changed)
    async with plan(link, preview, **options).run_test(size=SMALL) as pilot:
        text = await reads(pilot, "↵ apply")
        assert "new sessions" not in text
        await pilot.press("enter")
        await until(pilot, lambda: link.commands)


async def test_who_is_asked_for_a_reason_starts_there() -> None:
    """With [console] ask_why the cursor is in that field; enter applies from there too."""
    link = StillLink()
    asks = msgspec.structs.replace(PREVIEW, ask_why=True)
    async with plan(link, asks).run_test(size=SMALL) as pilot:
        await reads(pilot, "Why")
        await pilot.press(*"because", "enter")
        await until(pilot, lambda: link.commands)
    assert link.commands[0][1]["why"] == "because"


@BOTH
async def test_the_mode_form_shows_the_plan_before_it_sends(size: tuple[int, int]) -> None:
    """Enter shows the plan, enter applies it; esc goes back to what was chosen."""
    link = sample_link()
    app = console(link)
    async with app.run_test(size=size) as pilot:
        await visit(pilot, "1", "mixed")
        await pilot.press("m")
        await reads(pilot, "Choose the mode", "↵ plan")
        await pilot.press("right", "enter")
        await reads(pilot, "Plan: mode mixed → route", "mode route → sequential")
        await pilot.press("escape")
        await reads(pilot, "Choose the mode", "Nothing was changed.")
        assert not link.commands
        await pilot.press("enter")
        await reads(pilot, "Plan: mode mixed → route")
        await pilot.press("enter")
        await until(pilot, lambda: link.commands and len(app.screen_stack) == 1)
    assert link.commands[0][0] == "mode"


@pytest.mark.parametrize(
    ("key", "title", "command"),
    [("u", "Undo the last change", ("undo", {})), ("a", "apply the file", ("file", {}))],
)
async def test_undo_and_the_file_are_planned_too(
    key: str, title: str, command: tuple[str, dict[str, Any]]
) -> None:
    """One key shows what it would do, enter does it."""
    link = sample_link()
    app = console(link)
    async with app.run_test(size=SMALL) as pilot:
        await visit(pilot, "7", "● v3")
        await pilot.press(key)
        await reads(pilot, title, "↵ apply")
        await pilot.press("enter")
        await until(pilot, lambda: link.commands)
    assert link.commands == [command]


@BOTH
async def test_a_canary_shows_on_every_screen_and_side_by_side(size: tuple[int, int]) -> None:
    """A badge in the header; both versions on the Config screen; A promotes or ends it."""
    link = sample_link(canary=CANARY)
    app = console(link)
    async with app.run_test(size=size) as pilot:
        await visit(pilot, "7", "CANARY 10%", "● v3")
        if size == SMALL:
            await pilot.press("shift+tab")
        await reads(pilot, "v3 runs", "v4 canary", "1204", "133", "9.0%", "12 known")
        await pilot.press("A")
        await reads(pilot, "v4 is being tried out", "88ms", "500ms", "promote", "Why", "↵ do it")
        await pilot.press("right", "tab", *"bad", "enter")
        await until(pilot, lambda: link.commands)
        link.give(canary=None)
        await until(pilot, lambda: "CANARY" not in _text(app))
    assert link.commands == [("abort_canary", {"why": "bad"})]


async def test_without_a_canary_there_is_nothing_to_decide() -> None:
    """That is said, with how one begins."""
    app = console()
    async with app.run_test(size=SMALL) as pilot:
        await visit(pilot, "7", "● v3")
        await pilot.press("A")
        await reads(pilot, "Nothing is being tried out")


async def test_a_plan_that_the_engine_refuses_is_not_shown() -> None:
    """Its reason is said instead, and the form keeps what was chosen."""
    link = sample_link()
    link.refuse_plans = "not applied: there is no agent ghost"
    app = console(link)
    async with app.run_test(size=SMALL) as pilot:
        await visit(pilot, "1", "mixed")
        await pilot.press("m")
        await reads(pilot, "Choose the mode")
        await pilot.press("enter")
        await reads(pilot, "no agent ghost", "Choose the mode")
    assert link.commands == []


def _text(app: Any) -> str:
    from .looking import seen

    return seen(app)

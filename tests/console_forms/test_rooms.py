"""Traces, configuration, dead letters and audit, as a person sees and uses them."""

from __future__ import annotations

import json

import pytest

from agentflow.control import Answer
from agentflow_console.link.protocol import LinkError
from agentflow_console.screens.config import Config
from agentflow_console.testing import StillLink

from .looking import SMALL, WIDE, console, reads, seen, until, visit
from .samples import TOML, config, dead, dead_detail, sample_link

BOTH = pytest.mark.parametrize("size", [SMALL, WIDE], ids=["80x24", "160x45"])


def empty_link() -> StillLink:
    """An engine that has just started and has done nothing."""
    return StillLink(agents=[], hooks=[], modes=[], dead=[])


# -- dead letters


@BOTH
async def test_dead_letters_are_listed_with_their_errors(size: tuple[int, int]) -> None:
    """Every letter has its agent, its state as glyph and word, and its error."""
    app = console()
    async with app.run_test(size=size) as pilot:
        text = await visit(pilot, "8", "✗ dead", "↻ replayed", "SyntaxError", "validator")
        assert "Dead letters 3" in text


@BOTH
async def test_a_dead_letter_opens_in_full(size: tuple[int, int]) -> None:
    """↵ shows error, traceback, data, attempts and version; esc goes back to the list."""
    app = console()
    async with app.run_test(size=size) as pilot:
        await visit(pilot, "8", "✗ dead")
        await pilot.press("enter")
        await reads(pilot, "Dead letter 3", "3 times", "v2", "Traceback", '"module": "bad_coding"')
        await pilot.press("escape")
        await reads(pilot, "NO", "STATUS", "↻ replayed")


async def test_r_replays_the_selected_letter() -> None:
    """r replays it, and the engine's answer is said."""
    link = sample_link()
    link.answer = Answer(True, "Dead letter 3 runs again.")
    app = console(link)
    async with app.run_test(size=SMALL) as pilot:
        await visit(pilot, "8", "✗ dead")
        await pilot.press("r")
        await reads(pilot, "Dead letter 3 runs again.")
    assert link.commands == [("replay", {"number": 3})]


async def test_e_edits_and_replays() -> None:
    """e opens the letter's data in an editor; sending replays it with the edited data."""
    link = sample_link()
    app = console(link)
    async with app.run_test(size=WIDE) as pilot:
        await visit(pilot, "8", "✗ dead")
        await pilot.press("e")
        await reads(pilot, "Edit and replay dead letter 3", '"size": 412')
        await pilot.press("ctrl+r")
        await until(pilot, lambda: link.commands)
    name, arguments = link.commands[0]
    assert (name, arguments["number"]) == ("replay", 3)
    assert arguments["data"]["module"] == "bad_coding"


@pytest.mark.parametrize(
    ("key", "asked", "command"),
    [
        ("d", "Drop dead letter 3?", ("drop", {"number": 3})),
        ("R", "Replay 2 dead letters?", ("replay_all", {})),
        ("C", "Drop 2 dead letters?", ("clear_dead", {})),
    ],
)
async def test_what_touches_more_is_asked_first(
    key: str, asked: str, command: tuple[str, dict[str, int]]
) -> None:
    """Dropping, and whatever touches several, says what it touches; n does nothing, y does it."""
    link = sample_link()
    app = console(link)
    async with app.run_test(size=SMALL) as pilot:
        await visit(pilot, "8", "✗ dead")
        await pilot.press(key)
        await reads(pilot, asked, "validator")
        await pilot.press("n")
        await until(pilot, lambda: asked not in seen(app))
        assert link.commands == []
        await pilot.press(key)
        await reads(pilot, asked)
        await pilot.press("y")
        await until(pilot, lambda: link.commands)
    assert link.commands == [command]


async def test_a_letter_is_copied_whole() -> None:
    """y copies the letter as JSON, with what the screen has no room for."""
    app = console()
    async with app.run_test(size=WIDE) as pilot:
        await visit(pilot, "8", "Traceback")
        await pilot.press("enter")
        await until(pilot, lambda: app.room is not None and app.room.opened)  # type: ignore[attr-defined]
        await pilot.press("y")
        await until(pilot, lambda: app.clipboard)
    copied = json.loads(app.clipboard)
    assert copied["number"] == 3
    assert copied["event"]["data"]["module"] == "bad_coding"


async def test_read_only_refuses_before_a_form_is_filled_in() -> None:
    """With --read-only no question and no form opens, and the reason is said."""
    link = sample_link()
    app = console(link, read_only=True)
    async with app.run_test(size=SMALL) as pilot:
        await visit(pilot, "8", "✗ dead")
        for key in ("d", "e", "R", "i", "m"):
            await pilot.press(key)
            await reads(pilot, "Read-only")
            assert len(app.screen_stack) == 1
    assert link.commands == []


async def test_a_hostile_letter_is_text() -> None:
    """Markup and escape sequences in a dead letter are shown in list and detail, not obeyed."""
    letter = dead(1, "[bold]a[/]", "[/INST] \x1b]52;c;eA==\x07 [@click=app.quit]x[/] 漢😀")
    link = sample_link(dead=[letter])
    link.dead_details = {1: dead_detail(letter)}
    app = console(link)
    async with app.run_test(size=WIDE) as pilot:
        text = await visit(pilot, "8", "[/INST] ␛]52;c", "[bold]a[/]", "Traceback")
        assert "\x1b" not in text


# -- audit


@BOTH
async def test_the_audit_says_who_did_what(size: tuple[int, int]) -> None:
    """Each thing done has its time, who, what, and what came of it, refusals with the reason."""
    app = console()
    async with app.run_test(size=size) as pilot:
        await visit(pilot, "9", "pause", "validator", "✓ done", "✗ refused", "there is no")
        await pilot.press("enter")
        await reads(pilot, "Drop this dead letter", "grace", "there is no dead letter 9")


# -- configuration


@BOTH
async def test_the_config_says_what_runs(size: tuple[int, int]) -> None:
    """The history has every version with its cause, the one that runs marked."""
    app = console()
    async with app.run_test(size=size) as pilot:
        await visit(pilot, "7", "● v3", "mode route → sequential", "v3 runs", "What v3 changed")


async def test_a_wide_config_has_everything_at_once() -> None:
    """Mode, agents, rules, the file and the differences stand side by side."""
    app = console()
    async with app.run_test(size=WIDE) as pilot:
        await visit(
            pilot, "7", "mode mixed", "synthesizer → formatter → publisher", "timeout_seconds",
            "orchestration.collaborative_agents: added",
        )  # fmt: skip


@BOTH
async def test_a_start_that_failed_says_everything(size: tuple[int, int]) -> None:
    """When the file kept the engine from starting, the screen has every problem in full."""

    class Broken(StillLink):
        async def start(self) -> None:
            raise LinkError(
                "agentflow.toml:9:1: max_concurency is unknown\na.toml:14:11: bad timeout"
            )

    app = console(Broken())
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.pump.failure)
        await visit(pilot, "7", "Why nothing runs", "9:1: max_concurency is", "14:11: bad timeout")


async def test_a_small_config_goes_on_with_tab() -> None:
    """On a small screen tab walks through all of it and comes round."""
    app = console()
    async with app.run_test(size=SMALL) as pilot:
        await visit(pilot, "7", "History · 1 of 4, tab goes on")
        for words in ("2 of 4", "What runs · 3 of 4", "agentflow.toml · 4 of 4", "History"):
            await pilot.press("tab")
            await reads(pilot, words)


@BOTH
async def test_a_broken_file_is_marked_where_it_is_bad(size: tuple[int, int]) -> None:
    """Each problem is listed with file:line:column and advice, and stands under its line."""
    app = console(sample_link(config=config(refused=True)))
    async with app.run_test(size=size) as pilot:
        text = await visit(
            pilot, "7", "agentflow.toml:9:1", "agentflow.toml:14:11", "2 errors",
            "✗ max_concurency = 10", "did you mean 'max_concurrency'?",
        )  # fmt: skip
        lines = text.splitlines()
        at = next(n for n, line in enumerate(lines) if "✗ max_concurency" in line)
        assert "╰ unknown key" in lines[at + 1]


async def test_a_problem_of_another_file_is_listed_but_not_marked() -> None:
    """A problem of a file that is laid over this one has its own name, and no line here."""
    broken = config(refused=True)
    other = type(broken.problems[0])("agentflow.prod.toml", 2, 1, "x", "unknown key", "", "error")
    link = sample_link(
        config=type(broken)("x", "agentflow.toml", 3, "mixed", TOML, [], [other], "refused")
    )
    app = console(link)
    async with app.run_test(size=WIDE) as pilot:
        text = await visit(pilot, "7", "agentflow.prod.toml:2:1", 'name = "stdlib-audit"')
        assert '✗ name = "stdlib-audit"' not in text


async def test_the_cursor_on_a_problem_shows_its_line() -> None:
    """Going down the problems brings each one's line into view."""
    text = "\n".join(f'key_{number} = "x"' for number in range(1, 200))
    broken = config(refused=True)
    problems = [
        type(broken.problems[0])(
            "agentflow.toml", line, 1, f"key_{line}", "unknown key", "", "error"
        )
        for line in (3, 150)
    ]
    link = sample_link(
        config=type(broken)("x", "agentflow.toml", 3, "mixed", text, [], problems, "refused")
    )
    app = console(link)
    async with app.run_test(size=SMALL) as pilot:
        await visit(pilot, "7", "✗ key_3")
        await pilot.press("j")
        await reads(pilot, "✗ key_150")


async def test_enter_rolls_back_after_its_plan() -> None:
    """↵ on an older version says what that would change; ↵ once more rolls back to it."""
    link = sample_link()
    app = console(link)
    async with app.run_test(size=SMALL) as pilot:
        await visit(pilot, "7", "● v3")
        await pilot.press("j", "enter")
        await reads(pilot, "Plan: roll back to v2", "mode route → sequential", "↵ apply")
        await pilot.press("enter")
        await until(pilot, lambda: link.commands)
    assert link.commands == [("rollback", {"version": 2})]


async def test_what_runs_is_not_rolled_back_to() -> None:
    """Rolling back to what runs is said to be nothing to do."""
    link = sample_link()
    app = console(link)
    async with app.run_test(size=SMALL) as pilot:
        await visit(pilot, "7", "● v3")
        await pilot.press("b")
        await reads(pilot, "v3 is what runs.")
    assert link.commands == []


async def test_a_mended_file_loses_its_problems() -> None:
    """When the file is right again its problems go, and the history is shown."""
    link = sample_link(config=config(refused=True))
    app = console(link)
    async with app.run_test(size=SMALL) as pilot:
        await visit(pilot, "7", "2 errors")
        link.give(config=config(), config_revision=2)
        text = await reads(pilot, "● v3", "History")
        assert "errors" not in text
        assert isinstance(app.room, Config)


async def test_hostile_toml_is_text() -> None:
    """A file that holds markup and escape sequences is shown as text."""
    hostile = config()
    text = 'x = "[/INST] [@click=app.quit]y[/]"\n# \x1b]52;c;eA==\x07 \u202e\n'
    link = sample_link(config=type(hostile)("[b]n[/]", "a.toml", 3, "mixed", text, [], [], "ok"))
    app = console(link)
    async with app.run_test(size=WIDE) as pilot:
        shown = await visit(pilot, "7", "[/INST] [@click=app.quit]y[/]", "␛]52;c", "‹U+202E›")
        assert "\x1b" not in shown


# -- traces


@BOTH
async def test_sessions_lead_to_their_waterfall(size: tuple[int, int]) -> None:
    """↵ goes from the sessions to the waterfall to a span, esc comes back each step."""
    app = console()
    async with app.run_test(size=size) as pilot:
        await visit(pilot, "5", "Sessions 11", "● 1 running", "s-10")
        await pilot.press("enter")
        await reads(pilot, "Session s-11", "11 spans", "orchestrate mixed")
        await pilot.press("j", "j", "j", "j", "j", "enter")
        await reads(pilot, "Span enricher", "ValueError: no such module", "310ms")
        await pilot.press("escape", "escape")
        await reads(pilot, "Sessions 11")
        await until(pilot, lambda: app.focused is not None and app.focused.id == "sessions")


async def test_sessions_are_searched() -> None:
    """/ finds sessions by any word of theirs."""
    app = console()
    async with app.run_test(size=SMALL) as pilot:
        await visit(pilot, "5", "Sessions 11")
        await pilot.press("/", *"dead")
        await until(pilot, lambda: "s-10" not in seen(app))
        await pilot.press("enter")
        text = await reads(pilot, "s-3", "s-6", "s-9", "✗ 1 dead")
        assert "s-11" not in text


async def test_the_trace_of_an_event_opens_its_session() -> None:
    """w on an event opens the waterfall of its session, even one that is not on the list."""
    link = sample_link()
    link.session_rows = link.session_rows[:2]
    app = console(link)
    async with app.run_test(size=SMALL) as pilot:
        await visit(pilot, "2", "succeeded")
        await pilot.press("G")
        await pilot.press("w")
        await reads(pilot, "Session s-1 ", "orchestrate mixed")


async def test_all_spans_fold_at_once() -> None:
    """x folds every span below the roots, and unfolds them again."""
    app = console()
    async with app.run_test(size=SMALL) as pilot:
        await visit(pilot, "5", "Sessions 11")
        await pilot.press("enter")
        await reads(pilot, "attempt 2")
        await pilot.press("x")
        await until(pilot, lambda: "attempt 2" not in seen(app))
        await pilot.press("x")
        await reads(pilot, "attempt 2")


# -- nothing yet


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("5", "No sessions yet."),
        ("7", "No version yet"),
        ("8", "No dead letters"),
        ("9", "Nobody changed anything yet."),
    ],
)
@BOTH
async def test_an_empty_screen_says_what_to_do(key: str, said: str, size: tuple[int, int]) -> None:
    """A screen with nothing on it says why, and what would change that."""
    app = console(empty_link())
    async with app.run_test(size=size) as pilot:
        await visit(pilot, key, said)

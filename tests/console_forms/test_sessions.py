"""Sessions with a real engine: search, causes and effects, what changed, edit and send again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual.pilot import Pilot

from agentflow import CallbackArgs, Config, Context, Event, Runner, State
from agentflow.control import Control
from agentflow_console.app import ConsoleApp
from agentflow_console.keymap import KeyMap
from agentflow_console.link.in_process import InProcessLink
from agentflow_console.screens.traces import Traces
from agentflow_console.settings import Settings

from .looking import SMALL, WIDE, reads, seen, until, visit

BOTH = pytest.mark.parametrize("size", [SMALL, WIDE], ids=["80x24", "160x45"])

TOML = """
[orchestration]
mode = "sequential"
sequential_agents = ["parse", "grade"]
retry_attempts = 0
[agents.parse]
[agents.grade]
[agents.notify]
"""


ALONE = {"orchestration_override": "route"}


async def parse(event: Event, state: State, context: Context) -> State:
    """Fails without a name; else counts, and tells another session."""
    if not event.data.get("name"):
        raise ValueError("it has no name")
    state["report"] = {"size": len(event.data["name"]), "kind": "module"}
    del state["raw"]
    told = event.child("notify", {"name": event.data["name"]}, ALONE)
    await context.emit(told.replace(session_id="mail"))
    return state


def grade(event: Event, state: State) -> State:
    """Changes something deep inside."""
    state["report"] = {**state["report"], "kind": "package"}
    return state


def notify(event: Event, state: State) -> None:
    """Does nothing."""


def stamp(args: CallbackArgs) -> State:
    """A callback that changes the state."""
    return State({**args.state, "stamped": True}, args.state.meta)


@asynccontextmanager
async def running() -> AsyncIterator[Runner]:
    """The engine, with a session that went well, and one that did not."""
    runner = Runner(Config.from_toml(TOML, environ={}))
    runner.register_agent("parse", parse)
    runner.register_agent("grade", grade)
    runner.register_agent("notify", notify)
    runner.register_callback("BeforeEventHandling", "stamp", stamp)
    async with runner:
        await runner.emit(Event("", {"name": "ast", "raw": "x"}, session_id="well", source="feed"))
        await runner.join()
        await runner.emit(Event("", {"name": "", "raw": "x"}, session_id="badly", source="feed"))
        await runner.join()
        yield runner


def console_on(runner: Runner) -> ConsoleApp:
    """A console on it, in this process."""
    link = InProcessLink(Control(runner))
    return ConsoleApp(link, settings=Settings(), keymap=KeyMap(), fps=50)


async def opened(pilot: Pilot[int], session: str) -> Traces:
    """The Traces screen, with the waterfall of a session."""
    await visit(pilot, "5", "Sessions 3", session)
    room = pilot.app.room  # type: ignore[attr-defined]
    assert isinstance(room, Traces)
    room.sessions.select(session)
    await pilot.press("enter")
    await until(pilot, lambda: room.waterfall.subject == session and room.waterfall.spans)
    return room


def on_span(room: Traces, kind: str, name: str) -> None:
    """Put the cursor on a span."""
    (node,) = (one for one in room.waterfall.rows if (one.span.kind, one.span.name) == (kind, name))
    room.waterfall.select(node.span.id)


@BOTH
async def test_sessions_are_searched_by_what_happened_in_them(size: tuple[int, int]) -> None:
    """The filter asks the engine: errors, agents, states; what is wrong with it is said."""
    async with running() as runner:
        app = console_on(runner)
        async with app.run_test(size=size) as pilot:
            await visit(pilot, "5", "Sessions 3", "well", "badly", "mail")
            await pilot.press("/", *'error:"no name"', "enter")
            await reads(pilot, "Sessions 1/3", "badly")
            assert "mail" not in seen(app)
            await pilot.press("/", "ctrl+u", *"agent:grade dur<5s", "enter")
            await reads(pilot, "Sessions 1/3", "well")
            await pilot.press("/", "ctrl+u", *"size>3")
            await reads(pilot, "no field 'size'")


@BOTH
async def test_a_run_says_what_it_did_to_the_state(size: tuple[int, int]) -> None:
    """Added, removed and changed, nested ones too, with signs; callbacks with their keys."""
    async with running() as runner:
        app = console_on(runner)
        async with app.run_test(size=size) as pilot:
            room = await opened(pilot, "well")
            on_span(room, "agent", "parse")
            await pilot.press("enter")
            await reads(pilot, "What changed · +1 -1", "+ report", "- raw")
            await pilot.press("escape")
            on_span(room, "agent", "grade")
            await pilot.press("enter")
            await reads(pilot, '~ report.kind  "module" → "package"', "callbacks did up to the end")
            await pilot.press("escape")
            on_span(room, "hook", "BeforeEventHandling stamp")
            await pilot.press("enter")
            await reads(pilot, "changed stamped")


@BOTH
async def test_causes_and_effects_are_walked_and_esc_comes_back(size: tuple[int, int]) -> None:
    """> goes to what a run caused, into another session; < to the cause, esc the way back."""
    async with running() as runner:
        app = console_on(runner)
        async with app.run_test(size=size) as pilot:
            room = await opened(pilot, "well")
            on_span(room, "agent", "parse")
            await pilot.press(">")
            await until(pilot, lambda: room.waterfall.subject == "mail" and room.waterfall.selected)
            await reads(pilot, "Session mail", "event notify")
            await pilot.press(">")
            await reads(pilot, "It caused no other event.")
            await pilot.press("<")
            await until(pilot, lambda: room.waterfall.subject == "well")
            await until(pilot, lambda: chosen(room) == "parse")
            await pilot.press("<")
            await until(pilot, lambda: chosen(room) == "sequential")
            await pilot.press(
                "<",
            )
            await until(pilot, lambda: room.waterfall.selected.span.kind == "event")
            await pilot.press("<")
            await reads(pilot, "It came from outside, from feed.")
            for name in ("sequential", "parse", "notify", "parse"):
                await pilot.press("escape")
                await until(pilot, lambda name=name: chosen(room) == name)  # type: ignore[misc]
            await pilot.press("escape")
            await until(pilot, lambda: app.focused is room.sessions)


def chosen(room: Traces) -> str:
    """The name of the span under the cursor."""
    node = room.waterfall.selected
    return "" if node is None else node.span.name


@BOTH
async def test_an_event_is_edited_sent_again_and_compared(size: tuple[int, int]) -> None:
    """e on the failed event, a good name; it succeeds, D shows the difference, audit the edit."""
    async with running() as runner:
        app = console_on(runner)
        async with app.run_test(size=size) as pilot:
            room = await opened(pilot, "badly")
            await pilot.press("e")
            await reads(pilot, "Send an edited copy of")
            area = app.screen.query_one("#data MarkedArea")
            area.text = json.dumps({"name": "dis", "raw": "x"})  # type: ignore[attr-defined]
            await pilot.press("ctrl+r")
            await reads(pilot, "has ended: dead → succ")  # beside alerts there is less room
            await pilot.press("D")
            await reads(
                pilot, "What came out · replay of", "✗ dead → ✓ succeeded",
                '~ data.name  "" → "dis"', "+ grade", "+ notify",
            )  # fmt: skip
            await pilot.press("escape")
            await until(pilot, lambda: len(app.screen_stack) == 1)
            # Both of them are in the session; the replay says whose it is.
            await until(pilot, lambda: replays_in(room) == 1)
        (row,) = runner.telemetry.actions.items
    assert (row.action, row.outcome) == ("inject", "done")
    assert "sent again as" in row.detail
    assert row.detail.endswith("edited data.name")


def replays_in(room: Traces) -> int:
    """How many events of the shown session are marked as replays."""
    return sum(span.detail.startswith("replay of ") for span in room.waterfall.spans)


async def test_an_edited_dead_letter_is_compared_too() -> None:
    """e on the dead letters, and D there, when the replay has ended."""
    async with running() as runner:
        app = console_on(runner)
        async with app.run_test(size=WIDE) as pilot:
            await visit(pilot, "8", "it has no name")
            await pilot.press("e")
            await reads(pilot, "Edit and replay dead letter 1")
            area = app.screen.query_one("#data MarkedArea")
            area.text = json.dumps({"name": "dis", "raw": "x"})  # type: ignore[attr-defined]
            await pilot.press("ctrl+r")
            await reads(pilot, "has ended: dead → succeeded · D: what came out")
            await pilot.press("D")
            await reads(pilot, "✗ dead → ✓ succeeded", '~ data.name  "" → "dis"')


async def test_a_walk_leaves_the_search_as_it_is() -> None:
    """A session that the search does not find is shown beside what it has found."""
    async with running() as runner:
        app = console_on(runner)
        async with app.run_test(size=WIDE) as pilot:
            await visit(pilot, "5", "Sessions 3")
            await pilot.press("/", *"well", "enter")
            await reads(pilot, "Sessions 1/3")
            room = app.room
            assert isinstance(room, Traces)
            await opened_any(pilot, "well")
            on_span(room, "agent", "parse")
            await pilot.press(">")
            await until(pilot, lambda: room.waterfall.subject == "mail" and room.waterfall.spans)
            await reads(pilot, "Sessions 1/3", "/well", "Session mail")


async def test_n_goes_from_failure_to_failure() -> None:
    """The cursor lands on what failed first of all, not on all that failed because of it."""
    async with running() as runner:
        app = console_on(runner)
        async with app.run_test(size=SMALL) as pilot:
            room = await opened(pilot, "badly")
            await pilot.press("n")
            assert chosen(room) == "parse"
            await pilot.press("n")
            assert chosen(room) == "parse"
            await pilot.press("escape")
            room = await opened(pilot, "well")
            await pilot.press("n")
            await reads(pilot, "Nothing in this session has failed.")


async def test_an_event_that_was_not_sent_again_has_no_difference() -> None:
    """D says so, and what would make one."""
    async with running() as runner:
        app = console_on(runner)
        async with app.run_test(size=SMALL) as pilot:
            await opened(pilot, "well")
            await pilot.press("D")
            await reads(pilot, "This event was not sent again")


async def test_a_difference_without_the_original_says_so() -> None:
    """When the original is remembered no more, the replay is shown alone."""
    async with running() as runner:
        again = Event("notify", {}, {**ALONE, "replay_of": "long-ago"}, session_id="s")
        await runner.request(again)
        app = console_on(runner)
        async with app.run_test(size=SMALL) as pilot:
            await visit(pilot, "5", "Sessions 4")
            await opened_any(pilot, "s")
            await pilot.press("D")
            await reads(pilot, "remembered no more", "✓ succeeded", "notify")


async def opened_any(pilot: Pilot[int], session: str) -> None:
    """The waterfall of a session."""
    room = pilot.app.room  # type: ignore[attr-defined]
    room.sessions.select(session)
    await pilot.press("enter")
    await until(pilot, lambda: room.waterfall.subject == session and room.waterfall.spans)


async def test_sessions_and_spans_are_copied_as_text_and_as_json() -> None:
    """y copies what is open as text, Y as JSON."""
    async with running() as runner:
        app = console_on(runner)
        async with app.run_test(size=WIDE) as pilot:
            room = await opened(pilot, "well")
            await pilot.press("y")
            assert app.clipboard.startswith("session well, ")
            assert "└ grade" in app.clipboard
            await pilot.press("Y")
            whole = json.loads(app.clipboard)
            assert whole["session"] == "well"
            assert len(whole["spans"]) == len(room.waterfall.spans)
            on_span(room, "agent", "grade")
            await pilot.press("enter")
            await reads(pilot, "~ report.kind")
            await pilot.press("y")
            assert '~ report.kind  "module" → "package"' in app.clipboard
            await pilot.press("Y")
            assert json.loads(app.clipboard)["after"]["report"]["kind"] == "package"


async def test_a_session_of_many_spans_comes_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it is there in the end, the first page before the rest; what runs on is added."""
    from agentflow.control import sessions

    monkeypatch.setattr(sessions, "PAGE", 50)
    async with running() as runner:
        for number in range(100):
            await runner.emit(Event("notify", {"n": number}, ALONE, session_id="many"))
        await runner.join()
        app = console_on(runner)
        async with app.run_test(size=SMALL) as pilot:
            await visit(pilot, "5", "Sessions 4", "many")
            await opened_any(pilot, "many")
            room = app.room
            assert isinstance(room, Traces)
            count = len(Control(runner).session("many").spans)
            assert count < 100
            await until(pilot, lambda: len({s.event_id for s in room.waterfall.spans}) == 100)
            gate = asyncio.Event()
            runner.register_callback("BeforeEventHandling", "gate", lambda args: gate.wait())  # type: ignore[arg-type,return-value]
            await runner.emit(Event("notify", {"n": 100}, ALONE, session_id="many"))
            await until(pilot, lambda: len({s.event_id for s in room.waterfall.spans}) == 101)
            await until(pilot, lambda: any(s.duration < 0 for s in room.waterfall.spans))
            gate.set()
            await runner.join()
            await until(pilot, lambda: all(s.duration >= 0 for s in room.waterfall.spans))

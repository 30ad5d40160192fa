"""The operator's side of breakpoints: commands, what a screen is told, and the audit."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from agentflow import Context, Event, State
from agentflow.control import Command, Control
from agentflow.telemetry.snapshot import Cursor

from .support import NO_RETRY, make, settle, virtual


def parse(event: Event, state: State) -> None:
    """An agent that can't do with every event."""
    if state["text"] == "bad":
        raise SyntaxError("cannot parse")


async def do(control: Control, name: str, **arguments: Any) -> str:
    """The sentence that a command was answered with; it begins with "no: " for a refusal."""
    answer = await control.execute(Command(name, arguments, "ada"))
    return answer.message if answer.ok else f"no: {answer.message}"


@virtual
async def test_a_failure_is_put_right_by_commands_alone() -> None:
    """Set, look, edit, continue; each is in the audit, with who and what was edited."""
    runner = make(NO_RETRY, a=parse)
    async with runner:
        control = Control(runner)
        said = [await do(control, "break", hook="AgentError", agent="a", when="data.text:b*")]
        await runner.emit(Event("a", {"text": "bad", "thing": "x" * 300}))
        await settle()
        snapshot = control.snapshot(Cursor())
        assert snapshot.breakpoints is not None
        assert snapshot.breakpoints[0].hits == 1
        (row,) = snapshot.stops
        assert (row.hook, row.agent, row.breakpoint) == ("AgentError", "a", 1)
        assert (snapshot.live[0].state, snapshot.live[0].at) == ("held", "breakpoint 1")
        assert snapshot.counts.held == 1
        assert "press B" in snapshot.alerts[0]
        detail = control.stop(row.number)
        assert detail is not None
        assert detail.event["data"]["text"] == "bad"
        assert detail.coming[0] == "the failure of a stands; after an edit it runs again"
        assert "cannot parse" in detail.error_trace
        data = {**detail.event["data"], "text": "good"}
        said.append(await do(control, "edit_stop", number=row.number, data=data))
        said.append(await do(control, "continue", number=row.number))
        said.append(await do(control, "continue", number=row.number))
        await runner.join()
        assert runner.counts().succeeded == 1
        assert said == [
            "breakpoint 1 set: AgentError of a when data.text:b*",
            'event 1 edited at AgentError of a: data.text: "bad" → "good"; a will run again',
            "event 1, stopped at AgentError of a, goes on: a runs again with what was edited",
            "no: stop 1 is over: its event goes on already",
        ]
        audit = control.snapshot(Cursor()).audit
        assert [(one.operator, one.action, one.outcome) for one in audit] == [
            ("ada", "break", "done"), ("ada", "edit_stop", "done"), ("ada", "continue", "done"),
            ("ada", "continue", "refused"),
        ]  # fmt: skip
        assert 'data.text: "bad" → "good"' in audit[1].detail
        assert control.stop(row.number) is None


@virtual
async def test_what_can_not_be_done_is_said_and_changes_nothing() -> None:
    """Wrong numbers, hooks, conditions and data are sentences."""
    runner = make(NO_RETRY, a=lambda e, s: None)
    async with runner:
        control = Control(runner)
        await do(control, "break", hook="BeforeAgentRun", agent="a")
        await runner.emit(Event("a", {"n": 1}))
        await settle()
        for name, arguments, answer in (
            ("break", {"hook": "No"}, "'No' is not a valid HookPoint"),
            ("break", {"when": "dta:1"}, "did you mean 'data'?"),
            ("break", {"mode": "rout"}, "there is no mode 'rout'"),
            ("break", {"hits": 0}, "first hit"),
            ("break", {"number": 7}, "there is no breakpoint 7"),
            ("unbreak", {"number": 7}, "there is no breakpoint 7"),
            ("step", {"number": 9}, "stop 9 is over"),
            ("step", {}, "wrong or missing argument"),
            ("edit_stop", {"number": 1, "data": [1]}, "must be a JSON object"),
            ("edit_stop", {"number": 1, "data": {"n": 1}}, "nothing is different"),
            ("edit_stop", {"number": 1, "meta": {"a": 1}}, "text by text"),
            ("skip_callbacks", {"number": 1}, "no callback would be called"),
            ("on_quit", {"value": "maybe"}, "released or kept"),
            ("on_quit", {"value": "keep"}, "there is no journal"),
        ):
            said = await do(control, name, **arguments)
            assert said.startswith("no: "), name
            assert answer in said
        assert len(runner.breakpoints) == 1
        assert runner.counts().held == 1
        assert Control(runner, read_only=True).stop(1) is not None
        refused = await do(Control(runner, read_only=True), "continue", number=1)
        assert "read-only" in refused
        await do(control, "continue")
        await runner.join()
        assert runner.counts().succeeded == 1


@virtual
async def test_a_breakpoint_is_changed_and_taken_out_by_its_number() -> None:
    """What is not said stays as it was; switched off it keeps its hits."""
    runner = make(NO_RETRY, a=lambda e, s: None)
    async with runner:
        control = Control(runner)
        await do(control, "break", hook="BeforeAgentRun", agent="a", when="data.n>1", hits=2)
        await do(control, "break", number=1, enabled=False)
        assert not runner.dispatcher.watched
        await do(control, "break", number=1, agent="b")
        found = control.snapshot(Cursor()).breakpoints
        assert found is not None
        (row,) = found
        assert (row.agent, row.when, row.stop_at, row.enabled) == ("b", "data.n>1", 2, False)
        assert row.note == "no agent is called so"
        revision = control.snapshot(Cursor()).breakpoints_revision
        assert control.snapshot(Cursor(breakpoints=revision)).breakpoints is None
        assert await do(control, "unbreak", number=1) == (
            "breakpoint 1 taken out: BeforeAgentRun of b"
        )
        assert control.snapshot(Cursor(breakpoints=revision)).breakpoints == []


@virtual
async def test_values_that_no_screen_can_show_survive_an_edit() -> None:
    """What was shown as text and not touched stays the object it is."""
    thing = object()
    seen: list[Any] = []
    runner = make(NO_RETRY, a=lambda e, s: seen.append((s["thing"], s["n"])))
    runner.register_callback(
        "BeforeEventHandling", "add", lambda args: args.state.merge({"thing": thing})
    )
    async with runner:
        control = Control(runner)
        await do(control, "break", hook="BeforeAgentRun")
        await runner.emit(Event("a", {"n": 1, "lone": "\ud800", "big": 10**30}))
        await settle()
        detail = control.stop(1)
        assert detail is not None
        msgspec.msgpack.encode(detail)
        said = await do(control, "edit_stop", number=1, state={**detail.state, "n": 2})
        assert said == "event 1 edited at BeforeAgentRun of a: state.n: 1 → 2"
        await do(control, "continue", number=1)
        await runner.join()
        assert seen == [(thing, 2)]


@virtual
async def test_all_that_is_stopped_is_shown_even_when_there_is_much_of_it() -> None:
    """Every stop has a row, oldest first, and one command lets all of them go on."""
    runner = make(NO_RETRY, a=lambda e, s: None)
    async with runner:
        control = Control(runner)
        await do(control, "break", hook="AfterAgentRun")
        for n in range(50):
            await runner.emit(Event("a", {"n": n}))
        await settle()
        assert [row.seq for row in control.snapshot(Cursor()).stops] == list(range(1, 51))
        assert await do(control, "continue") == "50 stopped events go on"
        await asyncio.wait_for(runner.join(), 1)
        assert control.snapshot(Cursor()).stops == []


@virtual
async def test_a_stop_tells_who_caused_its_event() -> None:
    """A follow-up event has the one that routed it, a nested one that whose handler asked."""

    async def asks(event: Event, state: State, context: Context) -> None:
        await context.request(Event("a", {"n": "nested"}))
        state.meta["route"] = "a"

    runner = make(NO_RETRY, a=lambda e, s: None, asks=asks)
    async with runner:
        control = Control(runner)
        await do(control, "break", hook="BeforeAgentRun", agent="a")
        await runner.emit(Event("asks", {"n": "first"}))
        for target in ("asks", "asks"):
            await settle()
            (row,) = control.snapshot(Cursor()).stops
            detail = control.stop(row.number)
            assert detail is not None
            assert detail.cause is not None
            assert detail.cause.target == target
            await do(control, "continue", number=row.number)
        await runner.join()
        assert runner.counts().succeeded == 3

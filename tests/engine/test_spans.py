"""Spans: everything that happened to a session, each under what caused it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from agentflow import CallbackArgs, Context, Event, Runner, State
from agentflow.control import Control
from agentflow.recording import Recorder
from agentflow.telemetry.snapshot import SpanRow
from agentflow.testing import recorder

from .support import NO_RETRY, config, make, virtual


def tree(control: Control, session: str) -> dict[str, SpanRow]:
    """The spans of a session, by the names of what they are under."""
    rows = control.session(session).spans
    known = {row.id: row for row in rows}
    assert len(known) == len(rows), "two spans have one id"

    def path(row: SpanRow) -> str:
        own = row.name if row.kind in ("agent", "attempt") else f"{row.kind} {row.name}"
        parent = known.get(row.parent)
        return f"{path(parent)} > {own}" if parent else own

    return {path(row): row for row in rows}


@virtual
async def test_every_attempt_is_a_span_of_its_run() -> None:
    """Attempts and the waits between them are in the run, each with its own time and error."""
    agent = recorder(ConnectionError("first"), ConnectionError("second"), None).agent
    text = "[error_routing.retry]\njitter = false\ninitial_delay = 2"
    async with make(text, a=agent) as runner:
        await runner.request(Event("a", session_id="s"))
        found = tree(Control(runner), "s")
    run = "event a > a"
    assert found[run].status == "ok"
    assert found[run].detail == "3 attempts"
    attempts = [found[f"{run} > attempt {number}"] for number in (1, 2, 3)]
    assert [attempt.status for attempt in attempts] == ["failed", "failed", "ok"]
    assert [attempt.error for attempt in attempts] == [
        "ConnectionError: first", "ConnectionError: second", "",
    ]  # fmt: skip
    wait = found[f"{run} > retrying a after attempt 1"]
    assert attempts[0].start <= wait.start < attempts[1].start


@virtual
async def test_callbacks_are_under_their_run_and_say_what_they_changed() -> None:
    """A callback that returns another state is told with the keys; a veto with its reason."""

    def tag(args: CallbackArgs) -> State:
        return State({**args.state, "tag": args.agent_id, "x": 2})

    def guard(args: CallbackArgs) -> None:
        if args.agent_id == "b":
            raise ValueError("not b")

    text = '[orchestration]\nmode = "sequential"\nsequential_agents = ["a", "b"]'
    runner = make(text, a=recorder().agent, b=recorder().agent)
    runner.register_callback("BeforeEventHandling", "look", lambda args: None)
    runner.register_callback("BeforeAgentRun", "tag", tag)
    runner.register_callback("BeforeAgentRun", "guard", guard)
    async with runner:
        await runner.request(Event("", {"x": 1}, session_id="s"))
        found = tree(Control(runner), "s")
    top = next(path for path, row in found.items() if row.kind == "event")
    inside = f"{top} > orchestrate sequential"
    assert found[f"{inside} > a > hook BeforeAgentRun tag"].detail == "changed x, tag"
    assert found[f"{inside} > b > hook BeforeAgentRun tag"].detail == "changed tag"
    veto = found[f"{inside} > b > hook BeforeAgentRun guard"]
    assert (veto.status, veto.error) == ("vetoed", "ValueError: not b")
    assert found[f"{top} > hook BeforeEventHandling look"].detail == ""


@virtual
async def test_what_a_callback_changed_in_place_is_told_from_its_second_call_on() -> None:
    """The first State that it returns may be the one it was given: then only that is known."""

    def count(args: CallbackArgs) -> State:
        args.state["calls"] = args.state.get("calls", 0) + 1
        args.state.meta["seen"] = "true"
        return args.state

    runner = make("", a=recorder().agent)
    runner.register_callback("BeforeAgentRun", "count", count)
    async with runner:
        for session in ("s", "t"):
            await runner.request(Event("a", session_id=session))
        control = Control(runner)
        changes = [
            next(span.detail for span in control.session(session).spans if span.kind == "hook")
            for session in ("s", "t")
        ]
    assert changes == ["changed something", "changed calls, meta.seen"]


async def ask(event: Event, state: State, context: Context) -> None:
    """Asks b, and emits an event to c in another session."""
    await asyncio.sleep(1)
    await context.request(event.child("b", {}))
    await asyncio.sleep(1)
    await context.emit(event.child("c", {}).replace(session_id="elsewhere"))
    await asyncio.sleep(1)
    state.meta["route"] = "b"


def asking() -> Runner:
    """A runner whose agent a asks b, emits to c elsewhere and goes on to b."""
    return make("", a=ask, b=recorder().agent, c=recorder().agent)


@virtual
async def test_events_are_under_the_run_that_emitted_them() -> None:
    """Requested, emitted and followed-up events are in the run they came from."""
    async with asking() as runner:
        await runner.request(Event("a", session_id="s"))
        await runner.join()
        rows = control_rows(Control(runner), "s")
    nested, follow_up = (row for row in rows if row.kind == "event" and row.name == "b")
    run = next(row for row in rows if row.kind == "agent" and row.name == "a")
    assert nested.parent == follow_up.parent == run.id
    assert (nested.detail, follow_up.detail) == ("requested", "")
    assert run.start < nested.start < run.start + run.duration


def control_rows(control: Control, session: str) -> list[SpanRow]:
    """All spans of a session."""
    return control.session(session).spans


@virtual
async def test_causes_and_effects_lead_through_all_sessions() -> None:
    """From a run to what it caused, also in another session, and back to that run."""
    async with asking() as runner:
        first = await runner.emit(Event("a", session_id="s", source="feed"))
        await runner.join()
        control = Control(runner)
        run = next(row for row in control_rows(control, "s") if row.name == "a"
                   and row.kind == "agent")  # fmt: skip
        of_run, of_event = control.related(first, run.id), control.related(first, first)
        assert of_run is not None
        assert of_event is not None
        assert [(ref.relation, ref.name, ref.session) for ref in of_run.effects] == [
            ("requested", "b", "s"), ("emitted", "c", "elsewhere"), ("emitted", "b", "s"),
        ]  # fmt: skip
        assert of_event.effects == of_run.effects
        assert (of_event.causes, of_event.said) == ([], "It came from outside, from feed.")
        assert [(ref.span_id, ref.relation) for ref in of_run.causes] == [(first, "part")]
        for effect in of_run.effects:
            back = control.related(effect.event_id, effect.span_id)
            assert back is not None
            assert [cause.span_id for cause in back.causes] == [run.id]


@virtual
async def test_a_replay_has_the_original_among_its_causes() -> None:
    """The original says who replayed it, and the replay where it comes from."""
    async with make("", a=recorder(ValueError("no"), None).agent) as runner:
        await runner.request(Event("a", session_id="s"))
        (letter,) = runner.dead_letters
        again = await runner.replay(letter)
        await runner.join()
        control = Control(runner)
        effects = control.related(letter.event.id, letter.event.id)
        causes = control.related(again, again)
        assert effects is not None
        assert causes is not None
        assert [(ref.event_id, ref.relation) for ref in effects.effects] == [(again, "replay")]
        assert [(ref.event_id, ref.relation) for ref in causes.causes] == [
            (letter.event.id, "replay")
        ]
        assert control.related("unknown", "unknown") is None


@virtual
async def test_the_state_before_and_after_a_run() -> None:
    """In a row of agents the next one's state is the outcome; a failed run changed nothing."""
    text = '[orchestration]\nmode = "sequential"\nsequential_agents = ["a", "b", "c"]'
    agents = {
        "a": recorder({"x": 2}).agent,
        "b": recorder({"y": 1}).agent,
        "c": recorder(ValueError("no")).agent,
    }
    async with make(text, **agents) as runner:
        event = Event("", {"x": 1}, session_id="s")
        await runner.request(event)
        control = Control(runner)
        details = {
            row.name: control.span(row.event_id, row.id)
            for row in control.session("s").spans
            if row.kind == "agent"
        }
        whole = control.span(event.id, event.id)
    told = {
        name: (detail.before, detail.after, detail.known_from)
        for name, detail in details.items()
        if detail is not None
    }
    assert told == {
        "a": ({"x": 1}, {"x": 2}, "next"),
        "b": ({"x": 2}, {"x": 2, "y": 1}, "next"),
        "c": ({"x": 2, "y": 1}, {"x": 2, "y": 1}, "same"),
    }
    assert whole is not None
    assert (whole.before, whole.after) == ({"x": 1}, {"x": 2, "y": 1, "failed_stage": "c"})


@virtual
async def test_after_a_parallel_phase_only_what_came_of_all_is_known() -> None:
    """The parallel runs share what they made; the one behind them has its own."""
    text = (
        '[orchestration]\nmode = "mixed"\ncollaborative_agents = ["a", "b"]\n'
        'sequential_agents = ["c"]'
    )
    agents = {name: recorder({name: 1}).agent for name in "abc"}
    async with make(text, **agents) as runner:
        await runner.request(Event("", {}, session_id="s"))
        control = Control(runner)
        told = {}
        for row in control.session("s").spans:
            detail = control.span(row.event_id, row.id)
            if row.kind == "agent" and detail is not None:
                told[row.name] = (detail.before, detail.after, detail.known_from)
    assert told == {
        "a": ({}, {"a": 1, "b": 1}, "together"),
        "b": ({}, {"a": 1, "b": 1}, "together"),
        "c": ({"a": 1, "b": 1}, {"a": 1, "b": 1, "c": 1}, "final"),
    }


async def test_while_a_recording_is_made_every_run_has_its_own_outcome(tmp_path: Path) -> None:
    """What a parallel agent itself made is known then, large values included."""
    text = '[orchestration]\nmode = "collaborative"\ncollaborative_agents = ["a", "b"]'
    runner = Runner(config(text), recorder=Recorder(tmp_path / "x.rec"))
    runner.register_agent("a", recorder({"a": [1, 2]}).agent)
    runner.register_agent("b", recorder({"b": "x" * 600}).agent)
    async with runner:
        await runner.request(Event("", {}, session_id="s"))
        control = Control(runner)
        told = {}
        for row in control.session("s").spans:
            detail = control.span(row.event_id, row.id)
            if row.kind == "agent" and detail is not None:
                told[row.name] = (detail.known_from, list(detail.after or {}))
    assert told == {"a": ("own", ["a"]), "b": ("own", ["b"])}


@virtual
async def test_a_stop_and_what_was_edited_there_are_in_the_run_that_stood_there() -> None:
    """A breakpoint says where it held the event, as no error, and the edit stands beside it."""
    text = f'{NO_RETRY}mode = "sequential"\nsequential_agents = ["a", "b"]'
    async with make(text, a=recorder().agent, b=recorder().agent) as runner:
        runner.breakpoints.set("BeforeAgentRun", "b")
        asked = asyncio.ensure_future(runner.request(Event("", {"x": 1}, session_id="s")))
        await asyncio.sleep(1)
        (stop,) = runner.breakpoints.stops.values()
        stop.edit(state={"x": 2})
        stop.go("continue")
        await asked
        found = tree(Control(runner), "s")
    (run,) = (path for path, row in found.items() if (row.kind, row.name) == ("agent", "b"))
    held, edited = found[f"{run} > held breakpoint 1"], found[f"{run} > edited state.x: 1 → 2"]
    assert (held.detail, held.error, held.status) == ("BeforeAgentRun of b", "", "ok")
    assert edited.status == "ok"

"""Control: the operator's commands, what they answer, and what is on record of them."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from agentflow import Event, Runner, State
from agentflow.control import Answer, Command, Control
from agentflow.telemetry.snapshot import Cursor, Snapshot
from agentflow.testing import recorder

from .support import NO_RETRY, make, settle, virtual


async def do(control: Control, name: str, **arguments: Any) -> Answer:
    return await control.execute(Command(name, arguments, "me"))


def audit(runner: Runner) -> list[tuple[str, str, str]]:
    return [(row.operator, row.action, row.outcome) for row in runner.telemetry.actions.items]


@virtual
async def test_inject_emits_an_event() -> None:
    """The answer has its id; the source is the console unless it says another."""
    worker = recorder()
    async with make("", a=worker.agent) as runner:
        control = Control(runner)
        answer = await do(control, "inject", event={"target": "a", "data": {"x": 1}})
        await do(control, "inject", event={"target": "a", "source": "mine"})
        await runner.join()
        assert answer.ok
        assert [event.source for event in worker.events] == ["console", "mine"]
        assert answer.data == worker.events[0].id
        assert audit(runner) == [("me", "inject", "done")] * 2


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("inject", {}),
        ("inject", {"event": {"colour": "red"}}),
        ("inject", {"event": {"target": "a", "metadata": {"priority": "urgent"}}}),
        ("inject", {"event": 5}),
        ("inject", {"event": {"target": "a", "data": {"x": None}, "timestamp": "noon"}}),
        ("pause", {"agent": "ghost"}),
        ("resume", {"agent": "ghost"}),
        ("mode", {"mode": "chaos"}),
        ("mode", {}),
        ("mode", {"mode": "sequential", "sequential_agents": ["a", "ghost"]}),
        ("apply", {"text": "not = [toml"}),
        ("apply", {"text": "[orchestration]\nmode = 'chaos'"}),
        ("apply", {}),
        ("undo", {}),
        ("rollback", {"version": 99}),
        ("rollback", {"version": "x"}),
        ("replay", {"number": 99}),
        ("replay", {"number": None}),
        ("drop", {"number": 99}),
        ("pace", {"rate": -1}),
        ("pace", {"rate": "fast"}),
        ("pace", {"rate": float("nan")}),
        ("no_such_command", {}),
    ],
)
@virtual
async def test_what_cannot_be_done_is_refused_in_a_sentence(
    name: str, arguments: dict[str, Any]
) -> None:
    """execute never raises, changes nothing, and the refusal is on record."""
    text = "[agents.a]\nsystem_prompt = 'x'"
    async with make(text, a=recorder().agent) as runner:
        control = Control(runner)
        before = (runner.counts(), runner.version, runner.pace, runner.plan.mode)
        answer = await do(control, name, **arguments)
        if name == "mode" and not arguments:
            assert isinstance(answer, Answer)
            return
        assert not answer.ok
        assert answer.message
        assert "\n" not in answer.message
        assert (runner.counts(), runner.version, runner.pace, runner.plan.mode) == before
        if name != "no_such_command":
            assert audit(runner)[-1] == ("me", name, "refused")


@virtual
async def test_pause_and_resume() -> None:
    """Of one agent, or of the whole runner when none is named."""
    async with make("", a=recorder().agent) as runner:
        control = Control(runner)
        assert (await do(control, "pause", agent="a")).ok
        await runner.emit(Event("a"))
        await runner.join()
        assert runner.counts().held == 1
        answer = await do(control, "resume", agent="a")
        assert "1 held event" in answer.message
        await runner.join()
        assert (await do(control, "pause", agent="")).ok
        assert runner.paused
        assert (await do(control, "resume")).ok
        assert not runner.paused
        assert runner.counts().succeeded == 1


@virtual
async def test_mode_apply_undo_and_rollback_make_versions() -> None:
    """Each is a new version; the screen's header and list follow."""
    text = "".join(f"[agents.{name}]\nsystem_prompt = 'x'\n" for name in "ab")
    async with make(text, a=recorder().agent, b=recorder().agent) as runner:
        control = Control(runner)
        steps = [
            ("apply", {"text": text + "[orchestration]\nmode = 'collaborative'"}, "collaborative"),
            ("mode", {"mode": "sequential", "sequential_agents": ["b", "a"]}, "sequential"),
            ("undo", {}, "collaborative"),
            ("rollback", {"version": 1}, "route"),
        ]
        for number, (name, arguments, mode) in enumerate(steps, 2):
            answer = await do(control, name, **arguments)
            assert answer.ok, answer.message
            assert (runner.version, runner.plan.mode) == (number, mode)
        snapshot = control.snapshot(Cursor())
        assert snapshot.config is not None
        assert [row.number for row in snapshot.config.versions] == [1, 2, 3, 4, 5]
        assert snapshot.mode == "route"


@virtual
async def test_a_bad_text_is_answered_with_its_problems() -> None:
    """Where it is wrong comes as data, and what runs stays."""
    async with make("", a=recorder().agent) as runner:
        control = Control(runner)
        answer = await do(control, "apply", text="[orchestration]\nmode = 'chaos'")
        assert not answer.ok
        assert answer.data[0].line == 2
        assert answer.data[0].key == "orchestration.mode"


@virtual
async def test_dead_letters_are_replayed_edited_and_dropped() -> None:
    """One by one by number, or all at once."""
    worker = recorder(*[ValueError("x")] * 4, None)
    async with make(NO_RETRY, a=worker.agent) as runner:
        control = Control(runner)
        for n in range(4):
            await runner.request(Event("a", {"n": n}))
        detail = control.dead_letter(2)
        assert detail is not None
        assert detail.event["data"] == {"n": 1}
        assert "ValueError" in detail.error_trace
        assert control.dead_letter(99) is None
        assert (await do(control, "replay", number=1, data={"n": 10})).ok
        assert (await do(control, "drop", number=2)).ok
        assert (await do(control, "replay_all")).message.startswith("2 ")
        await runner.join()
        assert [event.data["n"] for event in worker.events[4:]] == [10, 2, 3]
        assert (await do(control, "clear_dead")).message.startswith("3 ")
        assert len(runner.dead_letters) == 0
        assert not (await do(control, "replay", number=1)).ok


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("inject", {"event": {"target": "a"}}), ("pause", {"agent": "a"}), ("pause", {}),
     ("mode", {"mode": "loop"}), ("undo", {}), ("clear_dead", {}), ("pace", {"rate": 5})],
)  # fmt: skip
@virtual
async def test_read_only_changes_nothing_and_says_so(name: str, arguments: dict[str, Any]) -> None:
    """Every command is refused behind every screen, and the try is on record."""
    async with make("", a=recorder().agent) as runner:
        control = Control(runner, read_only=True)
        answer = await do(control, name, **arguments)
        assert not answer.ok
        assert "read-only" in answer.message
        assert runner.counts().accepted == 0
        assert not runner.paused
        assert runner.version == 1
        assert audit(runner) == [("me", name, "refused")]
        assert control.snapshot(Cursor()).read_only


def follow(control: Control, cursor: Cursor) -> tuple[Snapshot, Cursor]:
    """A snapshot as a screen gets it, and the cursor that it has from then on."""
    snapshot = msgspec.msgpack.decode(
        msgspec.msgpack.encode(control.snapshot(cursor)), type=Snapshot
    )
    return snapshot, Cursor(
        event=snapshot.settled_cursor, log=snapshot.log_cursor, audit=snapshot.audit_cursor,
        dead=snapshot.dead_revision, versions=snapshot.config_revision, limit=cursor.limit,
    )  # fmt: skip


@virtual
async def test_a_reader_sees_every_settled_event_once() -> None:
    """Snapshot after snapshot, with the cursor of the last one."""

    async def nap(event: Event, state: State) -> None:
        await asyncio.sleep(event.data["n"] % 7 / 10)
        if event.data["n"] % 5 == 0:
            raise ValueError("five")

    async with make(NO_RETRY, a=nap) as runner:
        control = Control(runner)
        cursor, seen = Cursor(), []
        for n in range(60):
            await runner.emit(Event("a", {"n": n}))
            await asyncio.sleep(0.03)
            snapshot, cursor = follow(control, cursor)
            seen += snapshot.settled
            counts = snapshot.counts
            assert snapshot.live_total == counts.queued + counts.held + counts.running
            assert len(snapshot.live) == snapshot.live_total
            assert [row.seq for row in snapshot.live] == sorted(
                (row.seq for row in snapshot.live), reverse=True
            )
        await runner.join()
        snapshot, cursor = follow(control, cursor)
        seen += snapshot.settled
        assert snapshot.dead is None or len(snapshot.dead) == 12
        again, _ = follow(control, cursor)
        assert (again.settled, again.dead, again.config) == ([], None, None)
    assert sorted(row.seq for row in seen) == list(range(1, 61))
    assert sum(row.state == "dead" for row in seen) == 12


@virtual
async def test_a_slow_reader_misses_a_counted_number() -> None:
    """What did not fit is counted, and the runner does not wait for anybody."""
    async with make("", a=recorder().agent) as runner:
        control = Control(runner)
        for _ in range(50):
            await runner.emit(Event("a"))
        await runner.join()
        snapshot, _ = follow(control, Cursor(limit=10))
        assert (len(snapshot.settled), snapshot.settled_missed) == (10, 40)
        assert [row.seq for row in snapshot.settled] == list(range(41, 51))
        older = control.page(41, 15)
        assert [row.seq for row in older] == list(range(26, 41))


@virtual
async def test_a_snapshot_says_what_each_event_and_agent_is_doing() -> None:
    """queued, running, held, retrying, succeeded, dead; idle, running, paused, open, disabled."""

    async def hang(event: Event, state: State) -> None:
        await asyncio.sleep(1_000)

    text = "[runtime]\nmax_concurrent_events = 1\n[orchestration]\ntimeout_seconds = 9000\n"
    text += "[agents.off]\nsystem_prompt = 'x'\nenabled = false\n"
    text += "[error_routing.circuit_breaker]\nfailure_threshold = 1"
    agents = {
        "hang": hang, "idle": recorder().agent, "held": recorder().agent,
        "retry": recorder(ConnectionError("x")).agent, "bad": recorder(ValueError("x")).agent,
    }  # fmt: skip
    async with make(text, **agents) as runner:
        control = Control(runner)
        await runner.request(Event("idle"))
        await runner.request(Event("bad"))
        runner.pause("held")
        for target in ("held", "retry", "hang", "idle"):
            await runner.emit(Event(target))
            await settle()
        snapshot = control.snapshot(Cursor())
        assert {row.target: row.state for row in snapshot.live} == {
            "held": "held", "retry": "retrying", "hang": "running", "idle": "queued",
        }  # fmt: skip
        assert {row.target: row.state for row in snapshot.settled} == {
            "idle": "succeeded", "bad": "dead",
        }  # fmt: skip
        assert snapshot.agents is not None
        assert {row.name: row.state for row in snapshot.agents} == {
            "hang": "running", "idle": "idle", "held": "paused", "retry": "open", "bad": "open",
            "off": "disabled",
        }  # fmt: skip
        running = next(row for row in snapshot.agents if row.name == "hang")
        assert (running.in_flight, running.count) == (1, 0)
        held = next(row for row in snapshot.agents if row.name == "held")
        assert held.held == 1
        assert any("bad" in alert for alert in snapshot.alerts)
        runner.resume("held")
        await runner.stop(drain=False)


@virtual
async def test_one_event_in_full() -> None:
    """Row, event, state, children and waterfall; None for an unknown id."""

    async def routes(event: Event, state: State) -> State:
        state["y"] = 2
        state.meta["route"] = "b"
        return state

    async with make("", a=routes, b=recorder().agent) as runner:
        control = Control(runner)
        event_id = await runner.emit(Event("a", {"x": 1}, session_id="s"))
        await runner.join()
        detail = control.event(event_id)
        assert detail is not None
        assert detail.event["data"] == {"x": 1}
        assert detail.state == {"x": 1, "y": 2}
        assert len(detail.children) == 1
        assert {span.event_id for span in detail.spans} == {event_id, detail.children[0]}
        assert control.event("unknown") is None
        assert control.session("unknown").spans == []
        (session,) = control.sessions().rows
        assert (session.id, session.events, session.dead) == ("s", 2, 0)

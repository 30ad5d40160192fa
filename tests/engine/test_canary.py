"""Canary: two plans side by side, and which session has which."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentflow import Agent, AgentNotFound, Config, Context, Event, Runner, State
from agentflow.engine.canary import Canary
from agentflow.journal import Journal
from agentflow.testing import VirtualClock, recorder, run_virtual

from .support import LANES, NO_RETRY, config, let_everything_end, make, settle, virtual

SEQUENTIAL = '[orchestration]\nmode = "sequential"\nsequential_agents = ["b", "c"]\n'


def versions(runner: Runner) -> dict[str, set[int]]:
    """Under which versions the events of each session ran."""
    found: dict[str, set[int]] = defaultdict(set)
    for execution in runner.executions():
        if execution.version:
            found[execution.event.session_id].add(execution.version)
    return found


def notes(*names: str) -> dict[str, Any]:
    """Agents that do nothing."""
    return {name: recorder().agent for name in names}


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_sessions_that_are_known_keep_the_old_plan(lane: str) -> None:
    """Whether their last event has ended, runs or waits; all others have the new one."""
    gate = asyncio.Event()

    async def a(event: Event, state: State) -> None:
        if event.data.get("wait"):
            await gate.wait()

    async with make(NO_RETRY, lane, a=a, **notes("b", "c")) as runner:
        await runner.request(Event("a", session_id="ended"))
        await runner.emit(Event("a", {"wait": True}, session_id="runs"))
        await settle()
        await runner.emit(Event("a", session_id="runs"))
        change = await runner.try_out(config(NO_RETRY + SEQUENTIAL.partition("\n")[2]))
        assert change.version == 2
        assert (runner.version, runner.plan.version, runner.plan.mode) == (1, 1, "route")
        gate.set()
        for session in ("ended", "runs", "new", "newer"):
            for _ in range(3):
                await runner.emit(Event("a", session_id=session))
        await runner.join()
        assert versions(runner) == {"ended": {1}, "runs": {1}, "new": {2}, "newer": {2}}
        modes = {e.event.session_id: e.mode for e in runner.executions()}
        assert modes == {
            "ended": "route", "runs": "route", "new": "sequential", "newer": "sequential",
        }  # fmt: skip


@given(share=st.floats(1, 99), version=st.integers(2, 1_000_000), kind=st.sampled_from("nux"))
@settings(max_examples=60, deadline=None)
def test_a_share_is_about_right_and_always_the_same(share: float, version: int, kind: str) -> None:
    """Whatever the names of the sessions look like, and however often it is asked."""
    shape = {"n": "s-{}", "u": "0190c2a1-7c3e-7000-8000-{:012x}", "x": "{}-user-\ud800"}[kind]
    names = [shape.format(number) for number in range(4_000)]

    class Version:
        def __init__(self) -> None:
            self.version = version

    def picked() -> set[str]:
        canary = Canary(Version(), 1, share, {names[0]}, 0.0, "")  # type: ignore[arg-type]
        return {name for name in names if canary.picks(name)}

    found = picked()
    assert found == picked()
    assert names[0] not in found
    assert abs(len(found) / len(names) * 100 - share) < 5


@pytest.mark.parametrize("lane", LANES)
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_no_session_changes_its_plan_and_nothing_is_lost(lane: str, data: st.DataObject) -> None:
    """Whatever comes in, is paused, fails or follows while a canary runs; figures add up."""
    events = data.draw(
        st.lists(
            st.tuples(
                st.sampled_from("abcde"), st.sampled_from(["ok", "fail", "follow", "ask"])
            ),
            max_size=25,
        )
    )  # fmt: skip
    begin = data.draw(st.integers(0, 25))
    share = data.draw(st.sampled_from([30.0, 60.0, 100.0]))
    pause = data.draw(st.integers(0, 25))

    async def story() -> None:
        async def work(event: Event, state: State, context: Context) -> Any:
            if event.data.get("do") == "fail":
                raise ValueError("no")
            if event.data.get("do") == "follow":
                await context.emit(Event("work", {}, session_id=event.session_id))
            if event.data.get("do") == "ask":
                await context.request(Event("work", {}))
            await asyncio.sleep(0.01)

        async with make(NO_RETRY, lane, work=work, plain=recorder().agent) as runner:
            for number, (session, do) in enumerate(events):
                if number == pause:
                    runner.pause("work")
                if number == begin:
                    await runner.try_out(config("[orchestration]\nretry_attempts = 1"), share)
                await runner.emit(Event("work", {"do": do}, session_id=session))
                if number % 3 == 0:
                    await settle()
            await let_everything_end(runner)
            assert all(len(found) == 1 for found in versions(runner).values())
            canary = runner.dispatcher.canary
            if canary is not None:
                ended = [e for e in runner.executions() if e.version == 2]
                assert canary.meters[2].latency.count == len(ended)
                assert canary.meters[2].errors == sum(bool(e.error) for e in ended)

    run_virtual(story)


@virtual
async def test_what_a_handler_asks_for_runs_under_the_plan_of_its_own_event() -> None:
    """Even if the session that it names is one of the other plan's."""

    async def asks(event: Event, state: State, context: Context) -> None:
        await context.request(event.child("b", {}).replace(session_id="known"))

    async with make(NO_RETRY, a=asks, **notes("b")) as runner:
        await runner.request(Event("b", session_id="known"))
        await runner.try_out(config("[orchestration]\nretry_attempts = 1"))
        await runner.request(Event("a", session_id="new"))
        by_target = {(e.event.target, e.nested): e.version for e in runner.executions()}
        assert by_target == {("b", False): 1, ("a", False): 2, ("b", True): 2}


@virtual
async def test_promoting_makes_it_the_plan_of_all() -> None:
    """Under the number that it has had, and undo goes back to the one before."""
    async with make(NO_RETRY, **notes("a", "b", "c")) as runner:
        await runner.request(Event("a", session_id="old"))
        await runner.try_out(config(SEQUENTIAL), 50)
        change = runner.promote()
        assert (change.version, runner.version, runner.plan.mode) == (2, 2, "sequential")
        await runner.request(Event(session_id="old"))
        assert versions(runner)["old"] == {1, 2}
        with pytest.raises(ValueError, match="nothing is being tried out"):
            runner.promote()
        assert (await runner.undo()).version == 3
        assert runner.plan.mode == "route"
        assert [v.state for v in runner.history.versions] == ["", "", ""]


@pytest.mark.parametrize("by", ["abort", "undo"])
@virtual
async def test_ending_it_goes_back_and_lets_finish_what_runs(by: str) -> None:
    """No new version is made; its number is not used a second time."""
    gate = asyncio.Event()

    async def b(event: Event, state: State) -> None:
        await gate.wait()

    async with make(NO_RETRY, b=b, **notes("a", "c")) as runner:
        await runner.try_out(config(SEQUENTIAL))
        running = asyncio.create_task(runner.request(Event(session_id="new")))
        await settle()
        if by == "abort":
            change = runner.abort_canary("ada")
            assert "ended by ada" in runner.history.versions[-1].cause
        else:
            change = await runner.undo()
        assert (change.version, runner.version) == (1, 1)
        gate.set()
        assert (await running).error is None
        await runner.request(Event("a", session_id="new"))
        assert versions(runner)["new"] == {2, 1}
        with pytest.raises(ValueError, match="no earlier"):
            await runner.undo()
        assert (await runner.apply(config(SEQUENTIAL))).version == 3


@virtual
async def test_applying_to_all_ends_it_and_says_so() -> None:
    """One that is tried out can't be followed by another one; a plain change replaces it."""
    async with make(NO_RETRY, **notes("a", "b", "c")) as runner:
        await runner.try_out(config(SEQUENTIAL), 10)
        with pytest.raises(ValueError, match="v2 is being tried out"):
            await runner.try_out(config("[orchestration]\nretry_attempts = 2"), 10)
        await runner.apply(config("[orchestration]\nretry_attempts = 2"), "saved")
        assert runner.dispatcher.canary is None
        assert runner.version == 3
        assert "v2 has ended" in runner.current_notices()[-1]
        assert [v.state for v in runner.history.versions] == ["", "ended", ""]


@pytest.mark.parametrize("share", [0, -1, 101, float("nan")])
@virtual
async def test_what_is_no_share_or_no_change_is_refused(share: float) -> None:
    """And nothing is changed."""
    async with make("", **notes("a", "b", "c")) as runner:
        with pytest.raises(ValueError, match="share"):
            await runner.try_out(config(SEQUENTIAL), share)
        with pytest.raises(ValueError, match="no change"):
            await runner.try_out(config(""), 10)
        assert runner.history.last_number == 1


@virtual
async def test_an_agent_that_only_the_canary_has_can_be_paused_and_goes_with_it(
    tmp_path: Path,
) -> None:
    """What it held is let go when the canary ends: its agent is not to be found any more."""
    (tmp_path / "extra_agent.py").write_text("async def handle(event, state): pass")
    text = "[orchestration]\nretry_attempts = 0\n[agents.extra]\nhandler = 'extra_agent:handle'\n"
    async with make(NO_RETRY, **notes("a")) as runner:
        await runner.try_out(Config.from_toml(text, path=tmp_path / "a.toml", environ={}))
        assert set(runner.agents) == {"a", "extra"}
        runner.pause("extra")
        await runner.emit(Event("extra", session_id="new"))
        await settle()
        assert runner.counts().held == 1
        runner.abort_canary()
        await runner.join()
        assert [type(letter.error) for letter in runner.dead_letters] == [AgentNotFound]


@virtual
async def test_when_the_known_sessions_are_forgotten_it_is_the_only_plan() -> None:
    """Done is a session of which nothing is open and nothing remembered."""
    async with make("[runtime]\ntrace_capacity = 3", **notes("a", "b", "c")) as runner:
        await runner.request(Event("a", session_id="old"))
        await runner.try_out(config(SEQUENTIAL))
        await asyncio.sleep(2)
        assert runner.dispatcher.canary is not None
        for number in range(3):
            await runner.request(Event("", session_id=f"new {number}"))
        await asyncio.sleep(2)
        assert runner.dispatcher.canary is None
        assert (runner.version, runner.plan.mode) == (2, "sequential")
        assert "v2 is for all now" in runner.current_notices()[-1]


@virtual
async def test_an_agents_object_is_not_told_otherwise_under_the_old_plan(tmp_path: Path) -> None:
    """Each plan has its own object of a class; the one that is given up is shut down."""
    (tmp_path / "told_apart.py").write_text(
        "from agentflow import Agent\n"
        "made = []\n"
        "class A(Agent):\n"
        "    def __init__(self):\n        made.append(self); self.alive = False\n"
        "    async def initialize(self):\n        self.alive = True\n"
        "    async def shutdown(self):\n        self.alive = False\n"
        "    async def run(self, state):\n        return {'prompt': self.system_prompt}\n"
    )
    text = "[agents.a]\nhandler = 'told_apart:A'\nsystem_prompt = "

    def read(prompt: str) -> Any:
        return Config.from_toml(text + repr(prompt), path=tmp_path / "a.toml", environ={})

    async with Runner(read("one"), clock=VirtualClock()) as runner:
        import told_apart  # type: ignore[import-not-found]

        await runner.request(Event("a", session_id="known"))
        await runner.try_out(read("two"))
        old = await runner.request(Event("a", session_id="known"))
        new = await runner.request(Event("a", session_id="new"))
        assert (old.state["prompt"], new.state["prompt"]) == ("one", "two")
        runner.promote()
        await settle()
        assert [agent.alive for agent in told_apart.made] == [False, True]
        assert (await runner.request(Event("a", session_id="known"))).state["prompt"] == "two"
        await runner.try_out(read("three"))
        runner.abort_canary()
        await settle()
        assert [agent.alive for agent in told_apart.made] == [False, True, False]
        assert isinstance(told_apart.made[0], Agent)


def test_a_restart_ends_it_and_says_so(tmp_path: Path) -> None:
    """The file's configuration is for all; the version is known as one that never was."""

    async def life(try_it: bool) -> Runner:
        journal = Journal(tmp_path / "j.db")
        runner = Runner(config(NO_RETRY), clock=VirtualClock(), journal=journal)
        runner.register_agent("a", recorder().agent)
        async with runner:
            if try_it:
                await runner.try_out(config("[orchestration]\nretry_attempts = 1"), 20)
            return runner

    run_virtual(lambda: life(True))
    second = run_virtual(lambda: life(False))
    assert second.dispatcher.canary is None
    assert (second.version, second.history.last_number) == (1, 2)
    assert [(v.number, v.state) for v in second.history.versions] == [(1, ""), (2, "ended")]
    assert any("canary v2 has ended with its engine" in row.text
               for row in second.telemetry.lines.items)  # fmt: skip
    third = run_virtual(lambda: life(True))
    assert third.history.last_number == 3
    assert not [v for v in third.history.versions[:-1] if v.state == "canary"]


@pytest.mark.parametrize("journaled", [False, True])
@virtual
async def test_another_engine_goes_on_with_it(tmp_path: Path, journaled: bool) -> None:
    """Its share and its known sessions are the same there, and it can be promoted."""

    def runner_of() -> Runner:
        journal = Journal(tmp_path / "j.db") if journaled else False
        runner = Runner(config(NO_RETRY), clock=VirtualClock(), journal=journal)
        for name, agent in notes("a", "b", "c").items():
            runner.register_agent(name, agent)
        return runner

    first, second = runner_of(), runner_of()
    await first.start()
    await first.request(Event("a", session_id="known"))
    await first.try_out(config(SEQUENTIAL), 100)
    left = await first.hand_over()
    await second.start(recover=False)
    await second.take_over(left)
    canary = second.dispatcher.canary
    assert canary is not None
    assert (canary.plan.version, canary.share, canary.known) == (2, 100, {"known"})
    await second.request(Event("a", session_id="known"))
    await second.request(Event("", session_id="new"))
    assert versions(second) == {"known": {1}, "new": {2}}
    second.promote()
    assert (second.version, second.plan.mode) == (2, "sequential")
    await second.stop()


@virtual
async def test_nothing_is_tried_out_before_all_sessions_are_known() -> None:
    """While a start still reads the journal, nobody can tell which sessions are new."""
    async with make(NO_RETRY, **notes("a", "b", "c")) as runner:
        backlog = runner.dispatcher.backlog
        backlog.look_unread([0, 0, 1, 0], 0)
        with pytest.raises(ValueError, match="still being read"):
            await runner.try_out(config(SEQUENTIAL), 10)
        backlog.look_unread(None, float("inf"))
        assert (await runner.try_out(config(SEQUENTIAL), 10)).version == 2

"""Preview: what a change would do, said before anything is done."""

from __future__ import annotations

import asyncio
from collections import Counter
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentflow import AgentNotFound, Event, Runner, State
from agentflow.control import Answer, Command, Control
from agentflow.engine.preview import SAMPLE, preview
from agentflow.telemetry.planned import DIES, OTHER_MODE, RELEASED, Preview
from agentflow.testing import recorder, run_virtual

from .support import config, let_everything_end, make, settle, virtual

NAMES = ("a", "b", "c")


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Configurations of three agents that are there or not, in any mode."""
    there = [name for name in NAMES if name == "a" or draw(st.booleans())]
    mode = draw(st.sampled_from(["route", "collaborative", "sequential", "loop", "mixed"]))
    some = draw(st.lists(st.sampled_from(there), min_size=1, unique=True))
    default = draw(st.sampled_from(["", *there]))
    lines = [
        "[orchestration]", "retry_attempts = 0", f'mode = "{mode}"', "max_iterations = 1",
        f"sequential_agents = {some}", f"collaborative_agents = {there}",
        f'loop_agent = "{some[0]}"',
    ]  # fmt: skip
    if default:
        lines.append(f'default_agent = "{default}"')
    for name in NAMES:
        lines += [f"[agents.{name}]", f"enabled = {str(name in there).lower()}"]
    return "\n".join(lines)


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["", *NAMES, "ghost"]),
        st.sampled_from("xyz"),
        st.sampled_from(["", "route", "sequential"]),
    ),
    max_size=20,
)


@given(old=texts(), new=texts(), events=EVENTS, pause=st.sampled_from(["", *NAMES, "all"]))
@settings(max_examples=50, deadline=None)
def test_it_says_what_applying_then_does(
    old: str, new: str, events: list[tuple[str, str, str]], pause: str
) -> None:
    """Which events end as dead letters for want of an agent, and which run in another mode."""

    async def story() -> None:
        async with make(old, a=note, b=note, c=note) as runner:
            if pause == "all":
                runner.pause()
            elif pause in runner.plan.agents:
                runner.pause(pause)
            gate.clear()
            for target, session, mode in events:
                metadata = {"orchestration_override": mode} if mode else {}
                await runner.emit(Event(target, {}, metadata, session_id=session))
            if len(events) % 2:
                await settle()
            said = preview(runner, config(new))
            revisions = runner.version, runner.history.revision, len(runner.dead_letters)
            before = {e.seq: bool(e.started) for e in runner.dispatcher.live()}
            assert (runner.version, runner.history.revision, len(runner.dead_letters)) == revisions
            plan = runner.plan
            await runner.apply(config(new))
            gate.set()
            await let_everything_end(runner)
            began = {seq for seq, started in before.items() if not started}
            fresh = [e for e in runner.executions() if e.seq in began]
            assert all(e.version == 2 for e in fresh)
            lost = {letter.event.id for letter in runner.dead_letters
                    if missing_in(letter.error)}  # fmt: skip
            assert promised(said, DIES) == sum(e.event.id in lost for e in fresh) - same_way_lost(
                plan, runner, fresh, lost
            )
            modes = Counter(
                e.mode for e in fresh if e.event.id not in lost
                and plan.pick(e.event).mode != e.mode
            )  # fmt: skip
            assert promised(said, OTHER_MODE) == sum(modes.values())
            waiting = sum(t.count for t in said.touches if t.kind not in ("finishes", RELEASED))
            assert waiting + said.untouched == len(began)
            assert set(said.appear) == set(runner.plan.agents) - set(plan.agents)
            assert set(said.disappear) == set(plan.agents) - set(runner.plan.agents)

    gate = asyncio.Event()

    async def note(event: Event, state: State) -> None:
        await gate.wait()

    run_virtual(story)


def promised(said: Preview, kind: str) -> int:
    """How many events are said to meet that."""
    assert all(touch.exact for touch in said.touches)
    return sum(touch.count for touch in said.touches if touch.kind == kind)


def missing_in(error: BaseException) -> bool:
    """Whether an agent that is not there is what an event ended with."""
    if isinstance(error, BaseExceptionGroup):
        return any(missing_in(one) for one in error.exceptions)
    return isinstance(error, AgentNotFound)


def same_way_lost(plan: Any, runner: Runner, fresh: list[Any], lost: set[str]) -> int:
    """How many would have been lost under the old plan too, and in the same way."""
    from agentflow.engine.preview import fate

    count = 0
    for execution in fresh:
        if execution.event.id in lost:
            old, new = fate(plan, execution.event), fate(runner.plan, execution.event)
            count += (old.missing, old.mode) == (new.missing, new.mode)
    return count


@virtual
async def test_what_waits_for_an_agent_that_goes_is_told_apart() -> None:
    """Not begun: a dead letter. Begun: it goes on at once, under its own plan."""
    text = "[orchestration]\nmode = 'sequential'\nsequential_agents = ['a', 'b']\n"
    agents = "[agents.a]\n[agents.b]\nenabled = {}\n"
    async with make(text + agents.format("true"), a=recorder().agent, b=recorder().agent) as runner:
        runner.pause("b")
        await runner.emit(Event(session_id="begun"))
        route = {"orchestration_override": "route"}
        await runner.emit(Event("b", {}, route, session_id="waits"))
        await runner.emit(Event("b", {}, route, session_id="waits"))
        await settle()
        only_a = text.replace(", 'b'", "") + agents.format("false")
        said = preview(runner, config(only_a))
        found = {(touch.kind, touch.state): touch for touch in said.touches}
        assert found[DIES, "held"].count == 2
        assert found[RELEASED, "held"].count == 1
        assert found[DIES, "held"].examples[0] == "#2 → b"
        assert said.disappear == ["b"]
        await runner.apply(config(only_a))
        await runner.join()
        counts = runner.counts()
        assert (counts.succeeded, counts.dead) == (1, 2)


@virtual
async def test_a_deep_backlog_is_sampled_from_all_over() -> None:
    """A million events would take seconds; the shares are about right all the same."""
    size = 3 * SAMPLE
    text = f"[runtime]\nqueue_size = {size}\n[agents.a]\n[agents.b]\n[agents.c]\nenabled = "
    async with make(text + "true", a=recorder().agent, b=recorder().agent, c=recorder().agent) as r:
        from .support import loop

        loop().each_turn(lambda: None)
        r.pause()
        for number in range(size):
            session = f"deep {number % 7}" if number % 2 else f"{number}"
            r.try_emit(Event("c" if number < size // 4 else "a", session_id=session))
        began = perf_counter()
        said = preview(r, config(text + "false"))
        assert perf_counter() - began < 0.5
        (touch,) = [touch for touch in said.touches if touch.kind == DIES]
        assert not touch.exact
        assert touch.state == "held"
        assert abs(touch.count - size / 4) < size / 8
        assert abs(touch.count + said.untouched - size) <= 1
        assert len(said.touches) == 1
        await r.stop(drain=False)


async def do(control: Control, name: str, **arguments: Any) -> Answer:
    return await control.execute(Command(name, arguments, "ada"))


@pytest.mark.parametrize("read_only", [False, True])
@virtual
async def test_a_plan_is_a_question_that_leaves_no_trace(read_only: bool) -> None:
    """It is answered to who may only look, too; what would be refused is refused here."""
    agents = {name: recorder().agent for name in NAMES}
    async with make("[agents.a]\n[agents.b]", **agents) as runner:
        control = Control(runner, read_only=read_only)
        answer = await do(control, "plan", of="mode", mode="sequential", sequential_agents=["b"])
        assert answer.ok
        assert answer.data.after == "sequential: b"
        assert answer.data.differences
        bad = await do(control, "plan", of="mode", mode="sequential", sequential_agents=["ghost"])
        assert not bad.ok
        assert "ghost" in bad.data[0].message
        for arguments in ({}, {"of": "drop"}, {"of": "undo"}, {"of": "promote"},
                          {"of": "rollback", "version": 9}):  # fmt: skip
            assert not (await do(control, "plan", **arguments)).ok
        assert not runner.telemetry.actions.total
        assert runner.history.last_number == 1


@virtual
async def test_a_canary_by_command_has_a_row_with_both_sides() -> None:
    """Figures of each version since it began; promote and undo are commands too."""
    agents = {name: recorder().agent for name in NAMES}
    async with make("[orchestration]\nretry_attempts = 0", **agents) as runner:
        control = Control(runner)
        await runner.request(Event("a", session_id="old"))
        lists = {"mode": "sequential", "sequential_agents": ["b", "c"]}
        wrong = await do(control, "mode", **lists, scope="some")
        assert "no scope" in wrong.message
        assert not (await do(control, "mode", **lists, scope="share")).ok
        answer = await do(control, "mode", **lists, scope="new_sessions")
        assert answer.message == "v2 is for new sessions; v1 for all others"
        await runner.request(Event("ghost", session_id="old"))
        await runner.request(Event("", session_id="new"))
        from agentflow.telemetry.snapshot import Cursor

        row = control.snapshot(Cursor()).canary
        assert row is not None
        assert (row.share, row.known, row.old.version, row.new.version) == (100, 1, 1, 2)
        assert (row.old.events, row.old.dead, row.new.events, row.new.dead) == (1, 1, 1, 0)
        assert row.new.agents == "sequential: b → c"
        said = (await do(control, "plan", of="abort_canary")).data
        assert said.canary == "v2 ends, v1 is for all sessions again"
        assert (await do(control, "undo")).message.startswith("v2 has ended")
        assert control.snapshot(Cursor()).canary is None
        again = await do(control, "mode", **lists, scope="share", share=20)
        assert again.data == 3
        assert (await do(control, "promote")).message == "v3 is for all sessions now"
        assert (runner.version, runner.plan.mode) == (3, "sequential")
        rows = {row.seq: row for row in runner.telemetry.actions.items}
        assert [(row.action, row.undid) for row in rows.values() if row.outcome == "done"] == [
            ("mode", 0), ("undo", 3), ("mode", 0), ("promote", 0),
        ]  # fmt: skip
        assert rows[3].about == "version:2"
        assert rows[3].change.startswith("route: ")

"""Breakpoints: where events stop, what can be done there, and that nothing else notices."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agentflow import CallbackArgs, Context, Event, HookPoint, Runner, State
from agentflow.engine.outlook import coming
from agentflow.engine.stops import Stop
from agentflow.errors import AgentTimeout, DroppedAtBreakpoint, InvalidEvent
from agentflow.journal import Journal
from agentflow.testing import recorder

from .support import LANES, NO_RETRY, config, make, settle, virtual

SEQUENTIAL = (
    '[orchestration]\nmode = "sequential"\nsequential_agents = ["a", "b"]\nretry_attempts = 0\n'
)
PARALLEL = (
    '[orchestration]\nmode = "mixed"\ncollaborative_agents = ["a", "b"]\n'
    'sequential_agents = ["c"]\nretry_attempts = 0\n'
)


def parse(event: Event, state: State) -> None:
    """An agent that can't do with every event."""
    if state["text"] == "bad":
        raise SyntaxError("cannot parse")
    state["parsed"] = event.data["text"]


async def stopped(runner: Runner, number: int = 1) -> list[Stop]:
    """The stops, once there are so many and nothing moves any more."""
    await settle()
    stops = list(runner.breakpoints.stops.values())
    assert len(stops) == number, [stop.where for stop in stops]
    return stops


# -- where it stops ---------------------------------------------------------------------------


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_a_stopped_event_is_held_without_a_slot(lane: str) -> None:
    """Others go on, even with one slot only; those of its session wait behind it, held too."""
    worker = recorder()
    runner = make(NO_RETRY + "[runtime]\nmax_concurrent_events = 1\n", lane, a=worker.agent)
    async with runner:
        runner.breakpoints.set("BeforeAgentRun", "a", when="data.n:1")
        for n, session in enumerate(["s", "t", "s", "u"]):
            await runner.emit(Event("a", {"n": n}, session_id=f"{session}{n == 1 or n == 3}"))
        await runner.emit(Event("a", {"n": 4}, session_id="tTrue"))
        await runner.join()
        (stop,) = await stopped(runner)
        assert [event.data["n"] for event in worker.events] == [0, 2, 3]
        counts = runner.counts()
        assert (counts.held, counts.running, counts.succeeded) == (2, 0, 3)
        assert stop.execution.status == "held"
        stop.go("continue")
        await runner.join()
        assert [event.data["n"] for event in worker.events] == [0, 2, 3, 1, 4]


@pytest.mark.parametrize(
    ("hook", "agent"),
    [
        ("BeforeEventHandling", "a"),
        ("BeforeAgentRun", "a"),
        ("AfterAgentRun", "a"),
        ("AfterEventHandling", "a"),
    ],
)
@virtual
async def test_each_hook_point_stops_before_its_callbacks(hook: str, agent: str) -> None:
    """The callbacks of the point are called when the event goes on, once."""
    called = recorder()
    runner = make(NO_RETRY, a=lambda event, state: None)
    runner.register_callback(hook, "mine", called.callback)
    async with runner:
        runner.breakpoints.set(hook, agent)
        await runner.emit(Event("a"))
        (stop,) = await stopped(runner)
        assert (str(stop.hook), stop.agent, stop.callbacks) == (hook, agent, ("mine",))
        assert called.calls == []
        stop.go("continue")
        await runner.join()
        assert len(called.calls) == 1
        assert runner.counts().succeeded == 1


@virtual
async def test_any_hook_point_means_all_of_them_in_order() -> None:
    """An event that fails stops at its failure before AfterAgentRun, and once for it."""
    runner = make(NO_RETRY, a=parse)
    async with runner:
        runner.breakpoints.set()
        await runner.emit(Event("a", {"text": "bad"}))
        seen = []
        while runner.counts().dead == 0:
            (stop,) = await stopped(runner)
            seen.append(str(stop.hook))
            stop.go("continue")
            await settle()
        assert seen == [
            "BeforeEventHandling", "BeforeAgentRun", "AgentError", "AfterAgentRun",
            "AfterEventHandling",
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "numbers"),
    [
        ({"agent": "b*"}, [0, 1, 2, 3]),
        ({"agent": "c"}, []),
        ({"mode": "loop"}, []),
        ({"when": "data.n>1"}, [2, 3]),
        ({"when": "data.n>0 state.n<3", "agent": "b"}, [1, 2]),
        ({"when": "-priority:normal"}, [3]),
        ({"stop_at": 3, "agent": "a"}, [1, 2]),
        ({"enabled": False}, []),
    ],
    ids=str,
)
@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_only_what_fits_is_stopped(
    lane: str, fields: dict[str, Any], numbers: list[int]
) -> None:
    """Agent, mode, condition and count say which; all others end without a stop."""
    runner = make(SEQUENTIAL, lane, a=lambda e, s: None, b=lambda e, s: None, c=lambda e, s: None)
    async with runner:
        runner.breakpoints.set("BeforeAgentRun", **fields)
        for n in range(4):
            await runner.emit(Event("", {"n": n}, {"priority": "high"} if n == 3 else None))
        found: set[int] = set()
        await settle()
        while runner.breakpoints.stops:
            for stop in list(runner.breakpoints.stops.values()):
                found.add(stop.execution.event.data["n"])
                stop.go("continue")
            await settle()
        await runner.join()
        assert sorted(found) == numbers
        assert runner.counts().succeeded == 4


@virtual
async def test_hits_are_counted_for_every_breakpoint_that_fits() -> None:
    """One stops the event; the others know that it came by."""
    runner = make(NO_RETRY, a=lambda e, s: None)
    async with runner:
        points = [runner.breakpoints.set("BeforeAgentRun", "a", stop_at=n) for n in (9, 1, 1)]
        await runner.emit(Event("a"))
        (stop,) = await stopped(runner)
        assert stop.breakpoint == points[1].number
        assert [point.hits for point in points] == [1, 1, 1]
        stop.go("continue")


@virtual
async def test_a_breakpoint_set_while_an_event_runs_stops_it() -> None:
    """The express lane is left at the next agent, whatever it was when the event began."""
    go_on = asyncio.Event()

    async def first(event: Event, state: State) -> None:
        await go_on.wait()

    runner = make(SEQUENTIAL, a=first, b=lambda e, s: None)
    async with runner:
        await runner.emit(Event("", {"n": 1}))
        await settle()
        runner.breakpoints.set("BeforeAgentRun", "b")
        go_on.set()
        (stop,) = await stopped(runner)
        assert stop.agent == "b"
        stop.go("continue")


def test_what_can_no_breakpoint_be_is_refused() -> None:
    """A wrong hook point, condition or count is said, and nothing is set."""
    runner = Runner(config())
    for wrong in (
        {"hook": "BeforeLunch"},
        {"when": "dta:1"},
        {"stop_at": 0},
    ):
        with pytest.raises(ValueError):
            runner.breakpoints.set(**wrong)
    assert len(runner.breakpoints) == 0


# -- what can be done --------------------------------------------------------------------------


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_an_edit_after_a_failure_lets_the_agent_run_again(lane: str) -> None:
    """With the edited data it succeeds, as the next attempt; the trace shows what ran."""
    runner = make(NO_RETRY, lane, a=parse)
    async with runner:
        runner.breakpoints.set("AgentError", "a")
        assert runner.dispatcher.express or lane == "hooked", "failures leave the lane anyway"
        asked = asyncio.create_task(runner.request(Event("a", {"text": "bad", "n": 1})))
        (stop,) = await stopped(runner)
        assert str(stop.error) == "cannot parse"
        assert stop.edit(data={"text": "good", "n": 1}) == ['data.text: "bad" → "good"']
        stop.go("continue")
        result = await asked
        assert result.error is None
        assert result.state["parsed"] == "good"
        (execution,) = runner.executions()
        assert execution.event.data["text"] == "good"
        assert execution.runs[-1][3] == 2, "attempts"
        assert ("edited", 'data.text: "bad" → "good"') in [n[:2] for n in execution.notes or ()]


@virtual
async def test_without_an_edit_a_failure_stands() -> None:
    """The agent is not run again; its callbacks are called once, and the event is dead."""
    agent, failed = recorder(ValueError("no")), recorder()
    runner = make(NO_RETRY, a=agent.agent)
    runner.register_callback("AgentError", "mine", failed.callback)
    async with runner:
        runner.breakpoints.set("AgentError")
        await runner.emit(Event("a"))
        (stop,) = await stopped(runner)
        assert failed.calls == []
        stop.go("continue")
        await runner.join()
        assert (len(agent.calls), len(failed.calls)) == (1, 1)
        assert runner.counts().dead == 1


@virtual
async def test_a_failure_stops_when_it_is_final() -> None:
    """Retries come first; an attempt after an edit is one more."""
    agent = recorder(ConnectionError("1"), ConnectionError("2"), {"done": True})
    runner = make("[orchestration]\nretry_attempts = 1\n", a=agent.agent)
    async with runner:
        runner.breakpoints.set("AgentError")
        asked = asyncio.create_task(runner.request(Event("a")))
        await asyncio.sleep(30)
        (stop,) = await stopped(runner)
        assert len(agent.calls) == 2
        stop.edit(state={"hint": 1})
        stop.go("continue")
        assert (await asked).state.to_dict() == {"hint": 1, "done": True}
        assert runner.executions()[0].runs[-1][3] == 3


@virtual
async def test_an_edit_after_a_veto_asks_the_callbacks_again() -> None:
    """What they refuse they refuse again; what has been put right may run."""

    def guard(args: CallbackArgs) -> None:
        if args.state["n"] < 0:
            raise ValueError("negative")

    runner = make(NO_RETRY, a=lambda e, s: None)
    runner.register_callback("BeforeAgentRun", "guard", guard)
    async with runner:
        runner.breakpoints.set("AgentError")
        asked = asyncio.create_task(runner.request(Event("a", {"n": -1})))
        for n in (-2, 3):
            (stop,) = await stopped(runner)
            stop.edit(state={"n": n})
            stop.go("continue")
        assert (await asked).error is None


@virtual
async def test_state_and_meta_are_edited_where_they_are_needed() -> None:
    """The next agent sees what was written; values nobody touched stay the objects they are."""
    thing = object()
    seen = recorder()
    runner = make(SEQUENTIAL, a=lambda e, s: {"n": 1, "thing": thing}, b=seen.agent)
    async with runner:
        runner.breakpoints.set("BeforeAgentRun", "b")
        await runner.emit(Event("", {"text": "x"}))
        (stop,) = await stopped(runner)
        stop.edit(state={**stop.state, "n": 2}, meta={"who": "me"})
        with pytest.raises(ValueError):
            stop.edit(meta={"who": 1})  # type: ignore[dict-item]
        stop.go("continue")
        await runner.join()
        assert seen.calls[0].data["n"] == 2
        assert seen.calls[0].meta == {"who": "me"}
        assert runner.executions()[0].status == "succeeded"


@virtual
async def test_a_drop_is_a_dead_letter_with_the_place() -> None:
    """The agent does not run, AfterEventHandling is called, and who asked gets the error."""
    agent, after = recorder(), recorder()
    runner = make(SEQUENTIAL, a=agent.agent, b=lambda e, s: None)
    runner.register_callback("AfterEventHandling", "mine", after.callback)
    async with runner:
        point = runner.breakpoints.set("BeforeAgentRun", "a")
        asked = asyncio.create_task(runner.request(Event("", {"n": 1})))
        (stop,) = await stopped(runner)
        stop.edit(data={"n": 2})
        stop.go("drop")
        error = (await asked).error
        assert isinstance(error, DroppedAtBreakpoint)
        assert (error.number, error.hook, error.agent) == (point.number, "BeforeAgentRun", "a")
        assert (len(agent.calls), len(after.calls)) == (0, 1)
        (letter,) = runner.dead_letters
        assert letter.event.data["n"] == 2, "the dead letter shows what was there in the end"
        with pytest.raises(ValueError):
            stop.go("continue")


@virtual
async def test_callbacks_can_be_skipped() -> None:
    """Those of this point only, and only this time."""
    called = recorder()
    runner = make(NO_RETRY, a=lambda e, s: None)
    runner.register_callback(HookPoint.ALL, "mine", called.callback)
    async with runner:
        runner.breakpoints.set("BeforeAgentRun")
        await runner.emit(Event("a"))
        (stop,) = await stopped(runner)
        stop.skip = True
        stop.go("continue")
        await runner.join()
        assert "BeforeAgentRun" not in [call.hook for call in called.calls]
        assert len(called.calls) == 3


@virtual
async def test_a_step_goes_to_the_next_hook_point_of_this_event() -> None:
    """Whatever it is, and whether a breakpoint is there or not; other events are not stopped."""
    runner = make(SEQUENTIAL, a=lambda e, s: None, b=lambda e, s: None)
    async with runner:
        runner.breakpoints.set("BeforeAgentRun", "a", when="data.n:1")
        for n in (1, 2):
            await runner.emit(Event("", {"n": n}))
        seen = []
        for _ in range(5):
            (stop,) = await stopped(runner)
            seen.append(stop.where)
            stop.go("step")
        await runner.join()
        assert seen == [
            "BeforeAgentRun of a", "AfterAgentRun of a", "BeforeAgentRun of b",
            "AfterAgentRun of b", "AfterEventHandling",
        ]  # fmt: skip
        assert runner.counts().succeeded == 2
        assert not runner.breakpoints.stepping


@virtual
async def test_a_step_over_passes_the_agent() -> None:
    """It stops at the hook point after the agent's run, or where that run fails."""
    runner = make(SEQUENTIAL, a=lambda e, s: None, b=parse)
    async with runner:
        runner.breakpoints.set("BeforeAgentRun", "a")
        await runner.emit(Event("", {"text": "bad"}))
        seen = []
        for _ in range(4):
            (stop,) = await stopped(runner)
            seen.append(stop.where)
            stop.go("step_over")
        await runner.join()
        assert seen == [
            "BeforeAgentRun of a", "BeforeAgentRun of b", "AgentError of b", "AfterEventHandling",
        ]  # fmt: skip


@virtual
async def test_what_comes_next_is_told() -> None:
    """The callbacks of the point, the agents that follow, and the end."""
    runner = make(PARALLEL, **dict.fromkeys("abc", lambda e, s: None))
    runner.register_callback("BeforeAgentRun", "stamp", lambda args: None)
    async with runner:
        runner.breakpoints.set("BeforeAgentRun", "a")
        await runner.emit(Event("", {"text": "x"}))
        (stop,) = await stopped(runner)
        assert coming(stop) == [
            "callbacks of BeforeAgentRun: stamp", "run of a", "then: c", "AfterEventHandling",
        ]  # fmt: skip
        stop.go("continue")


# -- time -------------------------------------------------------------------------------------


@pytest.mark.parametrize("hook", ["BeforeEventHandling", "BeforeAgentRun", "AfterAgentRun"])
@virtual
async def test_time_stopped_counts_towards_no_timeout(hook: str) -> None:
    """Neither the orchestration's, nor the agent's, nor the event's own deadline."""
    text = SEQUENTIAL + "timeout_seconds = 2\n[agents.a]\ntimeout = 1.5\n[agents.b]\n"

    async def slow(event: Event, state: State) -> None:
        await asyncio.sleep(0.6)

    runner = make(text, a=slow, b=slow)
    async with runner:
        runner.breakpoints.set(hook, "a" if "Agent" in hook else "")
        event = Event("", {"n": 1}, {"timeout": "1.9s"})
        asked = asyncio.create_task(runner.request(event))
        await asyncio.sleep(100)
        (stop,) = await stopped(runner)
        stop.go("continue")
        assert (await asked).error is None


@virtual
async def test_the_time_that_is_left_still_counts() -> None:
    """After the stop the limits run on: what is too slow is still too slow."""

    async def hangs(event: Event, state: State) -> None:
        await asyncio.sleep(1_000)

    runner = make(NO_RETRY + "timeout_seconds = 2\n", a=hangs)
    async with runner:
        runner.breakpoints.set("BeforeAgentRun")
        asked = asyncio.create_task(runner.request(Event("a")))
        await asyncio.sleep(50)
        (stop,) = await stopped(runner)
        stop.go("continue")
        began = runner.dispatcher.now()
        assert isinstance((await asked).error, AgentTimeout)
        assert 1.9 < runner.dispatcher.now() - began < 2.1


@virtual
async def test_a_run_that_timed_out_has_its_time_again_after_an_edit() -> None:
    """What the failed run took is given back with what the stop took."""

    async def slow(event: Event, state: State) -> None:
        await asyncio.sleep(state["seconds"])

    runner = make(NO_RETRY + "timeout_seconds = 2\n", a=slow)
    async with runner:
        runner.breakpoints.set("AgentError")
        asked = asyncio.create_task(runner.request(Event("a", {"seconds": 90})))
        await asyncio.sleep(60)
        (stop,) = await stopped(runner)
        stop.edit(data={"seconds": 1.5})
        stop.go("continue")
        assert (await asked).error is None


@virtual
async def test_nothing_around_a_nested_stop_times_out() -> None:
    """The handler that asked, and its event, wait without a slot, and their time stands still."""

    async def outer(event: Event, state: State, context: Context) -> None:
        state["inner"] = (await context.request(Event("inner"))).state["n"]
        await asyncio.sleep(0.5)

    async def inner(event: Event, state: State) -> None:
        await asyncio.sleep(0.5)
        state["n"] = 7

    other = recorder()
    text = NO_RETRY + "timeout_seconds = 2\n[runtime]\nmax_concurrent_events = 1\n"
    runner = make(text, outer=outer, inner=inner, other=other.agent)
    async with runner:
        runner.breakpoints.set("BeforeAgentRun", "inner")
        asked = asyncio.create_task(runner.request(Event("outer")))
        await asyncio.sleep(30)
        (stop,) = await stopped(runner)
        await runner.emit(Event("other"))
        await runner.join()
        assert len(other.calls) == 1
        counts = runner.counts()
        assert (counts.held, counts.running) == (2, 0)
        stop.go("continue")
        result = await asked
        assert result.error is None
        assert result.state["inner"] == 7


@virtual
async def test_a_nested_drop_is_the_answer_to_who_asked() -> None:
    """The handler gets the error in the result, and goes on with a slot."""

    async def outer(event: Event, state: State, context: Context) -> None:
        state["error"] = type((await context.request(Event("inner"))).error).__name__

    runner = make(NO_RETRY, outer=outer, inner=lambda e, s: None)
    async with runner:
        runner.breakpoints.set("BeforeAgentRun", "inner")
        asked = asyncio.create_task(runner.request(Event("outer")))
        (stop,) = await stopped(runner)
        stop.go("drop")
        assert (await asked).state["error"] == "DroppedAtBreakpoint"


@virtual
async def test_a_handler_that_gives_up_a_nested_stop_goes_on() -> None:
    """Its own limit on the request ends the stop, and the accounts still add up."""

    async def outer(event: Event, state: State, context: Context) -> None:
        try:
            await asyncio.wait_for(context.request(Event("inner")), 5)
        except TimeoutError:
            state["gave_up"] = True

    runner = make(NO_RETRY, outer=outer, inner=lambda e, s: None)
    async with runner:
        runner.breakpoints.set("BeforeAgentRun", "inner")
        asked = asyncio.create_task(runner.request(Event("outer")))
        await stopped(runner)
        assert (await asked).state["gave_up"] is True
        assert not runner.breakpoints.stops
        assert (runner.counts().succeeded, runner.counts().dead) == (1, 1)


# -- modes ------------------------------------------------------------------------------------


@virtual
async def test_one_of_a_parallel_phase_stops_alone() -> None:
    """The others run; the slot is given up when they have; the edit is in the outcome."""
    done = recorder()
    runner = make(PARALLEL, a=parse, b=done.agent, c=lambda e, s: {"c": e.data["text"]})
    async with runner:
        runner.breakpoints.set("AgentError", "a")
        asked = asyncio.create_task(runner.request(Event("", {"text": "bad"})))
        (stop,) = await stopped(runner)
        assert len(done.calls) == 1
        assert (runner.counts().held, runner.counts().running) == (1, 0)
        stop.edit(data={"text": "good"})
        stop.go("continue")
        result = await asked
        assert result.error is None
        assert result.state["parsed"] == result.state["c"] == result.state["text"] == "good"


@virtual
async def test_an_edit_of_the_data_is_for_all_lanes() -> None:
    """What failed beside it runs again too, whether it is stopped already or fails later."""
    late = asyncio.Event()

    async def slow(event: Event, state: State) -> None:
        await late.wait()
        parse(event, state)

    text = PARALLEL.replace('"a", "b"', '"a", "b", "d"')
    runner = make(text, a=parse, b=slow, c=lambda e, s: None, d=parse)
    async with runner:
        runner.breakpoints.set("AgentError")
        asked = asyncio.create_task(runner.request(Event("", {"text": "bad"})))
        one, other = await stopped(runner, 2)
        one.edit(data={"text": "good"})
        assert other.edited
        one.go("continue")
        other.go("continue")
        late.set()
        (last,) = await stopped(runner)
        assert last.edited
        last.go("continue")
        assert (await asked).error is None


@virtual
async def test_several_of_a_parallel_phase_stop_together() -> None:
    """Each is a stop of its own; the time that all of them took counts once."""
    runner = make(PARALLEL + "timeout_seconds = 1\n", **dict.fromkeys("abc", lambda e, s: None))
    async with runner:
        runner.breakpoints.set("BeforeAgentRun", "[ab]")
        asked = asyncio.create_task(runner.request(Event("", {"text": "x"})))
        one, other = await stopped(runner, 2)
        deadline = one.execution.deadline
        await asyncio.sleep(20)
        one.go("continue")
        await asyncio.sleep(20)
        other.go("continue")
        await settle()
        assert 39 < one.execution.deadline - deadline < 41
        assert (await asked).error is None


@virtual
async def test_a_drop_ends_all_lanes_of_a_parallel_phase() -> None:
    """What runs beside it is cancelled, what is stopped beside it goes, one dead letter is left."""

    async def hangs(event: Event, state: State) -> None:
        await asyncio.sleep(1_000)

    text = PARALLEL.replace('"a", "b"', '"a", "b", "d"')
    runner = make(text, a=lambda e, s: None, b=hangs, c=hangs, d=lambda e, s: None)
    async with runner:
        runner.breakpoints.set("BeforeAgentRun", "[ad]")
        asked = asyncio.create_task(runner.request(Event("", {"text": "x"})))
        one, _ = await stopped(runner, 2)
        one.go("drop")
        error = (await asyncio.wait_for(asked, 5)).error
        assert isinstance(error, DroppedAtBreakpoint)
        assert not runner.breakpoints.stops
        assert runner.counts().dead == 1
        await runner.emit(Event("", {}, {"orchestration_override": "route", "route": "b"}))


@virtual
async def test_each_round_of_a_loop_can_stop() -> None:
    """A loop goes on from its edited state."""

    def count(event: Event, state: State) -> None:
        state["n"] += 1
        state["loop_complete"] = state["n"] > 10

    text = '[orchestration]\nmode = "loop"\nloop_agent = "a"\nmax_iterations = 5\n'
    runner = make(text, a=count)
    async with runner:
        runner.breakpoints.set("BeforeAgentRun", "a")
        asked = asyncio.create_task(runner.request(Event("", {"n": 0})))
        for _ in range(2):
            (stop,) = await stopped(runner)
            stop.go("continue")
        (stop,) = await stopped(runner)
        assert stop.state.meta["loop_iteration"] == "3"
        stop.edit(state={"n": 10})
        stop.go("continue")
        assert (await asked).state["n"] == 11


# -- ends and changes ---------------------------------------------------------------------------


@virtual
async def test_a_stop_that_drains_lets_stopped_events_go_on() -> None:
    """Nothing is lost and nothing keeps the end waiting; after a new start they stop again."""
    worker = recorder()
    runner = make(NO_RETRY, a=worker.agent)
    await runner.start()
    runner.breakpoints.set("BeforeAgentRun", "a")
    for _ in range(3):
        await runner.emit(Event("a"))
    await stopped(runner, 3)
    await runner.stop()
    assert len(worker.calls) == 3
    await runner.start()
    await runner.emit(Event("a"))
    await stopped(runner)
    await runner.stop(drain=False)
    assert (len(worker.calls), runner.counts().queued) == (3, 1)


@virtual
async def test_stopped_events_can_be_kept_for_the_next_start(tmp_path: Path) -> None:
    """With on_quit = "keep" they and the operator's breakpoints are there again, hits included."""
    text = NO_RETRY + '[breakpoints]\non_quit = "keep"\n'
    path = tmp_path / "journal.db"

    async def a_life(expected: int) -> Runner:
        runner = make(text, a=parse)
        runner.journal = Journal(path, inline=True)
        await runner.start()
        assert len(runner.breakpoints) == expected
        return runner

    runner = await a_life(0)
    runner.breakpoints.set("AgentError", "a")
    runner.keep_breakpoints()
    await runner.emit(Event("a", {"text": "bad"}))
    await stopped(runner)
    await runner.stop()
    assert runner.counts().held + runner.counts().queued == 1

    runner = await a_life(1)
    (stop,) = await stopped(runner)
    assert stop.execution.attempt == 2, "the attempt before the restart counts"
    stop.edit(data={"text": "good"})
    stop.go("continue")
    await runner.join()
    assert runner.counts().succeeded == 1
    await runner.stop()


@virtual
async def test_an_edit_is_kept_with_the_event(tmp_path: Path) -> None:
    """After a new start it runs with the edited data; data that can't be kept is refused."""
    text = NO_RETRY + '[breakpoints]\non_quit = "keep"\n'
    seen = recorder()
    for life in range(2):
        runner = make(text, a=seen.agent)
        runner.journal = Journal(tmp_path / "journal.db", inline=True, max_event_bytes=2_000)
        await runner.start()
        if not life:
            runner.breakpoints.set("BeforeAgentRun", "a")
            await runner.emit(Event("a", {"n": 1}, {"idempotency_key": "k"}, session_id="s"))
            (stop,) = await stopped(runner)
            with pytest.raises(InvalidEvent):
                stop.edit(data={"n": "x" * 5_000})
            stop.edit(data={"n": 2})
            with pytest.raises(InvalidEvent):
                stop.edit(data={"n": float("nan")})
            await runner.stop()
            continue
        await runner.join()
        assert [event.data["n"] for event in seen.events] == [2]
        assert await runner.emit(Event("a", {"n": 3}, {"idempotency_key": "k"})), "known still"
        await runner.join()
        assert len(seen.events) == 1
        assert runner.recovered is not None
        assert not runner.recovered.damage
        await runner.stop()


@virtual
async def test_a_death_while_stopped_loses_nothing(tmp_path: Path) -> None:
    """The event was leased to nobody: it runs again, and its death is not held against it."""
    journal = Journal(tmp_path / "journal.db", inline=True)
    runner = make(SEQUENTIAL, a=lambda e, s: None, b=lambda e, s: None)
    runner.journal = journal
    await runner.start()
    runner.breakpoints.set("BeforeAgentRun", "b")
    await runner.emit(Event("", {"n": 1}))
    (stop,) = await stopped(runner)
    assert stop.execution.lease < 0
    await runner.stop(drain=False)
    again = make(SEQUENTIAL, a=lambda e, s: None, b=lambda e, s: None)
    again.journal = Journal(tmp_path / "journal.db", inline=True)
    async with again:
        await again.join()
        assert (again.counts().succeeded, again.counts().dead) == (1, 0)


@virtual
async def test_a_hand_over_takes_breakpoints_and_stopped_events_along() -> None:
    """The next engine stops the same event at the same breakpoint, and waits for nobody."""
    runner = make(NO_RETRY, a=lambda e, s: None)
    await runner.start()
    runner.breakpoints.set("BeforeAgentRun", "a", stop_at=2)
    for _ in range(2):
        await runner.emit(Event("a"))
    await stopped(runner)
    began = runner.dispatcher.now()
    left = await runner.hand_over()
    assert runner.dispatcher.now() - began < 1
    following = make(NO_RETRY, a=lambda e, s: None)
    async with following:
        await following.take_over(left)
        (stop,) = await stopped(following)
        assert stop.breakpoint == 1
        stop.go("continue")


@virtual
async def test_a_reload_keeps_breakpoints_and_says_which_no_longer_apply() -> None:
    """What is stopped goes on under the plan it began with."""
    both = '[agents.a]\nhandler = "operator:eq"\n[agents.b]\nhandler = "operator:eq"\n'
    one = '[agents.b]\nhandler = "operator:eq"\n[[breakpoints.at]]\nhook = "AgentError"\n'
    runner = make(NO_RETRY + both)
    async with runner:
        for name in ("a", "b"):
            runner.breakpoints.set("BeforeAgentRun", name)
        await runner.emit(Event("a"))
        await stopped(runner)
        await runner.apply(config(NO_RETRY + one))
        assert [point.where for point in runner.breakpoints] == [
            "BeforeAgentRun of a", "BeforeAgentRun of b", "AgentError",
        ]  # fmt: skip
        assert any("breakpoint 1" in text for text in runner.current_notices())
        assert len(runner.breakpoints.stops) == 1
        await runner.apply(config(NO_RETRY + both))
        assert len(runner.breakpoints) == 2, "what the file no longer says is gone"


def test_the_file_can_set_breakpoints() -> None:
    """What it says wrongly is a problem at its place."""
    good = config(
        '[[breakpoints.at]]\nhook = "agenterror"\nwhen = "data.n>3"\nhits = 2\nagent = "x*"\n'
    )
    (point,) = good.breakpoints.at
    assert (point.hook, point.when, point.hits) == ("AgentError", "data.n>3", 2)
    from agentflow import ConfigError

    with pytest.raises(ConfigError) as caught:
        config('[breakpoints]\non_quit = "x"\n[[breakpoints.at]]\nhook = "No"\nwhen = "dta:1"\n')
    text = "\n".join(map(str, caught.value.problems))
    assert "did you mean 'data'?" in text
    assert "BeforeAgentRun" in text
    assert "release" in text


# -- what it costs ------------------------------------------------------------------------------


@virtual
async def test_only_lanes_that_a_breakpoint_can_be_meant_for_are_closed() -> None:
    """Others stay open, as all do for AgentError; a condition on the event leaves the rest in."""
    runner = make(NO_RETRY, **dict.fromkeys("abc", lambda e, s: None))
    async with runner:
        dispatcher, breakpoints = runner.dispatcher, runner.breakpoints
        failing = breakpoints.set("AgentError")
        assert sorted(dispatcher.express) == ["a", "b", "c"]
        breakpoints.set("BeforeAgentRun", "a")
        breakpoints.set("AfterEventHandling", "b", when="data.n>3")
        assert (sorted(dispatcher.express), sorted(dispatcher.watched)) == (["c"], ["b"])
        assert dispatcher.watched["b"](Event("b", {"n": 3})) is runner.plan.lanes["b"]
        assert dispatcher.watched["b"](Event("b", {"n": 4})) is None
        for point in list(breakpoints):
            breakpoints.remove(point.number)
        assert sorted(dispatcher.express) == ["a", "b", "c"]
        assert not dispatcher.watched
        assert failing.hits == 0

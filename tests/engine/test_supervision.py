"""Supervision: an agent that fails in a loop is stopped and said so once; failures are told."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agentflow import Agent, CircuitOpen, DeadlineExceeded, Event, Runner, State
from agentflow.control import Command, Control
from agentflow.engine.supervision import MOST_LEFT_BEHIND
from agentflow.engine.threads import Threads
from agentflow.journal import Journal
from agentflow.resilience import RestartIntensity, Restarts
from agentflow.testing import recorder, run_virtual

from .support import LANES, NO_RETRY, config, loop, make, settle, virtual


def down(event: Event, state: State) -> None:
    """What an agent does that is down."""
    raise ConnectionError("down")


def breaker(**settings: object) -> str:
    """A configuration without retries, with these settings of the breakers."""
    lines = "".join(f"{key} = {value}\n" for key, value in settings.items())
    return f"{NO_RETRY}[error_routing.circuit_breaker]\n{lines}"


def supervised(**settings: object) -> str:
    """The settings of the supervisor."""
    return "[supervision]\n" + "".join(f"{key} = {value}\n" for key, value in settings.items())


def heard(runner: Runner) -> list[Event]:
    """What the supervisor tells from now on."""
    told: list[Event] = []
    runner.subscribe("agent.*", told.append)
    return told


def lines(runner: Runner, words: str) -> list[str]:
    """The log lines that have these words in them."""
    return [row.text for row in runner.telemetry.lines.items if words in row.text]


async def crash(runner: Runner, agent: str = "a", seconds: float = 30.0) -> None:
    """Send events until one of them is held: each failing trial opens the breaker again."""
    for _ in range(500):
        await runner.emit(Event(agent))
        await settle()
        if runner.counts().held:
            return
        if runner.plan.agents[agent].vitals.breaker.retry_after():
            await asyncio.sleep(seconds)
    raise AssertionError("it was never stopped")


# -- the rule ----------------------------------------------------------------------------


def test_more_restarts_than_allowed_within_the_period_are_too_many() -> None:
    """As OTP has it: the one after max_restarts, if all of them lie in the period."""
    limit = RestartIntensity(max_restarts=2, period=100)
    restarts = Restarts()
    assert [restarts.failed(at, limit) for at in (0, 40, 80)] == [False, False, True]
    restarts.clear()
    assert [restarts.failed(at, limit) for at in (0, 60, 120, 180)] == [False] * 4
    assert restarts.failed(190, limit)


def test_cool_downs_that_fill_the_period_make_it_longer() -> None:
    """An agent that fails every trial is stopped, however long the cool-down is."""
    limit = RestartIntensity(max_restarts=5, period=600)
    for cool_down in (0.01, 1, 30, 119, 120, 121, 3_600, 86_400):
        restarts = Restarts()
        at, count = 0.0, 0
        while not restarts.failed(at, limit, cool_down):
            at += cool_down * 1.05
            count += 1
            assert count < 5_000
        assert at >= 30
        assert at <= max(600, 12 * cool_down)


def test_restarts_at_the_same_time_are_one() -> None:
    """A hundredth of the period counts once, unless so many could not be counted then."""
    restarts = Restarts()
    limit = RestartIntensity(max_restarts=2, period=100)
    assert not any(restarts.failed(at / 100, limit) for at in range(100))
    assert len(restarts) == 1
    many = RestartIntensity(max_restarts=1_000, period=100)
    restarts.clear()
    assert any(restarts.failed(at / 100, many) for at in range(10_000))


# -- stopping ----------------------------------------------------------------------------


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_a_crash_loop_is_stopped_and_said_once(lane: str) -> None:
    """The sixth failed trial stops the agent; its events are held, others go on."""
    worker, other = recorder(down), recorder()
    async with make(NO_RETRY, lane, a=worker.agent, b=other.agent) as runner:
        told = heard(runner)
        await crash(runner)
        assert len(worker.calls) == 5 + 6
        for number in range(10):
            await runner.emit(Event("a", {"n": number}))
            assert (await runner.request(Event("b"))).error is None
        await runner.join()
        await asyncio.sleep(1_000)
        assert runner.counts() == (11 + 11 + 10, 0, 11, 0, 10, 11)
        assert len(worker.calls) == 11
        assert [(event.target, event.data["stopped"]) for event in told] == [
            ("agent.failed", False), ("agent.failed", True),
        ]  # fmt: skip
        assert len(lines(runner, "is stopped")) == 1
        (failing,) = runner.supervisor.failing()
        assert (failing.agent, failing.stopped) == ("a", True)
        assert "6 trials" in failing.reason
        assert runner.plan.agents["a"].vitals.stopped == failing.reason


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_a_stopped_agent_begins_afresh_when_it_is_resumed(lane: str) -> None:
    """What was held goes on in order, the breaker is closed, and that is said."""
    worker = recorder(*[down] * 11, {"ok": 1})
    async with make(NO_RETRY, lane, a=worker.agent) as runner:
        told = heard(runner)
        await crash(runner)
        for number in range(3):
            await runner.emit(Event("a", {"n": number}))
        runner.resume("a")
        await runner.join()
        assert runner.counts() == (15, 0, 0, 0, 4, 11)
        assert [call.data.get("n") for call in worker.calls[-3:]] == [0, 1, 2]
        assert runner.plan.agents["a"].vitals.breaker.state == "closed"
        assert runner.plan.agents["a"].vitals.stopped == ""
        assert runner.supervisor.failing() == []
    assert [event.target for event in told] == ["agent.failed", "agent.failed", "agent.recovered"]
    assert told[-1].data["agent"] == "a"
    assert told[-1].data["seconds"] == pytest.approx(210, abs=1)


@virtual
async def test_an_agent_that_fails_again_after_it_was_resumed_is_stopped_again() -> None:
    """It has all its trials anew, and that it is stopped is said anew."""
    worker = recorder(down)
    async with make(NO_RETRY, a=worker.agent) as runner:
        told = heard(runner)
        await crash(runner)
        runner.resume("a")
        await runner.join()
        await crash(runner)
        assert len(worker.calls) == 22
    assert [event.data.get("stopped") for event in told] == [False, True, None, False, True]
    assert len(lines(runner, "is stopped")) == 2


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_an_agent_that_comes_back_is_not_stopped(lane: str) -> None:
    """Closing clears the count: however often it fails, it has not failed all along."""
    worker = recorder(*([down] * 8 + [None] * 3) * 8)
    async with make(NO_RETRY, lane, a=worker.agent) as runner:
        told = heard(runner)
        while len(worker.calls) < 88:
            await runner.request(Event("a"))
            await asyncio.sleep(runner.plan.agents["a"].vitals.breaker.retry_after())
    assert [event.target for event in told] == ["agent.failed", "agent.recovered"] * 8
    assert runner.counts().held == 0


@virtual
async def test_a_hiccup_with_a_short_cool_down_is_no_crash_loop() -> None:
    """A breaker that tries a hundred times a second does not use up the restarts in a moment."""
    text = breaker(failure_threshold=1, timeout='"10ms"')

    async def flaky(event: Event, state: State) -> None:
        if loop().time() < until:
            raise ConnectionError("down")

    async with make(text, a=flaky) as runner:
        until = loop().time() + 10
        for _ in range(300):
            await runner.request(Event("a"))
            await asyncio.sleep(0.05)
        assert runner.counts().held == 0
        assert (await runner.request(Event("a"))).error is None
        until = loop().time() + 1_000
        for _ in range(500):
            await runner.emit(Event("a"))
            await asyncio.sleep(0.1)
            if runner.counts().held:
                break
        assert runner.plan.agents["a"].vitals.stopped


@pytest.mark.parametrize(
    ("seconds", "calls"), [(0.1, 302), (1, 32), (30, 7), (119, 7), (120, 7), (200, 7)]
)
def test_every_cool_down_ends_in_a_stop_when_nothing_ever_works(seconds: float, calls: int) -> None:
    """Six failed trials stop the agent, those at once counted as one; none stop it too soon."""

    async def promise() -> None:
        worker = recorder(down)
        async with make(breaker(failure_threshold=1, timeout=seconds), a=worker.agent) as runner:
            await crash(runner, seconds=seconds)
            assert len(worker.calls) == pytest.approx(calls, abs=calls // 50)

    run_virtual(promise, patience=100_000)


@virtual
async def test_supervision_can_be_configured_and_switched_off() -> None:
    """max_restarts = 0 stops with the first failed trial; enabled = false never."""
    for settings, calls in (({"max_restarts": 0}, 2), ({"max_restarts": 2, "period": 90}, 4)):
        worker = recorder(down)
        text = breaker(failure_threshold=1) + supervised(**settings)
        async with make(text, a=worker.agent) as runner:
            await crash(runner)
        assert len(worker.calls) == calls
    worker = recorder(down)
    text = breaker(failure_threshold=1) + supervised(enabled="false", max_restarts=0)
    async with make(text, a=worker.agent) as runner:
        for _ in range(50):
            await runner.request(Event("a"))
            await asyncio.sleep(30)
    assert len(worker.calls) == 50


@virtual
async def test_a_new_configuration_says_when_to_stop() -> None:
    """The supervisor goes by what runs; who is stopped stays so."""
    worker = recorder(down)
    text = breaker(failure_threshold=1)
    async with make(text + supervised(enabled="false"), a=worker.agent) as runner:
        for _ in range(20):
            await runner.request(Event("a"))
            await asyncio.sleep(30)
        await runner.apply(config(text + supervised(max_restarts=0)))
        await crash(runner)
        assert len(worker.calls) == 21
        await runner.apply(config(text + supervised(enabled="false")))
        await settle()
        assert runner.counts().held == 1


@pytest.mark.parametrize("mode", ["sequential", "collaborative", "loop", "mixed"])
@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_events_are_held_before_a_stopped_agent_in_every_mode(mode: str, lane: str) -> None:
    """In the middle of an orchestration, with what came before kept; they go on in the end."""
    first, worker = recorder({"first": 1}), recorder(*[down] * 2, {"loop_complete": True})
    text = (
        breaker(failure_threshold=1).replace("0\n", f'0\nmode = "{mode}"\n'
        'sequential_agents = ["first", "a"]\ncollaborative_agents = ["first", "a"]\n'
        'loop_agent = "a"\nfailure_threshold = 0.5\n', 1)
        + supervised(max_restarts=0)
    )  # fmt: skip
    async with make(text, lane, first=first.agent, a=worker.agent) as runner:
        for _ in range(2):
            await runner.emit(Event())
            await asyncio.sleep(30)
        before = runner.counts()
        await runner.emit(Event())
        await runner.join()
        assert runner.counts().held == 1
        runner.resume("a")
        await runner.join()
        assert runner.counts().succeeded == before.succeeded + 1
        assert runner.counts().held == 0


@virtual
async def test_a_retry_of_a_stopped_agent_waits_and_is_not_lost() -> None:
    """The event whose attempt failed last has its others when the agent is resumed."""
    text = (
        "[orchestration]\ntimeout_seconds = 1000\n[error_routing.retry]\njitter = false\n"
        "[error_routing.circuit_breaker]\nfailure_threshold = 1\n" + supervised(max_restarts=0)
    )
    worker = recorder(down, down, {"ok": 1})
    async with make(text, a=worker.agent) as runner:
        waiting = asyncio.create_task(runner.request(Event("a")))
        await asyncio.sleep(100)
        assert runner.counts().held == 1
        await asyncio.sleep(2_000)
        runner.resume("a")
        result = await waiting
    assert result.error is None
    assert len(worker.calls) == 3


class Unready(Agent):
    """An agent that can't be initialized so many times."""

    def __init__(self, fails: int) -> None:
        self.fails = fails
        self.tries = 0

    async def initialize(self) -> None:
        self.tries += 1
        if self.tries <= self.fails:
            raise ConnectionError("down")

    async def run(self, state: State) -> dict[str, int]:
        return {"ok": 1}


@virtual
async def test_an_agent_that_can_never_be_initialized_is_stopped() -> None:
    """Its events are not spent on tries that fail; resumed, it is tried again."""
    agent = Unready(fails=10)
    async with make(NO_RETRY, a=agent) as runner:
        told = heard(runner)
        while not runner.counts().held:
            await runner.emit(Event("a"))
            await asyncio.sleep(10)
        assert agent.tries == 7
        await runner.emit(Event("a"))
        await asyncio.sleep(100)
        assert (agent.tries, runner.counts().held) == (7, 2)
        agent.fails = 0
        runner.resume("a")
        await runner.join()
        assert runner.counts().succeeded == 2
    assert [event.target for event in told] == ["agent.failed", "agent.recovered"]
    assert "initialized" in told[0].data["reason"]


@virtual
async def test_an_agent_that_was_initialized_after_all_begins_to_count_anew() -> None:
    """Four failed tries, then it works; four more after a restart do not make eight."""
    agent = Unready(fails=4)
    runner = make(NO_RETRY, a=agent)
    for _ in range(2):
        agent.tries = 0
        async with runner:
            for _ in range(5):
                result = await runner.request(Event("a"))
                await asyncio.sleep(10)
            assert result.error is None
    assert runner.supervisor.failing() == []


@virtual
async def test_an_agent_that_is_stopped_is_not_initialized_either() -> None:
    """In the middle of a pipeline, too, events wait before it."""
    agent = Unready(fails=100)
    text = NO_RETRY.replace("0\n", '0\nmode = "sequential"\nsequential_agents = ["a"]\n')
    async with make(text + supervised(max_restarts=0), a=agent) as runner:
        assert runner.plan.agents["a"].vitals.stopped
        for _ in range(3):
            await runner.emit(Event())
        await runner.join()
        assert (agent.tries, runner.counts().held) == (1, 3)
        agent.fails = 0
        runner.resume("a")
        await runner.join()
        assert runner.counts().succeeded == 3


@virtual
async def test_tries_to_initialize_that_come_at_once_are_one() -> None:
    """A burst of events at an agent that is not ready yet does not stop it."""
    agent = Unready(fails=20)
    async with make(NO_RETRY, a=agent) as runner:
        for _ in range(19):
            await runner.request(Event("a"))
        assert (await runner.request(Event("a"))).error is None
        assert runner.supervisor.failing() == []


@virtual
async def test_an_agent_that_is_taken_out_while_it_is_stopped_holds_nothing() -> None:
    """Its events end as dead letters, and it counts as failing no more."""
    worker = recorder(down)
    async with make(NO_RETRY, a=worker.agent, b=recorder().agent) as runner:
        told = heard(runner)
        await crash(runner)
        runner.unregister_agent("a")
        await runner.join()
        assert runner.counts().held == 0
        assert runner.supervisor.failing() == []
        worker = recorder({"ok": 1})
        runner.register_agent("a", worker.agent)
        assert (await runner.request(Event("a"))).error is None
    assert [event.target for event in told][-1] == "agent.recovered"


@virtual
async def test_a_stopped_agent_begins_afresh_with_new_code() -> None:
    """A hand-over keeps what an operator paused, not what the supervisor stopped."""
    worker = recorder(down)
    old = make(NO_RETRY, a=worker.agent, b=recorder().agent)
    await old.start()
    await crash(old)
    old.pause("b")
    left = await old.hand_over()
    new = make(NO_RETRY, a=recorder().agent, b=recorder().agent)
    await new.start()
    await new.take_over(left)
    await new.join()
    assert new.counts() == (12, 0, 0, 0, 1, 11)
    assert new.plan.agents["b"].vitals.paused
    await new.stop()


@virtual
async def test_what_a_stopped_agent_held_is_there_after_a_new_start(tmp_path: Path) -> None:
    """A journal keeps its events; the agent begins afresh, one that a person paused does not."""
    text = NO_RETRY + supervised(max_restarts=0)
    old = make(text, a=recorder(down).agent, b=recorder().agent)
    old.journal = Journal(tmp_path / "journal.db", inline=True)
    async with old:
        await crash(old)
        await old.emit(Event("a"))
        await Control(old).execute(Command("pause", {"agent": "b"}))
        await old.join()
        assert old.counts().held == 2
    worker = recorder({"ok": 1})
    new = make(text, a=worker.agent, b=recorder().agent)
    new.journal = Journal(tmp_path / "journal.db", inline=True)
    async with new:
        await new.join()
        assert len(worker.calls) == 2
        assert new.plan.agents["b"].vitals.paused
        assert not new.plan.agents["a"].vitals.paused


# -- who is told -------------------------------------------------------------------------


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_an_open_breaker_is_told_with_the_sessions_it_affects(lane: str) -> None:
    """agent.failed says who, why, since when, and which sessions wait; it is not counted."""
    gate = asyncio.Event()

    async def works(event: Event, state: State) -> None:
        await gate.wait()
        raise ConnectionError("down")

    text = NO_RETRY + "[runtime]\nmax_concurrent_events = 5"
    async with make(text, lane, a=works, b=recorder().agent) as runner:
        told = heard(runner)
        for number in range(12):
            await runner.emit(Event("a", session_id=f"s{number:02}"))
        await runner.emit(Event("b", session_id="elsewhere"))
        await settle()
        gate.set()
        await settle()
        (event,) = told
        wall = runner.dispatcher.clock.time()
        await runner.join()
        assert runner.counts() == (13, 0, 0, 0, 1, 12)
    data = dict(event.data)
    assert (event.target, event.source) == ("agent.failed", "engine")
    assert data["agent"] == "a"
    assert data["failures"] == 5
    assert data["stopped"] is False
    assert data["last_error"] == "ConnectionError: down"
    assert "5 failures" in data["reason"]
    ended = {letter.session_id for letter in list(runner.dead_letters)[:4]}
    assert set(data["sessions"]) == {f"s{number:02}" for number in range(12)} - ended
    assert data["sessions_affected"] == 8
    assert data["sessions_complete"] is True
    assert data["since"].startswith("2026-01-01T00:00:00")
    assert wall >= 0
    assert Event.from_dict(event.to_dict()) == event
    (line,) = lines(runner, "has failed")
    assert "sessions affected: 8" in line


@virtual
async def test_sessions_are_named_up_to_a_limit_and_counted() -> None:
    """Fifty names, the true number; and at least so many where the queue is too long."""
    text = breaker(failure_threshold=1) + "[runtime]\nqueue_size = 10000\nmax_concurrent_events = 1"
    for count in (300, 5_000):
        async with make(text, a=recorder(down).agent) as runner:
            told = heard(runner)
            for number in range(count):
                await runner.emit(Event("a", session_id=f"s{number}"))
            await asyncio.sleep(0)
            loop().each_turn(lambda: None)
            await runner.join()
        (event,) = told
        assert len(event.data["sessions"]) == 50
        if count == 300:
            assert event.data["sessions_complete"]
            assert event.data["sessions_affected"] == 300
        else:
            assert not event.data["sessions_complete"]
            assert event.data["sessions_affected"] == 1 + 2_000
            assert "at least" in lines(runner, "has failed")[0]


@virtual
async def test_the_sessions_of_a_stopped_agent_can_be_asked_for() -> None:
    """Held at the gate, held before they began, and waiting for a retry."""
    worker = recorder(down)
    async with make(NO_RETRY, a=worker.agent, b=recorder().agent) as runner:
        await crash(runner)
        await runner.emit(Event("a", session_id="held"))
        await runner.emit(Event("a", session_id="held"))
        gated = Event("", {}, {"orchestration_override": "sequential"}, session_id="gated")
        await runner.emit(gated)
        await runner.join()
        affected = runner.supervisor.affected("a")
        assert set(affected.sessions) > {"held", "gated"}
        assert (affected.total, affected.complete) == (3, True)
        assert runner.supervisor.affected("b").total == 0
        assert runner.supervisor.affected("nobody").total == 0


@virtual
async def test_what_a_subscriber_does_is_not_the_failing_agents_doing() -> None:
    """It may raise, resume, emit and await: the run that failed is not touched."""
    worker = recorder(*[down] * 2, {"ok": 1})
    text = breaker(failure_threshold=1) + supervised(max_restarts=0)
    async with make(text, a=worker.agent, b=recorder().agent) as runner:
        results: list[Any] = []

        def raises(event: Event) -> None:
            raise ValueError("subscriber")

        async def helps(event: Event) -> None:
            if event.data["stopped"]:
                results.append(await runner.request(Event("b")))
                runner.resume("a")

        runner.subscribe("agent.failed", raises)
        runner.subscribe("agent.failed", helps)
        await runner.request(Event("a"))
        await asyncio.sleep(30)
        await runner.request(Event("a"))
        assert (await runner.request(Event("a"))).error is None
    assert [result.error for result in results] == [None]
    assert len(lines(runner, "ValueError: subscriber")) == 2


@virtual
async def test_a_subscriber_is_told_outside_of_any_handler() -> None:
    """Not as part of what happens to run when it hears of it."""
    inside: list[object] = []

    async def waits(event: Event, state: State) -> None:
        await asyncio.sleep(1)

    text = breaker(failure_threshold=1) + "[runtime]\nmax_concurrent_events = 1\n"
    async with make(text, a=recorder(down).agent, b=waits) as runner:
        runner.subscribe(
            "agent.failed", lambda _: inside.append(runner.dispatcher.execution_here())
        )
        await runner.emit(Event("a"))
        await runner.emit(Event("b"))
        await runner.join()
    assert inside == [None]


# -- left behind -------------------------------------------------------------------------

DEAF = "[orchestration]\nretry_attempts = 0\ntimeout_seconds = 2\n"


class Deaf:
    """A handler that ignores every cancellation while ``deaf``, until ``over``."""

    def __init__(self) -> None:
        self.deaf = True
        self.over = False
        self.calls = 0

    async def agent(self, event: Event, state: State) -> None:
        self.calls += 1
        while self.deaf and not self.over:
            try:
                await asyncio.sleep(600)
            except asyncio.CancelledError:
                continue

    async def end(self) -> None:
        """Let what was left behind end."""
        self.over = True
        await asyncio.sleep(1_000)


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_a_handler_that_is_left_behind_is_told_and_counted(lane: str) -> None:
    """As the agent's failure: in its meter, its breaker, the log, and agent.failed."""
    deaf = Deaf()
    async with make(DEAF, lane, a=deaf.agent) as runner:
        told = heard(runner)
        result = await runner.request(Event("a", session_id="s"))
        assert isinstance(result.error, TimeoutError)
        await settle()
        vitals = runner.plan.agents["a"].vitals
        assert (vitals.meter.abandoned, vitals.meter.errors) == (1, 1)
        assert vitals.meter.latency.count == 1
        assert vitals.breaker.failures == 1
        assert runner.dead_letters[0].attempts == 1
        assert len(lines(runner, "'a' has failed: its handler ignores its cancellation")) == 1
        deaf.deaf = False
        assert (await runner.request(Event("a"))).error is None
        await settle()
        assert [event.target for event in told] == ["agent.failed", "agent.recovered"]
        assert runner.supervisor.failing() == []
        await deaf.end()
        assert runner.counts() == (2, 0, 0, 0, 1, 1)


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_handlers_left_behind_in_a_row_stop_the_agent(lane: str) -> None:
    """More than max_restarts of them, one after the other: it would leak for ever."""
    deaf = Deaf()
    text = DEAF + "[error_routing.circuit_breaker]\nfailure_threshold = 1000\n"
    async with make(text, lane, a=deaf.agent) as runner:
        told = heard(runner)
        for _ in range(6):
            await runner.request(Event("a"))
        await runner.emit(Event("a"))
        await runner.join()
        assert runner.counts().held == 1
        assert deaf.calls == 6
        assert [event.data["stopped"] for event in told] == [False] * 5 + [True]
        assert "6 times in a row" in told[-1].data["reason"]
        deaf.deaf = False
        runner.resume("a")
        await runner.join()
        assert runner.counts().succeeded == 1
        await deaf.end()


@virtual
async def test_a_run_that_works_in_between_ends_the_row() -> None:
    """Five left behind, a success, five more: not stopped."""
    deaf = Deaf()
    text = DEAF + "[error_routing.circuit_breaker]\nfailure_threshold = 1000\n"
    async with make(text, a=deaf.agent) as runner:
        for _ in range(3):
            deaf.deaf = True
            for _ in range(5):
                await runner.request(Event("a"))
            deaf.deaf = False
            await runner.request(Event("a"))
        assert runner.supervisor.failing() == []
        assert runner.plan.agents["a"].vitals.meter.abandoned == 15
        await deaf.end()


@virtual
async def test_those_left_behind_side_by_side_are_one_of_the_row_but_all_are_counted() -> None:
    """Ten at once do not stop the agent; a heap of them that never end does."""
    deaf = Deaf()
    text = DEAF + (
        "[error_routing.circuit_breaker]\nfailure_threshold = 1000\n"
        "[runtime]\nmax_concurrent_events = 100\n"
    )
    async with make(text, a=deaf.agent) as runner:
        for _ in range(10):
            await runner.emit(Event("a"))
        await runner.join()
        vitals = runner.plan.agents["a"].vitals
        assert (vitals.meter.abandoned, vitals.stopped) == (10, "")
        for _ in range(MOST_LEFT_BEHIND - 9):
            await runner.emit(Event("a"))
        await runner.join()
        assert "never ended" in vitals.stopped
        await deaf.end()
        assert (await asyncio.wait_for(resumed(runner), 10)).error is None


async def resumed(runner: Runner) -> Any:
    """The outcome of an event after agent a was resumed."""
    runner.resume("a")
    return await runner.request(Event("a"))


@virtual
async def test_a_trial_that_is_left_behind_does_not_block_the_breaker() -> None:
    """It is a failed trial; after the next cool-down others get through."""
    deaf = Deaf()
    text = DEAF + "[error_routing.circuit_breaker]\nfailure_threshold = 1\ntimeout = 10\n"
    async with make(text, a=deaf.agent) as runner:
        for _ in range(4):
            await runner.request(Event("a"))
            await asyncio.sleep(10)
        deaf.deaf = False
        for _ in range(3):
            assert (await runner.request(Event("a"))).error is None
        assert runner.plan.agents["a"].vitals.breaker.state == "closed"
        await deaf.end()


@virtual
async def test_a_trial_whose_time_was_up_before_it_began_does_not_block_the_breaker() -> None:
    """Events that have no time left say nothing of the agent."""
    worker = recorder(down, {"ok": 1})
    async with make(breaker(failure_threshold=1), a=worker.agent) as runner:
        await runner.request(Event("a"))
        await asyncio.sleep(30)
        for _ in range(5):
            result = await runner.request(Event("a", {}, {"timeout": "0"}))
            assert isinstance(result.error, TimeoutError)
            assert not isinstance(result.error, (CircuitOpen, DeadlineExceeded))
        assert (await runner.request(Event("a"))).error is None


@virtual
async def test_who_asked_a_deaf_agent_is_not_the_one_that_failed() -> None:
    """Its run ends with that of the other one, and its breaker knows nothing of it."""
    deaf = Deaf()

    async def asks(event: Event, state: State, context: Any) -> None:
        await context.request(Event("deaf"))

    async with make(DEAF, asks=asks, deaf=deaf.agent) as runner:
        told = heard(runner)
        await runner.request(Event("asks"))
        await settle()
        assert [event.data["agent"] for event in told] == ["deaf"]
        assert runner.plan.agents["asks"].vitals.breaker.failures == 0
        await deaf.end()


# -- plain handlers ----------------------------------------------------------------------


async def turns(count: int = 5) -> None:
    """Let the loop go round, while threads are at work: no timer overtakes those."""
    for _ in range(count):
        await asyncio.sleep(0)


async def until(holds: Callable[[], bool]) -> None:
    """Let threads go on until ``holds``."""
    for _ in range(2_000):
        if holds():
            return
        await asyncio.to_thread(lambda: None)
    raise AssertionError("it never came to that")


@virtual
async def test_plain_handlers_that_never_return_hold_up_nobody_else() -> None:
    """Their threads are left to them and replaced; they are counted, and that is said."""
    release = threading.Event()

    def blocks(event: Event, state: State) -> None:
        release.wait(20)

    text = DEAF + (
        "[runtime]\nmax_concurrent_events = 40\n"
        "[error_routing.circuit_breaker]\nfailure_threshold = 1000\n"
    )
    async with make(text, a=blocks, b=lambda event, state: {"ok": 1}) as runner:
        told = heard(runner)
        for _ in range(40):
            await runner.emit(Event("a"))
        await turns()
        loop().advance(2)
        await until(lambda: runner.counts().dead == 40)
        result = await asyncio.wait_for(runner.request(Event("b")), 100)
        assert result.error is None
        await asyncio.sleep(6)
        vitals = runner.plan.agents["a"].vitals
        assert vitals.meter.abandoned == 32
        assert told[0].data["agent"] == "a"
        assert "left behind in its thread" in told[0].data["reason"]
        release.set()
        await until(lambda: runner.supervisor._watched["a"].left_behind == 0)
        assert (await runner.request(Event("a"))).error is None


@virtual
async def test_plain_handlers_left_behind_in_a_row_stop_the_agent() -> None:
    """As those do that ignore their cancellation."""
    release = threading.Event()

    def blocks(event: Event, state: State) -> None:
        release.wait(20)

    text = DEAF + "[error_routing.circuit_breaker]\nfailure_threshold = 1000\n"
    async with make(text, a=blocks) as runner:
        for number in range(6):
            await runner.emit(Event("a"))
            await turns()
            loop().advance(2)
            await until(lambda number=number: runner.counts().dead == number + 1)  # type: ignore[misc]
            await asyncio.sleep(10)
        assert "6 times in a row" in runner.plan.agents["a"].vitals.stopped
        release.set()


@virtual
async def test_a_plain_handler_that_returns_late_is_not_left_behind() -> None:
    """Within the grace after its time was up it is only late."""
    release = threading.Event()

    def blocks(event: Event, state: State) -> None:
        release.wait(20)

    async with make(DEAF, a=blocks) as runner:
        told = heard(runner)
        await runner.emit(Event("a"))
        await turns()
        loop().advance(2)
        release.set()
        await until(lambda: runner.counts().dead == 1)
        await until(lambda: not runner._threads._left)
        await asyncio.sleep(10)
        assert told == []
        assert runner.plan.agents["a"].vitals.meter.abandoned == 0


@virtual
async def test_an_agent_that_works_again_before_its_thread_is_given_up_has_recovered() -> None:
    """That a handler was left behind is told all the same."""
    release = threading.Event()

    def blocks(event: Event, state: State) -> None:
        if event.data:
            release.wait(20)

    async with make(DEAF, a=blocks) as runner:
        told = heard(runner)
        await runner.emit(Event("a", {"block": True}))
        await turns()
        loop().advance(2)
        await until(lambda: runner.counts().dead == 1)
        assert (await runner.request(Event("a"))).error is None
        await asyncio.sleep(10)
        assert [event.target for event in told] == ["agent.failed", "agent.recovered"]
        assert runner.supervisor.failing() == []
        release.set()


@virtual
async def test_a_want_of_threads_is_said_once() -> None:
    """When all threads are taken, replacements too, and somebody waits for one."""
    release = threading.Event()
    said: list[str] = []
    threads = Threads(limit=2, spare=1)
    threads.watch(lambda agent: None, lambda agent: None, lambda level, text: said.append(text))

    async def blocked() -> None:
        await threads.run(release.wait, 20)

    tasks = [asyncio.create_task(blocked()) for _ in range(3)]
    await settle_threads(threads, 2)
    tasks[0].cancel()  # its thread is left to it, and a third one takes its place
    await settle_threads(threads, 3)
    waiting = [asyncio.create_task(blocked()) for _ in range(3)]
    for _ in range(3):
        await turns()
        loop().advance(30)
        await turns()
    assert len(said) == 1
    assert "all 3 are taken" in said[0]
    release.set()
    await asyncio.gather(*tasks[1:], *waiting)
    await until(lambda: not threads._left)
    assert await threads.run(lambda: 42) == 42
    assert threads._started == 2
    threads.close()


async def settle_threads(threads: Threads, count: int) -> None:
    """Wait until so many threads have begun."""
    await until(lambda: sum(job.began for job in threads._at_work | threads._left) == count)

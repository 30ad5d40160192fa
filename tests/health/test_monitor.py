"""The monitor on a real engine: what it sees is what is there."""

from __future__ import annotations

import asyncio
import threading
import time

import msgspec
import pytest

from agentflow import Event, Runner
from agentflow.control import Control
from agentflow.errors import QueueFull
from agentflow.state import State
from agentflow.telemetry.health import Check, Health
from agentflow.telemetry.snapshot import Cursor
from agentflow.testing import recorder
from engine.support import make, settle, virtual


async def hang(event: Event, state: State) -> None:
    """Wait for what never comes."""
    await asyncio.get_running_loop().create_future()


async def sleeper(event: Event, state: State) -> None:
    """Take as long as the event says."""
    await asyncio.sleep(event.data.get("seconds", 0.05))


def report_of(runner: Runner) -> Health:
    """The last report."""
    report = runner.health.report
    assert report is not None
    return report


def check_of(runner: Runner, name: str) -> Check:
    """A check of the last report."""
    return next(check for check in report_of(runner).checks if check.name == name)


def lines_of(runner: Runner, beginning: str) -> list[str]:
    """What the log has from the engine that begins like that."""
    return [row.text for row in runner.telemetry.lines.items if row.text.startswith(beginning)]


@virtual
async def test_an_engine_reports_once_a_second() -> None:
    """Nothing in the first second, then a report for each, without anybody asking."""
    async with make(a=recorder().agent) as runner:
        assert Control(runner).health() is None
        times = []
        for _ in range(3):
            await asyncio.sleep(1.001)
            times.append(report_of(runner).time)
        assert [round(later - times[0]) for later in times] == [0, 1, 2]
        assert report_of(runner).status == "ok"
        assert Control(runner).health() is report_of(runner)


@virtual
async def test_a_snapshot_has_a_report_only_when_it_is_new() -> None:
    """Twenty frames a second carry one report."""
    async with make(a=recorder().agent) as runner:
        control = Control(runner)
        assert control.snapshot(Cursor()).health is None
        await asyncio.sleep(1.5)
        health = control.snapshot(Cursor()).health
        assert health is not None
        assert control.snapshot(Cursor(health=health.time)).health is None
        await asyncio.sleep(1.0)
        newer = control.snapshot(Cursor(health=health.time)).health
        assert newer is not None
        assert newer.time > health.time


@virtual
async def test_a_full_queue_is_seen() -> None:
    """As it is: what waits, of what may, and since when."""
    text = "[runtime]\nqueue_size = 10\nmax_concurrent_events = 1\n"
    async with make(text, a=hang) as runner:
        for _ in range(10):
            await runner.emit(Event("a"))
        await asyncio.sleep(5.5)
        check = check_of(runner, "queue")
        assert (check.status, check.value) == ("degraded", "90 % full")
        assert check.detail == "9 of 10 wait, the oldest for 5.0s"
        await runner.stop(drain=False)


@virtual
async def test_pauses_and_open_breakers_are_named() -> None:
    """The agents that don't work, and what they hold."""
    text = "[orchestration]\nretry_attempts = 0\n[error_routing.circuit_breaker]\n"
    text += "failure_threshold = 2\n"
    async with make(text, good=recorder().agent, bad=recorder(ValueError("x")).agent) as runner:
        await asyncio.sleep(1.1)  # failures count from the first report on
        for _ in range(3):
            await runner.request(Event("bad"))
        runner.pause("good")
        await runner.emit(Event("good"))
        await asyncio.sleep(1.1)
        assert check_of(runner, "breakers").value == "1 open"
        assert "bad" in check_of(runner, "breakers").detail
        assert check_of(runner, "agents").value == "1 paused"
        assert "good" in check_of(runner, "agents").recommendation
        assert check_of(runner, "errors").value == "100 %"
        runner.resume("good")


@virtual
async def test_a_stuck_session_is_told_with_its_agent() -> None:
    """Once it is open ten times as long as the p99 of its mode; held ones never are."""
    async with make(a=sleeper, b=recorder().agent) as runner:
        for _ in range(30):
            await runner.request(Event("a"))
        runner.pause("b")
        await runner.emit(Event("b", session_id="held"))
        await runner.emit(Event("a", {"seconds": 40}, session_id="s-41"))
        await asyncio.sleep(9)
        assert check_of(runner, "sessions").value == "moving"
        await asyncio.sleep(3)
        assert check_of(runner, "sessions").value == "1 stuck"
        assert check_of(runner, "handlers").value == "1 blocked"
        (anomaly,) = report_of(runner).anomalies
        assert (anomaly.kind, anomaly.session, anomaly.agent) == ("stuck session", "s-41", "a")
        alerts = Control(runner).snapshot(Cursor()).alerts
        assert alerts[0].startswith("stuck session: session s-41 has been open for ")
        await asyncio.sleep(45)
        assert report_of(runner).anomalies == []
        assert check_of(runner, "handlers").value == "working"
        assert len(lines_of(runner, "stuck session")) == 1
        assert len(lines_of(runner, "over after")) == 1
        runner.resume("b")


@virtual
async def test_retries_are_seen_and_waiting_for_one_is_not_stuck() -> None:
    """Backing off for a minute is slow on purpose."""
    text = "[orchestration]\ntimeout_seconds = 600\n[error_routing.retry]\n"
    text += "initial_delay = 60\nmax_delay = 60\njitter = false\n"
    async with make(text, a=recorder(*[ConnectionError("x")] * 4, {"y": 1}).agent) as runner:
        for _ in range(4):
            await runner.emit(Event("a"))
        await asyncio.sleep(50)
        assert [row.state for row in Control(runner).snapshot(Cursor()).live] == ["retrying"] * 4
        assert check_of(runner, "sessions").value == "moving"
        assert check_of(runner, "handlers").value == "working"
        await runner.join()
        await asyncio.sleep(1.1)


@virtual
async def test_a_run_begins_anew_after_it_has_waited() -> None:
    """A quick second attempt after a long wait is not a run that takes long."""
    text = "[orchestration]\ntimeout_seconds = 600\n[error_routing.retry]\n"
    text += "initial_delay = 60\nmax_delay = 60\njitter = false\n"
    outputs = [ConnectionError("x"), lambda event, state: asyncio.sleep(8)]
    async with make(text, a=recorder(*outputs).agent) as runner:
        await runner.emit(Event("a"))
        await asyncio.sleep(67)
        assert [row.state for row in Control(runner).snapshot(Cursor()).live] == ["running"]
        assert check_of(runner, "handlers").value == "working"
        assert check_of(runner, "sessions").value == "moving"
        await runner.join()


@virtual
async def test_one_that_waits_beside_one_that_runs_is_not_blocked() -> None:
    """In parallel, only what really runs is looked at."""
    text = "[orchestration]\nmode = 'collaborative'\ntimeout_seconds = 600\n"
    text += "[error_routing.retry]\ninitial_delay = 120\nmax_delay = 120\njitter = false\n"
    waits = recorder(ConnectionError("x"), {"y": 1})
    async with make(text, runs=hang, waits=waits.agent) as runner:
        await runner.emit(Event())
        await asyncio.sleep(70)
        assert check_of(runner, "handlers").value == "1 blocked"
        assert check_of(runner, "handlers").detail.startswith("runs for ")
        await runner.stop(drain=False)


@virtual
async def test_events_that_need_retries_are_counted() -> None:
    """One attempt in vain for each event that ended."""
    text = "[orchestration]\nretry_attempts = 1\n"
    outputs = [output for _ in range(6) for output in (ConnectionError("x"), {"y": 1})]
    async with make(text, a=recorder(*outputs).agent) as runner:
        for _ in range(6):
            await runner.request(Event("a"))
        await asyncio.sleep(1.1)
        check = check_of(runner, "retries")
        assert (check.status, check.number) == ("critical", 100.0)


@virtual
async def test_a_burst_of_failures_is_told_with_the_agent() -> None:
    """After minutes of success everything at one agent fails."""
    failing: list[bool] = []

    async def sometimes(event: Event, state: State) -> None:
        if failing:
            raise ValueError("broken")

    text = "[orchestration]\nretry_attempts = 0\n"
    async with make(text, a=sometimes, b=recorder().agent) as runner:
        for second in range(120):
            if second == 90:
                failing.append(True)
            for _ in range(3):
                await runner.emit(Event("a"))
                await runner.emit(Event("b"))
            await asyncio.sleep(1)
        (burst,) = report_of(runner).anomalies
        assert (burst.kind, burst.agent) == ("error burst", "a")
        assert "a" in check_of(runner, "errors").detail
        assert len(lines_of(runner, "error burst")) == 1


@virtual
async def test_an_agent_that_lets_the_loop_hang_shows_as_lag() -> None:
    """As the time that the loop was late."""
    async with make(a=recorder().agent) as runner:
        await asyncio.sleep(2.5)
        runner.dispatcher.clock.advance(3.0)
        await asyncio.sleep(0.1)
        assert check_of(runner, "loop lag").status == "critical"
        assert check_of(runner, "loop lag").number == pytest.approx(2.5, abs=0.6)


async def test_handlers_that_wait_for_a_thread_are_counted() -> None:
    """When every thread of the pool is at work, the rest waits, and the report says so."""
    go_on = threading.Event()
    begun = threading.Semaphore(0)

    def block(event: Event, state: State) -> None:
        begun.release()
        go_on.wait(10)

    runner = make_real("[runtime]\nmax_concurrent_events = 40\n", block)
    async with runner:
        for _ in range(36):
            await runner.emit(Event("a"))
        for _ in range(32):
            await asyncio.to_thread(begun.acquire)
        runner.heartbeat.beat()
        assert check_of(runner, "threads").value == "4 handlers wait"
        go_on.set()


def make_real(text: str, handler: object) -> Runner:
    """A runner in real time with one agent, a."""
    from agentflow import Config

    runner = Runner(Config.from_toml(text, environ={}))
    runner.register_agent("a", handler)
    return runner


@virtual
async def test_hostile_names_become_plain_data() -> None:
    """Whatever a session or an agent is called, the report can be encoded, and stays small."""
    name = "\x1b]52;c;aGk=\x07[/INST]\udc80" + "x" * 10_000
    async with make("[orchestration]\ntimeout_seconds = 600\n", **{name: hang}) as runner:
        await runner.emit(Event(name, session_id=name))
        await asyncio.sleep(0.1)
        runner.pause(name)
        await asyncio.sleep(70)
        health = report_of(runner)
        assert health.anomalies
        body = msgspec.msgpack.encode(Control(runner).snapshot(Cursor()))
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(health), type=Health) == health
        assert all("\udc80" not in text for text in Control(runner).snapshot(Cursor()).alerts)
        assert len(msgspec.msgpack.encode(health)) < 10_000
        assert body
        await runner.stop(drain=False)


async def test_a_report_costs_less_than_a_millisecond() -> None:
    """With ten thousand agents and a full ring; nothing is paid for each event."""
    runner = make_real("[runtime]\nqueue_size = 100000\n", recorder().agent)
    for number in range(10_000):
        runner.register_agent(f"a{number}", recorder().agent)
    async with runner:
        for number in range(12_000):
            await runner.emit(Event(f"a{number % 10_000}"))
        await runner.join()
        costs = []
        for _ in range(80):
            before = time.thread_time()
            runner.health.tick(runner, 0)
            costs.append(time.thread_time() - before)
        assert sorted(costs)[len(costs) // 2] < 0.001


@virtual
async def test_refused_events_are_seen() -> None:
    """A full queue is critical as soon as it has turned somebody away."""
    text = "[runtime]\nqueue_size = 2\nmax_concurrent_events = 1\n"
    async with make(text, a=hang) as runner:
        await asyncio.sleep(1.1)
        for _ in range(3):
            await runner.emit(Event("a"))
            await settle()
        with pytest.raises(QueueFull):
            await runner.emit(Event("a"))
        await asyncio.sleep(1.1)
        assert check_of(runner, "queue").value == "full, 1 refused"
        alerts = Control(runner).snapshot(Cursor()).alerts
        assert [alert for alert in alerts if "queue" in alert] == alerts[:1]
        await runner.stop(drain=False)


@virtual
async def test_what_the_host_has_to_say_is_an_alert_for_a_while() -> None:
    """Below what is critical, above the rest."""
    async with make(a=recorder().agent) as runner:
        runner.notice("12 events were recovered", 5.0)
        assert Control(runner).snapshot(Cursor()).alerts == ["12 events were recovered"]
        await asyncio.sleep(6)
        assert Control(runner).snapshot(Cursor()).alerts == []


@virtual
async def test_an_agent_that_its_supervisor_stopped_is_named_with_the_reason() -> None:
    """It is not taken for one that an operator has paused."""
    async with make(a=recorder().agent, b=recorder().agent) as runner:
        runner.pause("b")
        runner.plan.agents["a"].vitals.stopped = "failed 6 times in 10 minutes"
        runner.pause("a")
        await asyncio.sleep(1.1)
        check = check_of(runner, "agents")
        assert (check.status, check.value) == ("degraded", "1 stopped")
        assert check.detail == "a: failed 6 times in 10 minutes"
        snapshot = Control(runner).snapshot(Cursor())
        assert [row.state for row in snapshot.agents or ()] == ["stopped", "paused"]
        assert "a: failed 6 times in 10 minutes" in snapshot.alerts[0]

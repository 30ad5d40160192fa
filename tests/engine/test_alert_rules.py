"""Alert rules on a running engine: raised once, cleared once, told where people look."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec

from agentflow import Config, Event, Runner
from agentflow.control import Control
from agentflow.telemetry.snapshot import AlertRow, Cursor, Snapshot
from agentflow.testing import VirtualClock, run_virtual

SLOW = """
[[console.alerts]]
name = "slow worker"
metric = "agent.worker.p95"
above = "500ms"
for = "5s"
severity = "critical"
"""

FAILS = """
[[console.alerts]]
name = "fails"
filter = "state:dead agent:worker"
count = 3
within = "20s"
"""

PATIENT = """
[error_routing]
retry = { max_retries = 0 }
circuit_breaker = { failure_threshold = 1000 }
"""


class Engine:
    """A runner under virtual time, with a worker that takes as long as it is told."""

    def __init__(self, alerts: str, *, read_only: bool = False) -> None:
        self.takes = 0.01
        self.fails = False
        self.runner = Runner(Config.from_toml(PATIENT + alerts, environ={}), clock=VirtualClock())
        self.runner.register_agent("worker", self._work)
        self.control = Control(self.runner, read_only=read_only)

    async def _work(self, event: Event, state: Any) -> None:
        await asyncio.sleep(self.takes)
        if self.fails:
            raise ValueError("no")

    async def run(self, seconds: int, *, events: bool = True) -> None:
        """Let so many seconds go by, with an event in each."""
        for _ in range(seconds):
            if events:
                await self.runner.emit(Event("worker"))
            await asyncio.sleep(1)

    @property
    def snapshot(self) -> Snapshot:
        return self.control.snapshot(Cursor())

    @property
    def row(self) -> AlertRow:
        return self.snapshot.alert_rules[0]

    @property
    def log(self) -> list[str]:
        """What the alerts have said."""
        return [line.text for line in self.snapshot.log if line.source == "alerts"]


def test_a_slow_agent_is_raised_once_and_cleared_once() -> None:
    """Only after it lasted; with since, value and limit in the alert line; then ok again."""

    async def promise() -> None:
        engine = Engine(SLOW)
        async with engine.runner:
            await engine.run(12)
            assert (engine.row.state, engine.row.transitions) == ("ok", 0)
            engine.takes = 0.8
            await engine.run(3)
            assert engine.row.state == "pending"
            await engine.run(15)
            row = engine.row
            assert (row.state, row.transitions) == ("firing", 1)
            (alert,) = [text for text in engine.snapshot.alerts if "slow worker" in text]
            assert alert.startswith("slow worker: agent.worker.p95 8")
            assert "ms, above 500ms for 5s, since " in alert
            assert engine.snapshot.alerts[0] == alert  # critical is said first
            engine.takes = 0.01
            await engine.run(13)
            assert ", well again since " in engine.row.sentence
            await engine.run(20)
            assert (engine.row.state, engine.row.transitions) == ("ok", 2)
            assert not any("slow worker" in text for text in engine.snapshot.alerts)
            assert len(engine.log) == 2
            assert engine.log[1].startswith("slow worker: ok again")

    run_virtual(promise)


def test_percentiles_are_of_the_last_seconds_and_not_of_a_life() -> None:
    """A thousand quick runs before don't hide that it is slow now."""

    async def promise() -> None:
        engine = Engine(SLOW)
        async with engine.runner:
            for _ in range(1000):
                await engine.runner.emit(Event("worker"))
            await engine.run(15)
            engine.takes = 0.8
            await engine.run(20)
            assert engine.row.state == "firing"

    run_virtual(promise)


def test_failures_count_within_their_time() -> None:
    """Three within twenty seconds raise it; when they are long ago it is cleared."""

    async def promise() -> None:
        engine = Engine(FAILS)
        async with engine.runner:
            engine.fails = True
            await engine.run(2)
            await engine.run(2, events=False)
            assert (engine.row.state, engine.row.value) == ("ok", "2")
            await engine.run(2)
            assert engine.row.state == "firing"
            engine.fails = False
            await engine.run(40)
            assert (engine.row.state, engine.row.value, engine.row.transitions) == ("ok", "0", 2)

    run_virtual(promise)


def test_a_saved_rule_takes_effect_and_the_others_stay_as_they_stand() -> None:
    """What changed is looked at anew; what did not is neither raised again nor forgotten."""

    async def promise() -> None:
        engine = Engine(FAILS)
        async with engine.runner:
            engine.fails = True
            await engine.run(5)
            assert engine.row.transitions == 1
            config = engine.runner.config
            await engine.runner.apply(config.with_text(f"{PATIENT}{FAILS}bell = true\n{SLOW}"))
            await engine.run(3)
            first, second = engine.snapshot.alert_rules
            assert (first.state, first.transitions, first.bell) == ("firing", 1, True)
            assert second.name == "slow worker"
            await engine.runner.apply(config.with_text("[runtime]\nqueue_size = 7\n"))
            await engine.run(2)
            assert engine.snapshot.alert_rules == []
            assert engine.log[-1] == "fails: the rule is no longer in the file"

    run_virtual(promise)


def test_an_engine_that_takes_over_raises_nothing_again() -> None:
    """How a rule stands crosses to the next engine as plain data."""

    async def promise() -> None:
        engine = Engine(FAILS + SLOW)
        async with engine.runner:
            engine.fails = True
            await engine.run(5)
            before = engine.snapshot.alert_rules
            packed = msgspec.msgpack.decode(
                msgspec.msgpack.encode(engine.control.alert_rules.pack())
            )
        after = Engine(FAILS + SLOW)
        async with after.runner:
            after.control.alert_rules.unpack(packed)
            await after.run(3)
            first, second = after.snapshot.alert_rules
            assert (first.state, first.transitions, after.log) == ("firing", 1, [])
            assert round(first.since) == round(before[0].since)
            assert (second.state, second.since) == ("ok", 0.0)
            await after.run(40)
            assert after.row.transitions == 2

    run_virtual(promise)


def test_every_metric_can_be_read_of_a_running_engine() -> None:
    """No name that the file may have is without a value, once there is something to tell."""
    from agentflow.config.metric_names import PARTS, SYSTEM

    names = [name for name in SYSTEM if not name.startswith("journal.")]
    names += [f"agent.worker.{what}" for what in PARTS["agent"]]
    names += [f"mode.route.{what}" for what in PARTS["mode"]]
    rules = "".join(
        f'[[console.alerts]]\nname = "{name}"\nmetric = "{name}"\nabove = 0\n' for name in names
    )

    async def promise() -> None:
        engine = Engine(rules)
        async with engine.runner:
            await engine.run(15)
            rows = engine.snapshot.alert_rules
            assert {row.watches: row.value for row in rows if not row.value} == {}
            values = {row.watches: row.value for row in rows}
            assert values["agent.worker.rate"] == "1/s"
            assert values["agent.worker.error_rate"] == "0.0%"
            assert values["agent.worker.count"] == "15"
            assert values["health"] == "100"

    run_virtual(promise)


def test_a_read_only_console_raises_alerts_and_runs_no_command(tmp_path: Path) -> None:
    """It changes nothing, outside as little as inside; and it says so once."""
    made = tmp_path / "made"
    alerts = f'{FAILS}run = "touch {made}"\n'

    async def promise() -> None:
        engine = Engine(alerts, read_only=True)
        async with engine.runner:
            engine.fails = True
            await engine.run(6)
            engine.fails = False
            await engine.run(40)
            assert engine.row.transitions == 2
            assert engine.log.count("read-only: the commands of alerts are not run") == 1

    run_virtual(promise)
    assert not made.exists()

"""Facts made by hand, and the second after second of them that a monitor sees."""

from __future__ import annotations

from typing import Any

from agentflow.telemetry.health.facts import Facts
from agentflow.telemetry.health.monitor import HealthMonitor
from agentflow.telemetry.health.report import Check, Health

WALL = 1_800_000_000.0


class Story:
    """A system that lives one second after the other, and what its monitor says of it.

    ``go_on`` lets seconds go by: ``arrive``, ``end`` and ``fail`` are events a second, the
    rest are fields of the facts as they stand then.
    """

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.monitor = HealthMonitor(lambda level, text: self.told.append((level, text)))
        self.now = 1_000.0
        self.accepted = self.ended = self.dead = self.refused = 0

    def go_on(
        self,
        seconds: int = 1,
        *,
        arrive: int = 0,
        end: int | None = None,
        fail: int = 0,
        refuse: int = 0,
        **fields: Any,
    ) -> Health:
        """Let ``seconds`` go by; the report at the end of them."""
        for _ in range(seconds):
            self.now += 1.0
            self.accepted += arrive
            self.ended += arrive if end is None else end
            self.dead += fail
            self.refused += refuse
            values: dict[str, Any] = {
                "now": self.now,
                "time": WALL + self.now,
                "accepted": self.accepted,
                "ended": self.ended,
                "dead": self.dead,
                "refused": self.refused,
                "queue_size": 1_000,
                "slots": 10,
                "agents": 5,
                "memory": 100_000_000,
                "memory_limit": 8_000_000_000,
            }
            report = self.monitor.take(Facts(**{**values, **fields}))
        return report

    def check(self, name: str) -> Check:
        """The check of that name in the last report."""
        report = self.monitor.report
        assert report is not None
        return next(check for check in report.checks if check.name == name)

    @property
    def kinds(self) -> list[str]:
        """The anomalies of the last report, by kind."""
        report = self.monitor.report
        assert report is not None
        return [anomaly.kind for anomaly in report.anomalies]

    def said(self, beginning: str) -> list[str]:
        """What was told for the log and begins like that."""
        return [text for _, text in self.told if text.startswith(beginning)]

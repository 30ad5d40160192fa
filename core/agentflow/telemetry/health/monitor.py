"""HealthMonitor: makes the report, once a second."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import msgspec

from agentflow.telemetry.health import storage
from agentflow.telemetry.health.anomalies import Book, Tell, Watch
from agentflow.telemetry.health.checks import CHECKS, memory
from agentflow.telemetry.health.facts import Facts
from agentflow.telemetry.health.probe import Probe
from agentflow.telemetry.health.report import CRITICAL, OK, RANKS, Check, Health, make_report
from agentflow.telemetry.health.steady import Growth, Steady

if TYPE_CHECKING:
    from agentflow.engine.runner import Runner
    from agentflow.journal import Journal

KEPT_EVERY = 60.0
"""Seconds after which the last report is written to the journal again."""

MINUTE = 61
"""Readings that span a minute."""

TOLD = frozenset(("loop lag", "errors", "retries", "handlers", "threads", "memory", "disk"))
"""Checks whose changes go to the log; of the others the engine or an anomaly speaks."""


class HealthMonitor:
    """Looks at a runner every second. ``report`` is what it found last, None at first.

    ``tell`` is given a level and a sentence, once when something begins to be wrong and
    once when it is over.
    """

    def __init__(self, tell: Tell) -> None:
        self.report: Health | None = None
        self._tell = tell
        self._probe = Probe()
        self._watch = Watch()
        self._book = Book(tell)
        self._growth = Growth()
        self._minute: deque[Facts] = deque(maxlen=MINUTE)
        self._steady: dict[str, Steady] = {}
        self._statuses: dict[str, str] = {}
        self._began = 0.0
        self._kept = 0.0
        self._kept_status = ""
        self._kept_body: Health | None = None

    def tick(self, runner: Runner, waiting_for_thread: int) -> None:
        """Make the report of this second; call it once a second, on the engine's loop."""
        report = self.take(self._probe.look(runner, waiting_for_thread))
        if runner.journal is not None and runner.dispatcher.intake is not None:
            same = report.status == self._kept_status
            if not same or abs(report.time - self._kept) >= KEPT_EVERY:
                self.keep(runner.journal)

    def keep(self, journal: Journal | None) -> None:
        """Leave the last report in the journal, for whoever asks when no engine runs."""
        if journal is None or self.report is None:
            return
        self._kept, self._kept_status = self.report.time, self.report.status
        # A shown number that has moved is worth a write, the time alone is not.
        body = msgspec.structs.replace(self.report, time=0.0)
        if body != self._kept_body:
            self._kept_body = body
            journal.put("health", msgspec.msgpack.encode(self.report))

    def source_ended(self) -> None:
        """Whoever sent events has no more: that fewer come in now is no anomaly."""
        self._watch.source_ended()

    def take(self, facts: Facts) -> Health:
        """Make the report of these facts and what came before them."""
        minute = self._minute
        if not minute:
            self._began = facts.now
        minute.append(facts)
        seen = list(minute)
        checks = [check(seen) for check in CHECKS]
        checks.append(memory(seen, self._growth.feed(facts.memory, facts.now)))
        checks.append(storage.journal(seen, facts.now - self._began))
        if facts.journal is not None:
            checks.append(storage.disk(facts.journal))
        shown = [self._steadied(check) for check in checks]
        anomalies = self._book.take(self._watch.look(seen), facts.time)
        self.report = make_report(facts.time, shown, anomalies, facts.journal)
        return self.report

    def _steadied(self, check: Check) -> Check:
        steady = self._steady.get(check.name)
        if steady is None:
            steady = self._steady[check.name] = Steady()
        shown = steady.take(check)
        before = self._statuses.get(shown.name, OK)
        if shown.status != before:
            self._statuses[shown.name] = shown.status
            if shown.name in TOLD:
                self._tell_change(shown, before)
        return shown

    def _tell_change(self, check: Check, before: str) -> None:
        if check.status == OK:
            self._tell("info", f"{check.name}: ok again, {check.value}")
            return
        if RANKS[check.status] < RANKS[before]:
            return  # better, and said already that it is not well
        level = "error" if check.status == CRITICAL else "warning"
        detail = f" ({check.detail})" if check.detail else ""
        self._tell(level, f"{check.name} {check.value}{detail}. {check.recommendation}")

"""Telemetry: the rings and counters of one runner."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from agentflow.telemetry.metrics import Histogram, Meter, Rate
from agentflow.telemetry.rings import Ring, SharedRing
from agentflow.telemetry.snapshot import AuditRow, LogRow, Point

if TYPE_CHECKING:
    from agentflow.engine.execution import Execution

LOG_CAPACITY = 5_000
AUDIT_CAPACITY = 5_000
POINTS_CAPACITY = 600
TEXT_LIMIT = 2_000


class Telemetry:
    """What a runner has to show: ended events, log lines, operators' actions, a point a second."""

    def __init__(self, trace_capacity: int, wall: Callable[[], float]) -> None:
        """``wall`` gives seconds since the epoch."""
        self._wall = wall
        self.settled: Ring[Execution] = Ring(trace_capacity)
        self.lines: SharedRing[LogRow] = SharedRing(LOG_CAPACITY)
        self.actions: SharedRing[AuditRow] = SharedRing(AUDIT_CAPACITY)
        self.points: Ring[Point] = Ring(POINTS_CAPACITY)
        self.modes: dict[str, Meter] = {}
        self.rate = Rate()
        self._last = (0.0, 0, 0, 0)

    def mode(self, name: str) -> Meter:
        """The meter of an orchestration mode."""
        meter = self.modes.get(name)
        if meter is None:
            meter = self.modes[name] = Meter()
        return meter

    def log(self, level: str, source: str, text: str) -> None:
        """Keep a line that was printed or logged. Any thread may call this."""
        if len(text) > TEXT_LIMIT:
            text = f"{text[:TEXT_LIMIT]}… ({len(text):,} characters)"
        self.lines.number(lambda seq: LogRow(seq, self._wall(), level, source, text))

    def audit(
        self,
        operator: str,
        action: str,
        target: str,
        detail: str,
        outcome: str,
        *,
        why: str = "",
        undid: int = 0,
        change: str = "",
        about: str = "",
    ) -> AuditRow:
        """Keep what an operator did, or tried to do; see ``AuditRow``."""
        return self.actions.number(
            lambda seq: AuditRow(
                seq, self._wall(), operator, action, target, detail, outcome, why, undid, change,
                about,
            )
        )  # fmt: skip

    def go_on_with_audit(self, rows: list[AuditRow]) -> None:
        """Begin with what was on record before, under the numbers that it had."""
        actions = self.actions
        if rows and not actions.total:
            actions.items.extend(rows)
        if rows:
            actions.total = max(actions.total, rows[-1].seq)

    def tick(
        self,
        now: float,
        wall: float,
        *,
        accepted: int,
        settled: int,
        dead: int,
        queued: int,
        held: int,
        running: int,
        lag: float,
    ) -> None:
        """Add the point of the last second. ``now`` is monotonic, the counters are totals."""
        before, accepted_before, settled_before, dead_before = self._last
        elapsed = (now - before) if before else 1.0
        self._last = (now, accepted, settled, dead)
        latencies = Histogram()
        for execution in self.settled.since(settled_before, 2_000)[0]:
            latencies.add(execution.ended - execution.accepted)
        (p95,) = latencies.percentiles(0.95)
        self.points.append(
            Point(
                wall,
                (accepted - accepted_before) / elapsed,
                (settled - settled_before) / elapsed,
                (dead - dead_before) / elapsed,
                queued,
                held,
                running,
                p95,
                lag,
            )
        )

"""Readings: the value of a metric in this second, from what the engine counts anyway.

What a screen shows of an agent's runs is of its whole life. An alert that is to be cleared
again needs what is new: percentiles, rates and shares are of the last ten seconds.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, NamedTuple

from agentflow.config.metric_names import parse
from agentflow.telemetry.health.resources import memory
from agentflow.telemetry.metrics import percentiles_of

if TYPE_CHECKING:
    from agentflow.engine import Runner
    from agentflow.telemetry.metrics import Meter

SPAN = 10
"""Seconds over which percentiles, rates and shares are taken."""

_SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


class _Count(NamedTuple):
    """A meter at one moment."""

    now: float
    runs: int
    errors: int
    total: float
    buckets: list[int]


class Readings:
    """Call ``look`` once a second, then ``value`` for each metric that is wanted."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._counts: dict[tuple[str, str], deque[_Count]] = {}
        self._at_work: Counter[str] | None = None
        self._held: Counter[str] | None = None
        self._dead = (-1, 0)

    def look(self) -> None:
        """Another second has gone by."""
        self._at_work = self._held = None
        for key, counts in list(self._counts.items()):
            meter = self._meter(*key)
            if meter is None:
                del self._counts[key]
            else:
                counts.append(self._count(meter))

    def value(self, metric: str) -> float | None:
        """What it is now; None where there is nothing to tell."""
        of, whose, what = parse(metric)
        if of:
            return self._of_runs(of, whose, what)
        if metric.startswith("journal."):
            return self._journal(what.partition(".")[2])
        return self._system(what)

    # -- the system ------------------------------------------------------------------------

    def _system(self, what: str) -> float | None:
        runner = self._runner
        if what == "memory":
            return memory() or None
        if what == "health":
            report = runner.health.report
            return report.score if report is not None else None
        if what == "dead":
            return self._dead_letters()
        if not runner.telemetry.points.items:
            return None
        point = runner.telemetry.points.items[-1]
        if what == "p95":
            return point.p95 if point.settled else None
        field = {"rate": "settled", "failed_rate": "dead", "queue": "queued"}.get(what, what)
        return float(getattr(point, field))

    def _dead_letters(self) -> float:
        letters = self._runner.dispatcher.dead_letters
        revision, count = self._dead
        if revision != letters.revision:
            count = sum(letter.status == "dead" for letter in letters)
            self._dead = (letters.revision, count)
        return count

    def _journal(self, what: str) -> float | None:
        report = self._runner.health.report
        figures = report.journal if report is not None else None
        return None if figures is None else float(getattr(figures, what))

    # -- agents and modes --------------------------------------------------------------------

    def _of_runs(self, of: str, whose: str, what: str) -> float | None:
        meter = self._meter(of, whose)
        if meter is None:
            return None
        if what == "in_flight":
            return self._running(of)[whose]
        if what == "held":
            return self._holding()[whose]
        if what in ("count", "errors", "retries"):
            return float(meter.latency.count if what == "count" else getattr(meter, what))
        counts = self._counts.get((of, whose))
        if counts is None:
            counts = self._counts[of, whose] = deque([self._count(meter)], maxlen=SPAN + 1)
        first, last = counts[0], counts[-1]
        return _recent(first, last, meter.latency.maximum, what)

    def _meter(self, of: str, whose: str) -> Meter | None:
        if of == "mode":
            return self._runner.telemetry.modes.get(whose)
        agent = self._runner.plan.agents.get(whose)
        return agent.vitals.meter if agent is not None else None

    def _count(self, meter: Meter) -> _Count:
        latency = meter.latency
        buckets = latency.buckets()
        runs = latency.count
        return _Count(
            self._runner.dispatcher.now(), runs, meter.errors, latency.mean * runs, buckets
        )

    def _running(self, of: str) -> Counter[str]:
        dispatcher = self._runner.dispatcher
        if of == "mode":
            return Counter(execution.mode for execution in dispatcher.begun() if execution.started)
        if self._at_work is None:
            self._at_work = Counter(
                agent for guard in dispatcher.guards for agent, _, _ in guard.frames()
            )
        return self._at_work

    def _holding(self) -> Counter[str]:
        if self._held is None:
            begun = self._runner.dispatcher.begun()
            self._held = Counter(one.at for one in begun if one.status == "held")
        return self._held


def _recent(first: _Count, last: _Count, maximum: float, what: str) -> float | None:
    runs = last.runs - first.runs
    if what == "rate":
        return runs / (last.now - first.now) if last.now > first.now else None
    if runs <= 0:
        return None
    if what == "error_rate":
        return (last.errors - first.errors) / runs
    if what == "mean":
        return (last.total - first.total) / runs
    before = first.buckets or [0] * len(last.buckets)
    fresh = [now - then for now, then in zip(last.buckets, before, strict=True)]
    return percentiles_of(fresh, runs, maximum, _SHARES[what])[0]

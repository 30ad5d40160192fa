"""The metrics that an alert may watch, by the names that the screens use, and their units.

queue  held  running  dead  rate  accepted  failed_rate  p95  lag  memory  health
journal.ack_p50  journal.ack_p99  journal.pending  journal.size  journal.free
agent.NAME.p95  (also p50 p99 mean rate errors error_rate held in_flight count retries)
mode.NAME.p95   (also p50 p99 mean rate errors error_rate in_flight count)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from agentflow.config.problems import did_you_mean, nearest

COUNT, RATE, TIME, SHARE, SIZE, SCORE = "", "/s", "s", "%", "bytes", "of 100"

SYSTEM = {
    "queue": COUNT, "held": COUNT, "running": COUNT, "dead": COUNT, "rate": RATE,
    "accepted": RATE, "failed_rate": RATE, "p95": TIME, "lag": TIME, "memory": SIZE,
    "health": SCORE,
    "journal.ack_p50": TIME, "journal.ack_p99": TIME, "journal.pending": COUNT,
    "journal.size": SIZE, "journal.free": SIZE,
}  # fmt: skip

_OF_RUNS = {
    "p50": TIME, "p95": TIME, "p99": TIME, "mean": TIME, "rate": RATE, "errors": COUNT,
    "error_rate": SHARE, "in_flight": COUNT, "count": COUNT,
}  # fmt: skip

PARTS = {"agent": {**_OF_RUNS, "held": COUNT, "retries": COUNT}, "mode": _OF_RUNS}
"""What there is of each agent and each mode."""

_OTHER = {
    "events/s": "rate", "failed/s": "failed_rate", "loop lag": "lag", "loop_lag": "lag",
    "failed rate": "failed_rate", "health score": "health", "health.score": "health",
}  # fmt: skip


class Metric(NamedTuple):
    """A metric's name in parts: ``of`` is "" for the system, "agent" or "mode"."""

    of: str
    whose: str
    what: str


def canonical(name: str) -> str:
    """The name as it is used from here on."""
    plain = name.strip()
    return _OTHER.get(plain.lower(), plain)


def parse(name: str) -> Metric:
    """The parts of a metric's name; an agent's own name may have dots."""
    of, _, rest = name.partition(".")
    whose, _, what = rest.rpartition(".")
    return Metric(of, whose, what) if of in PARTS and whose else Metric("", "", name)


def unit_of(name: str) -> str | None:
    """The unit of a metric; None if there is no such metric."""
    metric = parse(name)
    return PARTS[metric.of].get(metric.what) if metric.of else SYSTEM.get(name)


def suggestion(name: str, agents: Iterable[str], modes: Iterable[str]) -> str:
    """What was probably meant by a name that is none."""
    metric = parse(name)
    if metric.of:
        what = nearest(metric.what, PARTS[metric.of])
        known = ", ".join(PARTS[metric.of])
        return f"did you mean '{metric.of}.{metric.whose}.{what}'?" if what else f"one of {known}"
    names = [*SYSTEM, *_all("agent", agents), *_all("mode", modes)]
    return did_you_mean(name, names) or f"one of {', '.join(SYSTEM)}, agent.NAME.p95, mode.NAME.p95"


def _all(of: str, names: Iterable[str]) -> list[str]:
    return [f"{of}.{name}.{what}" for name in names for what in PARTS[of]]

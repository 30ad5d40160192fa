"""The report: checks, anomalies and a score, as plain data."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

OK, NOTICE, DEGRADED, CRITICAL = "ok", "notice", "degraded", "critical"

RANKS = {OK: 0, NOTICE: 1, DEGRADED: 2, CRITICAL: 3}
"""How bad each status is."""

WEIGHTS = {
    "journal": 50,
    "queue": 40,
    "loop lag": 40,
    "errors": 40,
    "disk": 40,
    "memory": 40,
    "agents": 30,
    "breakers": 30,
    "sessions": 20,
    "handlers": 20,
    "threads": 20,
    "retries": 20,
}
"""What a critical check takes off the score; a degraded one takes half of it."""

ANOMALY_COSTS = {NOTICE: 3, DEGRADED: 10, CRITICAL: 20}
"""What an anomaly takes off the score; all of them together at most MOST_FOR_ANOMALIES."""

MOST_FOR_ANOMALIES = 30

SAME = {"stuck session": "sessions", "error burst": "errors"}
"""Anomalies that say more of what a check says too: it counts once, and is told once."""

CEILINGS = {OK: 100, DEGRADED: 89, CRITICAL: 49}
"""The best score that goes with each status, so that the word and the number agree."""


class Check(msgspec.Struct, frozen=True):
    """One thing that is looked at every second."""

    name: str
    status: str  # ok, degraded, critical
    value: str  # in a few words, to be read after the name: "92 % full"
    detail: str  # what is behind the value, or ""
    number: float  # the value, measured
    unit: str  # of ``number``: "%", "s", "bytes", or "" for a count
    meaning: str  # what is looked at, and why it matters
    recommendation: str  # what to do; "" while it is ok


class Anomaly(msgspec.Struct, frozen=True):
    """Something out of the ordinary that lasts: it began once and will end once."""

    kind: str  # "rate spike", "rate drop", "slow events", "error burst", "stuck session", …
    severity: str  # notice, degraded, critical
    since: float  # seconds since the epoch
    what: str  # a sentence without its full stop
    agent: str  # where, if it is at one agent
    session: str  # where, if it is in one session
    recommendation: str


class JournalFigures(msgspec.Struct, frozen=True):
    """What the journal does. Sizes are in bytes, times in seconds."""

    path: str
    durability: str  # power, process
    state: str  # ok, full, failed
    reason: str  # why it isn't ok
    pending: int  # records that are not on disk yet
    commits: float  # a second
    committed: float  # events a second
    last_commit: float  # how long the last one took
    ack_p50: float  # from emit to being on disk
    ack_p99: float
    size: int  # of the database and its log
    most: int  # size beyond which it accepts nothing
    free: int  # on the disk where it is
    damage: list[str] = []  # what was found broken at the start


class Health(msgspec.Struct, frozen=True):
    """How the system is at ``time`` (seconds since the epoch).

    ``status`` is the worst of all checks and anomalies (a notice changes nothing);
    ``score`` goes from 100 down to 0. ``journal`` is None where there is none.
    """

    time: float
    score: int
    status: str
    checks: list[Check]
    anomalies: list[Anomaly]  # the most pressing first, then the longest
    journal: JournalFigures | None = None


def make_report(
    time: float,
    checks: list[Check],
    anomalies: Iterable[Anomaly],
    journal: JournalFigures | None = None,
) -> Health:
    """The report of these checks and anomalies."""
    found = sorted(anomalies, key=lambda one: (-RANKS[one.severity], one.since))
    words = [check.status for check in checks]
    words += [anomaly.severity for anomaly in found if anomaly.severity != NOTICE]
    status = max(words, key=RANKS.__getitem__, default=OK)
    return Health(time, score(status, checks, found), status, checks, found, journal)


def score(status: str, checks: Iterable[Check], anomalies: Iterable[Anomaly]) -> int:
    """100, less what each check and each anomaly costs, and no better than the status."""
    bad = {check.name: check.status for check in checks if check.status != OK}
    lost = sum(
        WEIGHTS[name] if level == CRITICAL else WEIGHTS[name] // 2 for name, level in bad.items()
    )
    costs = (ANOMALY_COSTS[one.severity] for one in anomalies if SAME.get(one.kind) not in bad)
    lost += min(sum(costs), MOST_FOR_ANOMALIES)
    return max(min(100 - lost, CEILINGS[status]), 0)


def concerns(health: Health) -> list[Check | Anomaly]:
    """What is not as it should be, the most pressing first; what is the same only once."""
    said: dict[str, int] = {}
    for one in health.anomalies:
        name = SAME.get(one.kind, "")
        said[name] = max(said.get(name, 0), RANKS[one.severity])
    bad: list[tuple[int, int, Check | Anomaly]] = [
        (RANKS[check.status], WEIGHTS[check.name], check)
        for check in health.checks
        if check.status != OK and RANKS[check.status] > said.get(check.name, 0)
    ]
    # Beside a check of the same status an anomaly says more: where it is, and since when.
    bad += [(RANKS[one.severity], 100, one) for one in health.anomalies]
    bad.sort(key=lambda found: found[:2], reverse=True)
    return [concern for _, _, concern in bad]


def headline(health: Health) -> str:
    """The most pressing concern in a few words, or ""."""
    for concern in concerns(health)[:1]:
        if isinstance(concern, Anomaly):
            return concern.kind
        return f"{concern.name} {concern.value}"
    return ""


def worse(one: str, other: str) -> str:
    """The worse of two statuses."""
    return one if RANKS[one] >= RANKS[other] else other

"""Anomalies: what is out of the ordinary in the series of the last minutes, told once.

Five series are watched: what comes in, what gets done while work waits, how long events
take, and how many fail. A stuck session is one too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from agentflow.durations import format_duration
from agentflow.telemetry.health.checks import QUEUE_DEGRADED, Minute, most_failing
from agentflow.telemetry.health.detector import Detector
from agentflow.telemetry.health.facts import Facts, Stuck
from agentflow.telemetry.health.report import CRITICAL, DEGRADED, NOTICE, Anomaly

BURST_WINDOW = 10
"""Seconds over which failures are counted for a burst."""

STUCK_NAMED = 5
"""Stuck sessions that are anomalies of their own; the check counts all of them."""

RATE_LEAST = 5.0
"""Events a second below which a rate is too small to tell a change from chance."""

Tell = Callable[[str, str], None]
"""Told a level (info to error) and a sentence for the log."""


class Found(NamedTuple):
    """What a look has found: an anomaly but for its beginning."""

    kind: str
    severity: str
    what: str
    recommendation: str
    agent: str = ""
    session: str = ""


class Watch:
    """The series, and what is strange about them."""

    def __init__(self) -> None:
        self._arrivals = Detector(least_usual=RATE_LEAST, offset=0.5, adapt=120)
        self._throughput = Detector(up=False, least_usual=RATE_LEAST, offset=0.5)
        self._latency = Detector(down=False, least=0.05, offset=0.001)
        self._failures = Detector(down=False, least=5, offset=1.0, begin=2)
        self._pace = 0.0
        self._version = 0
        self._source_ended = False
        self._burst_agent = ""

    def source_ended(self) -> None:
        """Whoever sent events has said that there are no more: nothing drops by that."""
        self._source_ended = True

    def look(self, minute: Minute) -> list[Found]:
        """What is out of the ordinary now."""
        now = minute[-1]
        found: list[Found] = []
        if len(minute) > 1:
            before = minute[-2]
            elapsed = max(now.now - before.now, 1e-3)
            self._start_over(now)
            arriving = (now.accepted - before.accepted) / elapsed
            self._look_at_arrivals(arriving, now, found)
            self._look_at_throughput((now.ended - before.ended) / elapsed, now, before, found)
            self._look_at_latency(now, found)
            self._look_at_failures(minute, found)
        return found + [stuck_session(stuck) for stuck in now.stuck[:STUCK_NAMED]]

    def _start_over(self, now: Facts) -> None:
        """What an operator has changed makes no anomaly."""
        if now.pace != self._pace:
            self._arrivals.reset()
            self._throughput.reset()
        if now.version != self._version:
            self._throughput.reset()
            self._latency.reset()
        self._pace, self._version = now.pace, now.version

    def _look_at_arrivals(self, rate: float, now: Facts, found: list[Found]) -> None:
        """While the queue is full senders are held back: less comes in, and no wonder."""
        detector = self._arrivals
        held_back = now.queued + now.held >= now.queue_size * QUEUE_DEGRADED
        if rate and self._source_ended:
            self._source_ended = False
            detector.reset()
        way = detector.feed(None if self._source_ended or held_back else rate)
        usual = f"where {number(detector.usual)}/s are usual"
        if way > 0:
            found.append(Found(
                "rate spike", NOTICE, f"{number(rate)} events/s come in {usual}",
                "See on the Events screen who sends them; the queue shows whether it is too much.",
            ))  # fmt: skip
        elif way < 0:
            what = f"{number(rate)} events/s come in" if rate else "no events come in"
            found.append(Found(
                "rate drop", NOTICE, f"{what} {usual}", "See whether who sends them still runs."
            ))  # fmt: skip

    def _look_at_throughput(
        self, rate: float, now: Facts, before: Facts, found: list[Found]
    ) -> None:
        """Only while work waits: with nothing to do, little gets done."""
        detector = self._throughput
        busy = now.queued > 0 and before.queued > 0 and not now.all_paused
        if detector.feed(rate if busy else None) < 0:
            found.append(Found(
                "throughput drop", DEGRADED,
                f"{number(rate)} events/s get done where {number(detector.usual)}/s are usual, "
                f"and {now.queued:,} wait",
                "See on the Agents screen whose runs take longer, or are stuck.",
            ))  # fmt: skip

    def _look_at_latency(self, now: Facts, found: list[Found]) -> None:
        detector = self._latency
        if detector.feed(now.p95) > 0 and now.p95 is not None:
            found.append(Found(
                "slow events", DEGRADED,
                f"they take {format_duration(now.p95)} (p95) where "
                f"{format_duration(detector.usual)} is usual",
                "See on the Traces screen where the time goes: in the queue or in an agent.",
            ))  # fmt: skip
        elif detector.alarm:
            found.append(Found(
                "slow events", DEGRADED,
                f"they took much longer than the usual {format_duration(detector.usual)} (p95)",
                "See on the Traces screen where the time goes: in the queue or in an agent.",
            ))  # fmt: skip

    def _look_at_failures(self, minute: Minute, found: list[Found]) -> None:
        recent = minute[-BURST_WINDOW - 1 :]
        failed = recent[-1].dead - recent[0].dead
        detector = self._failures
        was = detector.alarm
        if detector.feed(failed) <= 0:
            return
        if not was:
            # The same one for as long as it lasts, or it would begin and end with each other.
            self._burst_agent = most_failing(recent)
        agent = self._burst_agent
        ended = recent[-1].ended - recent[0].ended
        whole = failed * 2 >= ended
        found.append(Found(
            "error burst", CRITICAL if whole else DEGRADED,
            f"{failed:,} of {ended:,} events failed in {BURST_WINDOW} s where "
            f"{number(detector.usual)} is usual" + (f", most at {agent}" if agent else ""),
            f"Look at the last error{f' of {agent}' if agent else ''}; replay the dead letters "
            "when the cause is gone.",
            agent,
        ))  # fmt: skip


def stuck_session(stuck: Stuck) -> Found:
    """A session whose event doesn't get on, as an anomaly."""
    at = f" at {stuck.agent}" if stuck.agent else ""
    usual = f", where {format_duration(stuck.usual)} (p99) is usual" if stuck.usual else ""
    return Found(
        "stuck session", DEGRADED,
        f"session {stuck.session} has been open for {format_duration(stuck.age)}{at}{usual}",
        "Look at its trace; a timeout for the agent would end such runs.",
        stuck.agent, stuck.session,
    )  # fmt: skip


class Book:
    """The anomalies that last, by kind and place: each is told when it begins and when it ends."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._open: dict[tuple[str, str], tuple[float, Found]] = {}

    def take(self, found: Sequence[Found], time: float) -> list[Anomaly]:
        """What lasts now, given all that was found at ``time`` (seconds since the epoch)."""
        here = {(one.kind, one.session): one for one in found}
        for key, (since, old) in list(self._open.items()):
            if key not in here:
                del self._open[key]
                took = format_duration(max(time - since, 0.0))
                self._tell("info", f"over after {took}: {named(old)}")
        for key, one in here.items():
            since = self._open[key][0] if key in self._open else time
            if key not in self._open:
                self._tell(_LEVELS[one.severity], f"{one.kind}: {one.what}. {one.recommendation}")
            self._open[key] = (since, one)
        return [
            Anomaly(one.kind, one.severity, since, one.what, one.agent, one.session,
                    one.recommendation)
            for since, one in self._open.values()
        ]  # fmt: skip


_LEVELS = {NOTICE: "info", DEGRADED: "warning", CRITICAL: "error"}


def named(one: Found) -> str:
    """An anomaly in a few words."""
    if one.session:
        return f"{one.kind} {one.session}"
    return f"{one.kind} at {one.agent}" if one.agent else one.kind


def number(value: float) -> str:
    """A rate or a count with as many digits as say something."""
    return f"{value:,.0f}" if value >= 9.95 or value == int(value) else f"{value:.1f}"

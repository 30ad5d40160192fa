"""Report: a verdict for each session, and the totals over all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from agentflow.telemetry.difference import Change
from agentflow.telemetry.trace import bounded
from agentflow.whatif.compare import UNKNOWN, Divergence, divergences
from agentflow.whatif.trace import EventTrace

SAME, PARTED, UNTOLD = "same", "parted", "unknown"


class Outcomes(msgspec.Struct, kw_only=True):
    """What came of some events. ``seconds`` are those that their agents ran."""

    events: int = 0
    succeeded: int = 0
    dead: int = 0
    runs: int = 0
    seconds: float = 0.0
    agents: dict[str, int] = {}
    sources: dict[str, int] = {}

    def add(self, other: Outcomes) -> None:
        """Count ``other`` in."""
        self.events += other.events
        self.succeeded += other.succeeded
        self.dead += other.dead
        self.runs += other.runs
        self.seconds += other.seconds
        for mine, more in ((self.agents, other.agents), (self.sources, other.sources)):
            for name, count in more.items():
                mine[name] = mine.get(name, 0) + count


class Pair(msgspec.Struct, kw_only=True):
    """One event of both runs, None where it is missing, and where they part in it."""

    path: str
    recorded: EventTrace | None
    new: EventTrace | None
    parts: list[Divergence] = []


class SessionReport(msgspec.Struct, kw_only=True):
    """One session: its verdict (same, parted, unknown), and where the two part first."""

    session: str
    verdict: str
    first: Divergence | None
    parts: int
    recorded: Outcomes
    new: Outcomes
    pairs: list[Pair]


class Summary(msgspec.Struct, kw_only=True):
    """All sessions together."""

    sessions: int = 0
    same: int = 0
    parted: int = 0
    unknown: int = 0
    recorded: Outcomes
    new: Outcomes
    notes: list[str] = []

    @classmethod
    def empty(cls, notes: Sequence[str] = ()) -> Summary:
        """That of no sessions."""
        return cls(recorded=_outcomes(()), new=_outcomes(()), notes=list(notes))

    def add(self, report: SessionReport) -> None:
        """Count a session in."""
        self.sessions += 1
        self.same += report.verdict == SAME
        self.parted += report.verdict == PARTED
        self.unknown += report.verdict == UNTOLD
        self.recorded.add(report.recorded)
        self.new.add(report.new)

    @property
    def exit_code(self) -> int:
        """0 the same, 1 they part, 2 it can't be told."""
        if self.parted:
            return 1
        return 2 if self.unknown or not self.sessions else 0


def compare_sessions(
    recorded: Sequence[EventTrace], new: Sequence[EventTrace]
) -> list[SessionReport]:
    """A report for each session of either run, in the order in which they appear."""
    sessions: dict[str, tuple[dict[str, EventTrace], dict[str, EventTrace]]] = {}
    for side, traces in enumerate((recorded, new)):
        for trace in traces:
            sessions.setdefault(trace.session, ({}, {}))[side][trace.path] = trace
    return [_compare(session, was, now) for session, (was, now) in sessions.items()]


def _compare(
    session: str, was: Mapping[str, EventTrace], now: Mapping[str, EventTrace]
) -> SessionReport:
    pairs: list[Pair] = []
    first: Divergence | None = None
    parts = 0
    for path in _walk(was, now):
        found = list(divergences(was.get(path), now.get(path)))
        pairs.append(Pair(path=path, recorded=was.get(path), new=now.get(path), parts=found))
        first = first or next(iter(found), None)
        parts += len(found)
    verdict = SAME if first is None else UNTOLD if first.kind == UNKNOWN else PARTED
    return SessionReport(
        session=session,
        verdict=verdict,
        first=first,
        parts=parts,
        recorded=_outcomes(was.values()),
        new=_outcomes(now.values()),
        pairs=pairs,
    )


def _walk(was: Mapping[str, EventTrace], now: Mapping[str, EventTrace]) -> list[str]:
    """The paths of both, causes before effects: what parts first comes first."""
    children: dict[str, list[str]] = {}
    for traces in (was, now):
        for path, trace in traces.items():
            siblings = children.setdefault(trace.parent, [])
            if path not in siblings:
                siblings.append(path)
    order: list[str] = []
    todo = list(reversed(children.get("", [])))
    while todo:
        path = todo.pop()
        order.append(path)
        todo += reversed(children.get(path, []))
    return order + [path for path in {**was, **now} if path not in set(order)]


def _outcomes(traces: Any) -> Outcomes:
    found = Outcomes(agents={}, sources={})
    for trace in traces:
        found.events += 1
        found.succeeded += not trace.error
        found.dead += bool(trace.error)
        for step in trace.steps:
            found.runs += 1
            found.seconds += step.seconds
            found.agents[step.agent] = found.agents.get(step.agent, 0) + 1
            found.sources[step.source] = found.sources.get(step.source, 0) + 1
    return found


# -- as data ----------------------------------------------------------------------------------


def as_data(report: SessionReport, most: int = 0) -> dict[str, Any]:
    """A session's report as plain data, for a program to read.

    Of a session with more than ``most`` events (0 is no limit) only so many are told in full,
    those that part before the others; ``left_out`` is the number of the rest.
    """
    pairs = report.pairs
    if most and len(pairs) > most:
        parting = [pair.path for pair in pairs if pair.parts]
        kept = set([*parting, *(pair.path for pair in pairs if not pair.parts)][:most])
        pairs = [pair for pair in pairs if pair.path in kept]
    return {
        "session": report.session,
        "verdict": report.verdict,
        "parts": report.parts,
        "first": None if report.first is None else _divergence_data(report.first),
        "recorded": msgspec.to_builtins(report.recorded),
        "new": msgspec.to_builtins(report.new),
        "events": [_pair_data(pair) for pair in pairs],
        "left_out": len(report.pairs) - len(pairs),
    }


def summary_data(summary: Summary) -> dict[str, Any]:
    """The summary as plain data."""
    fields: dict[str, Any] = msgspec.to_builtins(summary)
    return {"summary": {**fields, "exit_code": summary.exit_code}}


def _divergence_data(found: Divergence) -> dict[str, Any]:
    return {
        "kind": found.kind,
        "path": found.path,
        "event": found.event_id,
        "target": found.target,
        "step": found.group,
        "agent": found.agent,
        "expected": found.expected,
        "came": found.came,
        "sentence": found.sentence,
        "changes": [_change_data(change) for change in found.changes],
    }


def _change_data(change: Change) -> dict[str, Any]:
    return {
        "place": change.place,
        "kind": change.kind,
        "old": bounded(change.old),
        "new": bounded(change.new),
    }


def _pair_data(pair: Pair) -> dict[str, Any]:
    return {
        "path": pair.path,
        "parts": [_divergence_data(found) for found in pair.parts],
        "recorded": _trace_data(pair.recorded),
        "new": _trace_data(pair.new),
    }


def _trace_data(trace: EventTrace | None) -> dict[str, Any] | None:
    if trace is None:
        return None
    return {
        "event": trace.event_id,
        "target": trace.target,
        "mode": trace.mode,
        "outcome": trace.outcome,
        "error": trace.error,
        "seconds": round(trace.seconds, 6),
        "steps": [
            [
                {
                    "agent": step.agent,
                    "source": step.source,
                    "seconds": round(step.seconds, 6),
                    "attempts": step.attempts,
                    "error": step.error,
                }
                for step in group
            ]
            for group in trace.groups
        ],
    }

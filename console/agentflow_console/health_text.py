"""Health as text: what ``agentflow-console health`` prints, and the words of the screens."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from agentflow.telemetry.health.report import (
    Anomaly,
    Check,
    Health,
    JournalFigures,
    concerns,
)
from agentflow_console.show import clock_short, count, duration, rate
from agentflow_console.text import fit, safe

MARKS = {"ok": "✓", "notice": "i", "degraded": "▲", "critical": "✗"}
"""The glyph of each status of a check or an anomaly; it never stands without its word."""

WORDS = {"ok": "healthy", "degraded": "degraded", "critical": "critical"}
"""What the whole system is called."""

_SIGNS = {"ok": "●", "degraded": "▲", "critical": "✗"}

_NAME = 10  # cells of a check's name


def verdict(health: Health) -> str:
    """The whole in three words: ``● 97 healthy``."""
    return f"{_SIGNS.get(health.status, '?')} {health.score} {WORDS.get(health.status, '?')}"


def health_text(health: Health) -> list[str]:
    """The report in lines to read: the verdict, what is wrong and what to do, then the rest."""
    lines = [f"{verdict(health)} at {clock_short(health.time)}", ""]
    pressing = concerns(health)
    for concern in pressing:
        if isinstance(concern, Anomaly):
            lines.append(_anomaly(concern, health.time))
        else:
            lines.append(_check(concern))
        lines.append(f"  → {safe(concern.recommendation)}")
    lines += [_check(check) for check in health.checks if check not in pressing]
    if health.journal is not None:
        lines += ["", *(f"{fit(name, _NAME)}  {safe(value)}" for name, value in
                        journal_facts(health.journal))]  # fmt: skip
    return lines


def health_json(health: Health) -> str:
    """The report as one JSON object in one line; times are ISO 8601 in UTC."""
    fields: dict[str, Any] = msgspec.to_builtins(health)
    fields["time"] = _iso(health.time)
    for anomaly in fields["anomalies"]:
        anomaly["since"] = _iso(anomaly["since"])
    return msgspec.json.encode(fields).decode()


def since(anomaly: Anomaly, now: float) -> str:
    """When it began and how long that is ago."""
    return f"since {clock_short(anomaly.since)} ({duration(max(now - anomaly.since, 0.0))})"


def journal_facts(figures: JournalFigures) -> list[tuple[str, str]]:
    """What there is to say of the journal, by name."""
    facts = [
        ("journal", figures.path),
        ("survives", _SURVIVES.get(figures.durability, figures.durability)),
        (
            "commits",
            f"{rate(figures.commits)}/s for {rate(figures.committed)} events/s, "
            f"{count(figures.pending)} records behind",
        ),
        ("on disk", f"after {duration(figures.ack_p50)} (p50), {duration(figures.ack_p99)} (p99)"),
        ("size", f"{_size(figures.size)} of {_size(figures.most)}, {_size(figures.free)} free"),
    ]
    if figures.state != "ok":
        facts.insert(1, ("state", f"{figures.state}: {figures.reason}"))
    return facts + [("damage", sentence) for sentence in figures.damage]


_SURVIVES = {"power": "a power cut", "process": "the end of the process"}


def _anomaly(anomaly: Anomaly, now: float) -> str:
    return (
        f"{_status(anomaly.severity)}  {safe(anomaly.kind)} {since(anomaly, now)}: "
        f"{safe(anomaly.what)}"
    )


def _check(check: Check) -> str:
    said = f"{check.value}, {check.detail}" if check.detail else check.value
    return f"{_status(check.status)}  {fit(check.name, _NAME)}  {safe(said)}"


def _status(status: str) -> str:
    return fit(f"{MARKS.get(status, '?')} {status}", 10)


def _size(number: float) -> str:
    return f"{number / 1e6:,.1f} MB" if number < 999.5e6 else f"{number / 1e9:,.1f} GB"


def _iso(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds")

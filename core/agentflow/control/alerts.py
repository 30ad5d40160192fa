"""Alerts: what an operator should know now, in sentences, the most pressing first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice

from agentflow.control.rows import clean
from agentflow.engine import Runner
from agentflow.telemetry.health.report import CRITICAL, NOTICE, Anomaly, Check, concerns

_RECENT = 10.0  # seconds for which a failure is worth a line
_LOOKED_AT = 2_000


def alerts(runner: Runner) -> list[str]:
    """The sentences for the alert line."""
    health = runner.health.report
    worries = [] if health is None else [one for one in concerns(health) if _is_news(one)]
    critical = [one for one in worries if _severity(one) == CRITICAL]
    notices = [one for one in worries if _severity(one) == NOTICE]
    others = [one for one in worries if one not in critical and one not in notices]
    rules: dict[str, list[str]] = {"critical": [], "warning": [], "info": []}
    for row in runner.alert_rules:
        if row.sentence:
            rules[row.severity].append(row.sentence)
    found = rules["critical"] + [_sentence(one) for one in critical] + _stopped(runner)
    found += _open_breakers(runner)
    found += rules["warning"]
    found += [clean(text) for text in runner.current_notices()]
    found += [_sentence(one) for one in others]
    known = {one.agent for one in worries if isinstance(one, Anomaly)}
    found += _failing(runner, known)
    known_full = any(isinstance(one, Check) and one.name == "queue" for one in worries)
    if not known_full and not runner.dispatcher.has_room():
        found.append("the queue is full: new events are refused until there is room")
    return found + [_sentence(one) for one in notices] + rules["info"]


def _is_news(concern: Check | Anomaly) -> bool:
    """Of open breakers there is a line of its own, and whoever paused an agent knows."""
    if isinstance(concern, Anomaly):
        return True
    return concern.name != "breakers" and not (
        concern.name == "agents" and "paused" in concern.value
    )


def _severity(concern: Check | Anomaly) -> str:
    return concern.severity if isinstance(concern, Anomaly) else concern.status


def _sentence(concern: Check | Anomaly) -> str:
    if isinstance(concern, Anomaly):
        return f"{concern.kind}: {concern.what}. {concern.recommendation}"
    detail = f" ({concern.detail})" if concern.detail else ""
    return f"{concern.name} {concern.value}{detail}. {concern.recommendation}"


def _stopped(runner: Runner) -> list[str]:
    stops = list(runner.breakpoints.stops.values())
    if not stops:
        return []
    first = stops[0]
    events = len({stop.execution.seq for stop in stops})
    others = f" and {events - 1} more" if events > 1 else ""
    return [
        f"press B: event {first.execution.seq} is stopped at breakpoint {first.breakpoint} "
        f"({clean(first.where)}){others}"
    ]


def _open_breakers(runner: Runner) -> Iterator[str]:
    for agent in runner.plan.agents.values():
        vitals = agent.vitals
        if not vitals.clear and vitals.breaker.state == "open":
            breaker = vitals.breaker
            yield (
                f"{clean(agent.name)}: circuit breaker open after {breaker.failures} failures, "
                f"next try in {breaker.retry_after():.0f} s"
            )


def _failing(runner: Runner, known: set[str]) -> Iterator[str]:
    now = runner.dispatcher.now()
    recent = Counter(
        clean(execution.runs[-1][0] if execution.runs else execution.event.route or "no agent")
        for execution in islice(reversed(runner.telemetry.settled.items), _LOOKED_AT)
        if execution.error and now - execution.ended < _RECENT
    )
    for name, number in recent.most_common(3):
        if name not in known:
            times = "once" if number == 1 else "twice" if number == 2 else f"{number} times"
            yield f"{name} failed {times} in the last {_RECENT:.0f} s"

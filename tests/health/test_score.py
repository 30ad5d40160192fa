"""The score and the order of what is wrong."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from agentflow.telemetry.health.report import (
    CRITICAL,
    DEGRADED,
    NOTICE,
    OK,
    RANKS,
    WEIGHTS,
    Anomaly,
    Check,
    Health,
    concerns,
    headline,
    make_report,
)


def check(name: str, status: str) -> Check:
    """A check of that name that says nothing but its status."""
    return Check(name, status, f"is {status}", "", 0.0, "", "", "")


def anomaly(severity: str, kind: str = "rate spike", since: float = 1.0) -> Anomaly:
    """An anomaly that lasts."""
    return Anomaly(kind, severity, since, "something", "", "", "do something")


def report(statuses: list[str], severities: list[str]) -> Health:
    """The report of checks and anomalies that are so bad."""
    checks = [check(name, status) for name, status in zip(WEIGHTS, statuses, strict=True)]
    return make_report(1.0, checks, [anomaly(severity) for severity in severities])


statuses = st.lists(
    st.sampled_from([OK, DEGRADED, CRITICAL]), min_size=len(WEIGHTS), max_size=len(WEIGHTS)
)
severities = st.lists(st.sampled_from([NOTICE, DEGRADED, CRITICAL]), max_size=12)


@settings(deadline=None)
@given(statuses, severities, st.integers(0, len(WEIGHTS) - 1))
def test_getting_worse_never_raises_the_score(
    states: list[str], found: list[str], index: int
) -> None:
    """Not for any check, nor for one more anomaly."""
    before = report(states, found)
    for status in (DEGRADED, CRITICAL):
        if RANKS[status] >= RANKS[states[index]]:
            worse = [*states[:index], status, *states[index + 1 :]]
            assert report(worse, found).score <= before.score
    for severity in (NOTICE, DEGRADED, CRITICAL):
        assert report(states, [*found, severity]).score <= before.score


@settings(deadline=None)
@given(statuses, severities)
def test_the_word_and_the_number_agree(states: list[str], found: list[str]) -> None:
    """Healthy is 90 and more, critical is below 50, and the score stays in its range."""
    health = report(states, found)
    assert 0 <= health.score <= 100
    assert (health.status == CRITICAL) == (CRITICAL in states + found)
    if health.status == CRITICAL:
        assert health.score < 50
    elif health.status == DEGRADED:
        assert health.score < 90


def test_nothing_wrong_is_a_hundred() -> None:
    """And a notice takes a little off, but changes no word."""
    fine = [OK] * len(WEIGHTS)
    assert (report(fine, []).score, report(fine, []).status) == (100, OK)
    assert (report(fine, [NOTICE]).score, report(fine, [NOTICE]).status) == (97, OK)


def test_what_a_check_and_an_anomaly_both_say_counts_once() -> None:
    """The anomaly says more, so it is the one to read; the check is what it costs."""
    stuck = anomaly(DEGRADED, "stuck session")
    both = make_report(1.0, [check("sessions", DEGRADED)], [stuck, stuck])
    assert both.score == min(100 - WEIGHTS["sessions"] // 2, 89)
    assert concerns(both) == [stuck, stuck]
    worse = make_report(1.0, [check("sessions", CRITICAL)], [stuck])
    assert concerns(worse) == [check("sessions", CRITICAL), stuck]
    alone = make_report(1.0, [check("sessions", OK)], [stuck])
    assert alone.score == 89


def test_the_most_pressing_comes_first() -> None:
    """Critical before degraded, the weightier check before the other, notices last."""
    health = make_report(
        9.0,
        [check("queue", DEGRADED), check("retries", CRITICAL), check("journal", DEGRADED)],
        [anomaly(NOTICE), anomaly(DEGRADED, "slow", 5.0), anomaly(DEGRADED, "slow", 2.0)],
    )
    assert [one.since for one in health.anomalies] == [2.0, 5.0, 1.0]
    names = [one.kind if isinstance(one, Anomaly) else one.name for one in concerns(health)]
    assert names == ["retries", "slow", "slow", "journal", "queue", "rate spike"]
    assert headline(health) == "retries is critical"
    assert headline(make_report(1.0, [check("queue", OK)], [])) == ""

"""The checks, one by one: from facts to a verdict, a value and what to do."""

from __future__ import annotations

from typing import Any

import pytest

from agentflow.telemetry.health.facts import Facts, Handler, OpenBreaker, Stopped, Stuck
from agentflow.telemetry.health.report import CRITICAL, DEGRADED, OK, JournalFigures
from agentflow.telemetry.health.steady import Growth
from agentflow.telemetry.health.storage import disk, journal

from .series import Story

STOPPED = Stopped("caller", "failed 6 times in 10 minutes")
STUCK = Stuck("s-41", "enricher", 42.0, 0.3)


def figures(**fields: Any) -> JournalFigures:
    """A journal that works well."""
    values: dict[str, Any] = {
        "path": "/x/agentflow.db", "durability": "power", "state": "ok", "reason": "",
        "pending": 3, "commits": 40.0, "committed": 400.0, "last_commit": 0.004,
        "ack_p50": 0.004, "ack_p99": 0.009, "size": 12_000_000, "most": 1_000_000_000,
        "free": 50_000_000_000,
    }  # fmt: skip
    return JournalFigures(**{**values, **fields})


def test_a_system_at_rest_is_healthy() -> None:
    """All checks are ok, none has anything to recommend."""
    story = Story()
    report = story.go_on(120)
    assert (report.status, report.score, report.anomalies) == (OK, 100, [])
    assert not [check.name for check in report.checks if check.recommendation]
    assert all(check.meaning and check.value for check in report.checks)
    assert story.told == []


@pytest.mark.parametrize(
    ("name", "fields", "status", "value"),
    [
        ("queue", {"queued": 790}, OK, "79 % full"),
        ("queue", {"queued": 920, "oldest": 3.2}, DEGRADED, "92 % full"),
        ("queue", {"held": 920}, DEGRADED, "92 % full"),
        ("loop lag", {"lag": 0.02}, OK, "20ms"),
        ("loop lag", {"lag": 0.3}, DEGRADED, "300ms"),
        ("loop lag", {"lag": 2.5}, CRITICAL, "2.5s"),
        ("sessions", {"stuck": [STUCK]}, DEGRADED, "1 stuck"),
        ("sessions", {"stuck": [STUCK] * 10}, CRITICAL, "10 stuck"),
        ("handlers", {"handlers": [Handler("a", 30.0, False)]}, DEGRADED, "1 blocked"),
        ("handlers", {"handlers": [Handler("a", 30.0, True)] * 12}, CRITICAL, "12 blocked"),
        ("agents", {"paused": ["a"]}, OK, "1 paused"),
        ("agents", {"paused": ["a"], "held": 4}, DEGRADED, "1 paused"),
        ("agents", {"all_paused": True, "held": 4}, DEGRADED, "all paused"),
        ("agents", {"stopped": [STOPPED, STOPPED]}, DEGRADED, "2 stopped"),
        ("agents", {"stopped": [STOPPED] * 5}, CRITICAL, "5 stopped"),
        ("breakers", {"breakers": [OpenBreaker("a", 5, 12.0)]}, DEGRADED, "1 open"),
        ("breakers", {"breakers": [OpenBreaker("a", 5, 12.0)] * 3}, CRITICAL, "3 open"),
        ("memory", {"memory": 5_000_000_000}, OK, "5.0 GB"),
        ("memory", {"memory": 6_500_000_000}, DEGRADED, "6.5 GB"),
        ("memory", {"memory": 7_500_000_000}, CRITICAL, "7.5 GB"),
        ("memory", {"memory": 7_500_000_000, "memory_limit": 0}, OK, "7.5 GB"),
        ("journal", {}, OK, "off"),
        ("journal", {"journal": figures()}, OK, "ok"),
        ("disk", {"journal": figures(free=500_000_000)}, DEGRADED, "500 MB free"),
    ],
)
def test_what_each_check_says(name: str, fields: dict[str, Any], status: str, value: str) -> None:
    """Its status and its value; and what to do, as soon as it isn't ok."""
    story = Story()
    report = story.go_on(2, **fields)
    check = story.check(name)
    assert (check.status, check.value) == (status, value)
    assert bool(check.recommendation) is (status != OK)
    assert report.status == status


def test_a_queue_says_how_long_the_oldest_waits() -> None:
    """And what to do depends on who fills it."""
    story = Story()
    story.go_on(1, queued=920, oldest=3.2)
    assert story.check("queue").detail == "920 of 1,000 wait, the oldest for 3.2s"
    assert "max_concurrent_events" in story.check("queue").recommendation
    story.go_on(1, held=920)
    assert "resume" in story.check("queue").recommendation


def test_refused_events_make_a_queue_critical_for_a_minute() -> None:
    """A full queue only slows whoever sends; a refused event is lost to them."""
    story = Story()
    story.go_on(5, queued=1_000)
    story.go_on(1, queued=1_000, refuse=42)
    assert (story.check("queue").status, story.check("queue").value) == (
        CRITICAL,
        "full, 42 refused",
    )
    story.go_on(80)
    assert story.check("queue").status == OK


@pytest.mark.parametrize(
    ("fail", "of", "status"), [(1, 100, OK), (6, 100, DEGRADED), (30, 100, CRITICAL)]
)
def test_errors_are_a_share_of_what_ended(fail: int, of: int, status: str) -> None:
    """Over the last minute, and with the agent that fails most."""
    story = Story()
    story.go_on(1, arrive=of)
    story.go_on(20, arrive=of, fail=fail, failing={"enricher": fail})
    check = story.check("errors")
    assert (check.status, check.number) == (status, fail)
    assert "enricher" in check.detail


def test_two_failures_are_no_trend() -> None:
    """Of two events two may fail, and nothing is said of it."""
    story = Story()
    story.go_on(1)
    story.go_on(1, arrive=2, fail=2)
    assert story.check("errors").status == OK


def test_retries_are_counted_in_a_hundred_events() -> None:
    """One in five is too many, one each is critical."""
    for retried, status in ((1, OK), (2, DEGRADED), (10, CRITICAL)):
        story = Story()
        story.go_on(10, arrive=10, sampled=10, retried=retried)
        assert story.check("retries").status == status
        assert story.check("retries").value == f"{retried * 10} in 100 events"


def test_threads_have_to_be_short_for_a_while() -> None:
    """A handler that waits for a thread for a moment is how a pool works."""
    story = Story()
    story.go_on(2, waiting_for_thread=3)
    assert story.check("threads").status == OK
    story.go_on(1, waiting_for_thread=3)
    assert (story.check("threads").status, story.check("threads").value) == (
        DEGRADED,
        "3 handlers wait",
    )
    story.go_on(30, waiting_for_thread=3)
    assert story.check("threads").status == CRITICAL


@pytest.mark.parametrize(
    ("fields", "status", "value"),
    [
        ({"state": "full", "reason": "no space left"}, CRITICAL, "full"),
        ({"state": "failed", "reason": "fsync failed"}, CRITICAL, "failed"),
        ({"size": 950_000_000}, DEGRADED, "95 % full"),
        ({"last_commit": 1.5}, DEGRADED, "slow"),
        ({"ack_p99": 0.4}, DEGRADED, "slow"),
        ({"pending": 20_000}, DEGRADED, "20,000 behind"),
        ({"damage": ["12 events could not be read"]}, DEGRADED, "damaged"),
    ],
)
def test_what_the_journal_check_says(fields: dict[str, Any], status: str, value: str) -> None:
    """Full and failed are critical, slow and nearly full are warnings."""
    check = journal([Facts(now=0.0, time=0.0, journal=figures(**fields))], 5.0)
    assert (check.status, check.value) == (status, value)
    assert check.recommendation


def test_old_damage_is_not_held_against_the_journal() -> None:
    """It was said at the start; ten minutes later the journal is what it is now."""
    damaged = figures(damage=["12 events could not be read"])
    assert journal([Facts(now=0.0, time=0.0, journal=damaged)], 601.0).status == OK


def test_a_journal_that_has_nothing_to_write_is_not_slow() -> None:
    """How long it took the last time says nothing of now."""
    resting = figures(commits=0.0, pending=0, ack_p99=0.6, last_commit=2.0)
    story = Story()
    story.go_on(20, journal=resting)
    assert story.check("journal").status == OK


def test_a_disk_that_does_not_answer_is_found() -> None:
    """Records wait, and nothing is written: after some seconds that is said."""
    hanging = figures(commits=0.0, pending=12)
    story = Story()
    story.go_on(2, journal=hanging)
    assert story.check("journal").status == OK
    story.go_on(2, journal=hanging)
    assert (story.check("journal").status, story.check("journal").value) == (
        DEGRADED,
        "hangs for 4 s",
    )
    story.go_on(11, journal=hanging)
    assert story.check("journal").status == CRITICAL


def test_a_full_disk_is_critical() -> None:
    """Below a hundred megabytes there is no time left."""
    assert disk(figures(free=99_000_000)).status == CRITICAL


def test_a_check_gets_better_only_when_it_stays_so() -> None:
    """A queue that swings around its limit is said to be full once, and well again once."""
    story = Story()
    statuses = []
    for second in range(100):
        story.go_on(1, queued=820 if second % 8 < 3 else 700)
        statuses.append(story.check("queue").status)
        assert story.check("queue").number in (82.0, 70.0)
    assert set(statuses) == {DEGRADED}
    story.go_on(1, queued=700)
    check = story.check("queue")
    assert (check.value, check.detail[:14]) == ("82 % full", "now 70 % full,")
    assert check.recommendation
    story.go_on(12, queued=700)
    assert story.check("queue").status == OK
    assert story.check("queue").recommendation == ""


def test_what_changes_is_told_once() -> None:
    """A line when it begins, with what to do, and one when it is over."""
    story = Story()
    story.go_on(30, lag=0.5)
    story.go_on(60, lag=0.01)
    assert [(level, text[:8]) for level, text in story.told] == [
        ("warning", "loop lag"),
        ("info", "loop lag"),
    ]
    assert "plain function" in story.told[0][1]
    assert story.told[1][1] == "loop lag: ok again, 10ms"


def test_memory_that_goes_on_growing_is_found() -> None:
    """Ten minutes of growth are a leak; growth that has come to an end is not."""
    leak, loaded = Growth(), Growth()
    grown = [leak.feed(2e8 + 1e6 * second, second) for second in range(700)]
    once = [loaded.feed(2e8 + 1e7 * min(second, 60), second) for second in range(700)]
    assert grown[500] == 0
    assert grown[-1] == pytest.approx(6e8, rel=0.05)
    assert not any(once)
    story = Story()
    for second in range(700):
        story.go_on(1, memory=200_000_000 + 1_000_000 * second)
    assert (story.check("memory").status, "goes on growing" in story.check("memory").recommendation
            ) == (DEGRADED, True)  # fmt: skip


def test_a_clock_that_stands_still_or_jumps_breaks_nothing() -> None:
    """Two looks at the same moment, and one an hour later."""
    story = Story()
    story.go_on(5, arrive=10)
    story.now -= 1.0
    story.go_on(1, arrive=10)
    story.now += 3_600
    assert story.go_on(1, arrive=10).status == OK


def test_facts_without_anything_are_taken() -> None:
    """The first second of an engine that has nothing to say yet."""
    assert Story().monitor.take(Facts(now=0.0, time=0.0)).score == 100

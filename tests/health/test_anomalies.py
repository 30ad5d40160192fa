"""Anomalies: each begins once, is told once with what to do, and ends once."""

from __future__ import annotations

from agentflow.telemetry.health.facts import Stuck
from agentflow.telemetry.health.report import CRITICAL, DEGRADED, OK

from .series import WALL, Story


def lived(arrive: int = 100, **fields: object) -> Story:
    """A system that has worked for some minutes as it always does."""
    story = Story()
    story.go_on(200, arrive=arrive, **fields)
    assert story.kinds == []
    return story


def test_a_rate_that_jumps_is_told_once() -> None:
    """With both rates, since when, and the end; the system itself stays healthy."""
    story = lived()
    began = story.now
    report = story.go_on(20, arrive=500)
    (spike,) = report.anomalies
    assert (spike.kind, spike.what) == (
        "rate spike",
        "500 events/s come in where 100/s are usual",
    )
    assert WALL + began < spike.since <= WALL + began + 6
    assert spike.recommendation
    assert (report.status, report.score) == (OK, 97)
    story.go_on(60, arrive=100)
    assert story.kinds == []
    assert len(story.said("rate spike: ")) == 1
    assert len(story.said("over after ")) == 1


def test_a_rate_that_drops_to_nothing_is_told() -> None:
    """Whoever sends them may be gone."""
    story = lived()
    (drop,) = story.go_on(10).anomalies
    assert drop.what == "no events come in where 100/s are usual"


def test_the_end_of_a_source_is_no_drop() -> None:
    """Who said that there are no more events is believed, until there are some again."""
    story = lived()
    story.monitor.source_ended()
    story.go_on(100)
    assert story.kinds == []
    story.go_on(200, arrive=100)
    story.go_on(10)
    assert story.kinds == ["rate drop"]


def test_senders_that_a_full_queue_holds_back_are_no_drop() -> None:
    """The queue is what is not well then, and its check says so."""
    story = lived()
    story.go_on(60, queued=1_000)
    assert story.kinds == []


def test_an_operator_who_changes_the_pace_makes_no_anomaly() -> None:
    """Neither up nor down."""
    story = lived(pace=100.0)
    story.go_on(100, arrive=1_000, pace=1_000.0)
    story.go_on(100, arrive=10, pace=10.0)
    assert story.told == []


def test_little_gets_done_only_counts_while_work_waits() -> None:
    """An idle system gets nothing done and is well; one with a queue is not."""
    story = Story()
    story.go_on(200, arrive=100, queued=50)
    story.go_on(30, arrive=100, end=10, queued=300)
    assert story.kinds == ["throughput drop"]
    assert "10 events/s get done where 100/s are usual, and 300 wait" in story.told[0][1]
    idle = Story()
    idle.go_on(200, arrive=100, queued=0)
    idle.go_on(30, arrive=100, end=10, queued=0)
    assert idle.kinds == []


def test_slow_events_are_told_with_what_is_usual() -> None:
    """The p95 of each second against the last minutes."""
    story = lived(p95=0.2)
    report = story.go_on(10, arrive=100, p95=1.4)
    assert [one.what for one in report.anomalies] == ["they take 1.4s (p95) where 200ms is usual"]
    assert report.status == DEGRADED
    story.go_on(60, arrive=100, p95=0.2)
    assert story.kinds == []


def test_milliseconds_are_never_slow() -> None:
    """Ten times next to nothing is next to nothing."""
    story = lived(p95=0.001)
    story.go_on(30, arrive=100, p95=0.04)
    assert story.kinds == []


def test_another_configuration_may_be_slower() -> None:
    """Events of another plan can't be compared with those before."""
    story = lived(p95=0.2, version=1)
    story.go_on(100, arrive=100, p95=2.0, version=2)
    assert story.kinds == []


def test_a_burst_of_errors_names_the_agent() -> None:
    """And is critical when half of everything fails."""
    story = lived()
    (burst,) = story.go_on(5, arrive=100, fail=20, failing={"enricher": 20}).anomalies
    assert (burst.kind, burst.severity, burst.agent) == ("error burst", DEGRADED, "enricher")
    assert "of enricher" in burst.recommendation
    (burst,) = story.go_on(12, arrive=100, fail=90, failing={"enricher": 90}).anomalies
    assert burst.severity == CRITICAL
    story.go_on(60, arrive=100)
    assert story.kinds == []
    assert len(story.said("error burst: ")) == 1


def test_errors_that_were_always_there_are_no_burst() -> None:
    """They are on the check of errors, and no news."""
    story = Story()
    story.go_on(400, arrive=100, fail=3)
    assert story.kinds == []


def test_a_stuck_session_is_named_once_for_as_long_as_it_lasts() -> None:
    """Its age goes on, the anomaly and its beginning stay the same."""
    story = Story()
    first = story.go_on(1, stuck=[Stuck("s-41", "enricher", 12.0, 0.3)]).anomalies[0]
    later = story.go_on(30, stuck=[Stuck("s-41", "enricher", 42.0, 0.3)]).anomalies[0]
    assert later.since == first.since
    assert (later.session, later.agent) == ("s-41", "enricher")
    assert later.what == (
        "session s-41 has been open for 42.0s at enricher, where 300ms (p99) is usual"
    )
    story.go_on(2)
    assert story.kinds == []
    assert len(story.said("stuck session: ")) == 1
    assert story.said("over after ") == ["over after 31.0s: stuck session s-41"]


def test_of_many_stuck_sessions_some_are_named_and_all_counted() -> None:
    """A thousand lines would help nobody."""
    story = Story()
    stuck = [Stuck(f"s-{number}", "a", 60.0 - number / 100, 0.0) for number in range(200)]
    story.go_on(1, stuck=stuck)
    assert len(story.kinds) == 5
    assert story.check("sessions").value == "200 stuck"
    assert "and 199 more" in story.check("sessions").detail

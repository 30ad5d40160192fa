"""EventRing: live and settled events in one view."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agentflow.telemetry.snapshot import EventRow
from agentflow_console.store import EventRing, Filter

from .rows import row, rows

frames = st.lists(
    st.tuples(
        st.lists(rows, max_size=8, unique_by=lambda one: one.seq),
        st.lists(rows, max_size=8),
        st.booleans(),
    ),
    max_size=12,
)


class Model:
    """The ring as simply as it can be said: last settled rows in order, live ones over them."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.settled: list[EventRow] = []
        self.live: list[EventRow] = []

    def update(self, live: list[EventRow], settled: list[EventRow]) -> None:
        self.live = live
        self.settled = (self.settled + settled)[-self.capacity :]

    def rows(self, wanted: Filter) -> list[EventRow]:
        newest = {one.seq: one for one in self.settled} | {one.seq: one for one in self.live}
        return [newest[seq] for seq in sorted(newest) if wanted.matches(newest[seq])]


@given(frames, st.integers(1, 20))
def test_the_ring_shows_what_the_simple_model_shows(
    steps: list[tuple[list[EventRow], list[EventRow], bool]], capacity: int
) -> None:
    """Whatever arrives, the rows and each filter's matches are the model's, looked at or not."""
    ring, model = EventRing(capacity), Model(capacity)
    filters = [Filter.parse(text) for text in ("", "state:dead", "-agent:analyzer dur>50", "a")]
    for live, settled, look in steps:
        ring.update(live, settled)
        model.update(live, settled)
        if look:
            for wanted in filters:
                assert ring.matching(wanted) == model.rows(wanted)
    assert ring.rows() == model.rows(Filter())
    for wanted in filters:
        assert ring.matching(wanted) == model.rows(wanted)
    for one in ring.rows():
        assert ring.get(one.seq) is one


def test_a_live_event_becomes_its_settled_self() -> None:
    """An event that ends is shown once, as it ended."""
    ring = EventRing()
    ring.update([row(seq=2, state="running"), row(seq=1, state="running")], [])
    ring.update([row(seq=2, state="running")], [row(seq=1, state="dead")])
    assert [(one.seq, one.state) for one in ring.rows()] == [(1, "dead"), (2, "running")]


def test_a_replayed_event_is_shown_as_it_is_now() -> None:
    """An event that ended, is live again and ends anew is one row with its last word."""
    ring = EventRing()
    ring.update([], [row(seq=1, state="dead")])
    dead = Filter.parse("state:dead")
    assert len(ring.matching(dead)) == 1
    ring.update([row(seq=1, state="running")], [])
    assert ring.matching(dead) == []
    assert [one.state for one in ring.rows()] == ["running"]
    ring.update([], [row(seq=1, state="succeeded")])
    assert ring.matching(dead) == []
    assert [one.state for one in ring.rows()] == ["succeeded"]


def test_an_event_held_for_long_is_seen_when_it_ends() -> None:
    """What is forgotten first is what ended first, not what was accepted first."""
    ring = EventRing(capacity=3)
    ring.update([row(seq=1, state="held")], [row(seq=seq) for seq in (2, 3, 4)])
    ring.update([], [row(seq=1, state="dead")])
    assert [one.seq for one in ring.rows()] == [1, 3, 4]


def test_nothing_new_leaves_the_revision_alone() -> None:
    """A frame that brings what is known already makes no pane redraw."""
    ring = EventRing()
    ring.update([row(seq=1, state="held")], [])
    revision = ring.revision
    ring.update([row(seq=1, state="held")], [])
    assert ring.revision == revision
    ring.update([row(seq=1, state="running")], [])
    assert ring.revision == revision + 1


def test_a_settled_row_is_tested_once_for_each_filter() -> None:
    """A filter over a full ring costs only what is new in a frame."""
    tested: list[int] = []

    class Counting(Filter):
        def matches(self, one: EventRow) -> bool:
            tested.append(one.seq)
            return super().matches(one)

    wanted = Counting.parse("state:succeeded")
    ring = EventRing()
    ring.update([], [row(seq=seq) for seq in range(1, 101)])
    assert len(ring.matching(wanted)) == 100
    tested.clear()
    ring.update([], [row(seq=101), row(seq=102)])
    assert len(ring.matching(wanted)) == 102
    assert tested == [101, 102]
    ring.matching(wanted)
    assert tested == [101, 102]


def test_missed_rows_are_counted() -> None:
    """What ended without ever being sent is not silently missing."""
    ring = EventRing()
    ring.update([], [], missed=7)
    ring.update([], [], missed=5)
    assert ring.missed == 12

"""Rings: the latest of something, and how much a reader has missed."""

from __future__ import annotations

import threading

from hypothesis import given, settings
from hypothesis import strategies as st

from agentflow.telemetry.rings import Ring, SharedRing


@given(st.integers(1, 20), st.integers(0, 60), st.integers(0, 80), st.integers(1, 30))
@settings(max_examples=200, deadline=None)
def test_a_reader_gets_what_is_new_and_learns_what_it_missed(
    capacity: int, appended: int, seen: int, limit: int
) -> None:
    """since() is the tail of everything after the cursor; the rest is counted as missed."""
    for ring in (Ring[int](capacity), SharedRing[int](capacity)):
        for number in range(1, appended + 1):
            ring.append(number)
        fresh = [number for number in range(1, appended + 1) if number > seen]
        found, missed = ring.since(seen, limit)
        assert found == fresh[max(0, len(fresh) - min(capacity, limit)) :]
        assert missed == len(fresh) - len(found)
        assert ring.total == appended
        assert len(ring) == min(capacity, appended)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)), max_size=20))
@settings(max_examples=60, deadline=None)
def test_reader_after_reader_nothing_is_seen_twice(steps: list[tuple[int, int]]) -> None:
    """Reading on from total, each item is seen once or counted as missed."""
    ring = Ring[int](8)
    cursor = seen = missed = 0
    for appends, limit in steps:
        for _ in range(appends):
            ring.append(ring.total + 1)
        found, lost = ring.since(cursor, limit)
        assert all(item > cursor for item in found)
        cursor = ring.total
        seen += len(found)
        missed += lost
    assert seen + missed == ring.total


def test_many_threads_share_a_ring() -> None:
    """Each item has a number of its own, and none is lost count of."""
    ring = SharedRing[int](100_000)

    def work() -> None:
        for _ in range(2_000):
            ring.number(lambda number: number)
            ring.since(0, 5)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ring.total == 8_000
    assert list(ring.items) == list(range(1, 8_001))

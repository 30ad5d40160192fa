"""Metrics: counts, errors, rates, the true mean and percentiles from a histogram."""

from __future__ import annotations

import asyncio
import math
import sys
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentflow import Event, State
from agentflow.telemetry.metrics import BOUNDS, Histogram, Rate
from agentflow.testing import recorder

from .support import LANES, NO_RETRY, loop, make, settle, virtual

durations = st.lists(st.floats(2e-6, 10_000), min_size=1, max_size=400)


@given(durations)
@settings(max_examples=80, deadline=None)
def test_percentiles_are_those_of_a_sorted_list_within_a_bucket(values: list[float]) -> None:
    """Nearest rank, at most one bucket (9 %) off; the mean and the maximum are exact."""
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    ordered = sorted(values)
    for share in (0.5, 0.95, 0.99, 1.0):
        exact = ordered[max(0, math.ceil(share * len(ordered)) - 1)]
        (found,) = histogram.percentiles(share)
        assert found == pytest.approx(exact, rel=0.1)
    assert histogram.mean == pytest.approx(sum(values) / len(values))
    assert histogram.maximum == max(values)
    assert histogram.count == len(values)


@given(durations, st.permutations([0.5, 0.95, 0.99]))
@settings(max_examples=40, deadline=None)
def test_percentiles_come_in_the_order_asked_for(values: list[float], shares: list[float]) -> None:
    """Each share has its own answer, wherever it stands, and more is never less."""
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    found = dict(zip(shares, histogram.percentiles(*shares), strict=True))
    assert found[0.5] <= found[0.95] <= found[0.99]
    assert [found[share] for share in shares] == [histogram.percentiles(s)[0] for s in shares]


def test_an_empty_histogram_is_all_zero() -> None:
    """No duration yet: mean, percentiles and count are 0."""
    histogram = Histogram()
    assert (histogram.mean, histogram.count, histogram.percentiles(0.5, 0.99)) == (0, 0, [0, 0])


def test_what_is_outside_the_buckets_is_counted() -> None:
    """Nothing at all and a year are durations like any other."""
    histogram = Histogram()
    for value in (0.0, 1e-12, 3e7):
        histogram.add(value)
    assert histogram.count == 3
    assert histogram.percentiles(0.01)[0] <= BOUNDS[0]
    assert histogram.percentiles(1.0)[0] >= BOUNDS[-2]


def test_a_histogram_does_not_grow() -> None:
    """A hundred thousand durations take the room of one."""
    histogram = Histogram()
    for number in range(100_000):
        histogram.add(number / 1_000)
    assert len(histogram.pending) <= 1_024
    assert sys.getsizeof(histogram.pending) < 20_000
    assert histogram.count == 100_000


def test_a_rate_follows_and_falls_to_zero() -> None:
    """A steady counter reads as its slope, a still one soon as nothing."""
    rate = Rate()
    count = 0
    for second in range(1, 20):
        count += 50
        value = rate.read(count, 100.0 + second)
    assert value == pytest.approx(50, rel=0.05)
    assert rate.read(count, 119.5) == value
    for second in range(20, 40):
        value = rate.read(count, 100.0 + second)
    assert value == 0


@pytest.mark.parametrize("lane", LANES)
@virtual
async def test_every_agent_has_its_own_account(lane: str) -> None:
    """Count, errors, mean, last error and time are those of its runs."""

    async def slow(event: Event, state: State) -> None:
        await asyncio.sleep(event.data["t"])
        if event.data["t"] == 3:
            raise ValueError("three")

    async with make(NO_RETRY, lane, a=slow, b=recorder().agent) as runner:
        for t in (1, 2, 3):
            await runner.request(Event("a", {"t": t}))
        meter = runner.plan.agents["a"].vitals.meter
        assert (meter.latency.count, meter.errors) == (3, 1)
        assert meter.latency.mean == pytest.approx(2, abs=0.01)
        assert meter.last_error == "ValueError: three"
        assert runner.plan.agents["b"].vitals.meter.latency.count == 0


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("mode", ["route", "collaborative", "sequential", "loop", "mixed"])
@virtual
async def test_every_mode_has_its_own_account(mode: str, lane: str) -> None:
    """Events count for the mode they ran in, failures as errors; runs for their agents."""
    text = (
        NO_RETRY
        + f"""
        mode = "{mode}"
        collaborative_agents = ["a", "b"]
        sequential_agents = ["a", "b"]
        loop_agent = "a"
        max_iterations = 3
        failure_threshold = 0.1
    """
    )
    bad = recorder(None, None, ValueError("x"))
    good = recorder()
    agents = {"a": bad.agent, "b": good.agent}
    async with make(text, lane, **agents) as runner:
        for _ in range(3):
            await runner.request(Event("a"))
        meter = runner.telemetry.modes[mode]
        runs = {
            name: agent.vitals.meter.latency.count for name, agent in runner.plan.agents.items()
        }
        assert meter.latency.count == 3
        assert meter.errors == runner.counts().dead > 0
    assert runs == {"a": len(bad.calls), "b": len(good.calls)}


@virtual
async def test_a_point_a_second_for_the_curves() -> None:
    """Rates, places and p95 of the last second, for ten minutes."""

    async def nap(event: Event, state: State) -> None:
        await asyncio.sleep(0.25)

    async with make("", a=nap) as runner:
        for _ in range(4):
            for _ in range(10):
                await runner.emit(Event("a"))
            await asyncio.sleep(1)
        points = list(runner.telemetry.points.items)
        await asyncio.sleep(700)
        assert len(runner.telemetry.points.items) == 600
    assert len(points) in (3, 4)
    assert sum(point.settled for point in points) == pytest.approx(10 * len(points), abs=0.5)
    assert points[-1].p95 == pytest.approx(0.25, rel=0.1)
    times = [point.time for point in points]
    assert all(b - a == pytest.approx(1, abs=0.01) for a, b in pairwise(times))


@virtual
async def test_a_blocked_loop_shows_as_lag() -> None:
    """The next point says by how much the loop was late."""
    async with make("", a=recorder().agent) as runner:
        await settle()
        loop().advance(5)
        await asyncio.sleep(0.01)
        assert runner.telemetry.points.items[-1].lag == pytest.approx(4, abs=0.1)

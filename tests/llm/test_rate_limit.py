"""RateLimit, on a clock that only moves when somebody sleeps."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentflow.llm import RateLimit


class VirtualTime:
    """Time that passes at once; while ``held``, sleepers wait for a cancel."""

    def __init__(self) -> None:
        self.now = 100.0
        self.held = False

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        if self.held:
            await asyncio.Event().wait()
        self.now += seconds
        await asyncio.sleep(0)


def limit(time: VirtualTime, rate: float, burst: int = 1) -> RateLimit:
    return RateLimit(rate, burst, clock=time.clock, sleep=time.sleep)


async def test_burst_goes_at_once_and_the_rest_in_step() -> None:
    """Three calls pass at once, each further one half a second after the last."""
    time = VirtualTime()
    bucket = limit(time, rate=2, burst=3)
    passed = []
    for _ in range(6):
        await bucket.acquire()
        passed.append(time.now - 100)
    assert passed == pytest.approx([0, 0, 0, 0.5, 1.0, 1.5])


async def test_a_rest_fills_up_to_the_burst_only() -> None:
    """After an hour of rest no more than the burst passes at once."""
    time = VirtualTime()
    bucket = limit(time, rate=10, burst=2)
    time.now += 3600
    begun = time.now
    for _ in range(3):
        await bucket.acquire()
    assert time.now - begun == pytest.approx(0.1)


async def test_first_come_first_served() -> None:
    """Callers that wait are let through in the order in which they came."""
    time = VirtualTime()
    bucket = limit(time, rate=1)
    order: list[int] = []

    async def call(number: int) -> None:
        await bucket.acquire()
        order.append(number)

    await asyncio.gather(*(call(number) for number in range(20)))
    assert order == list(range(20))
    assert time.now == pytest.approx(119)


async def test_cancelled_waiters_take_nothing() -> None:
    """Callers that give up, in front or behind, leave their turn to the others."""
    time = VirtualTime()
    bucket = limit(time, rate=1)
    await bucket.acquire()
    time.held = True
    waiting = [asyncio.create_task(bucket.acquire()) for _ in range(4)]
    await asyncio.sleep(0)
    for given_up in (waiting[0], waiting[2]):
        given_up.cancel()
    time.held = False
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [outcome is None for outcome in outcomes] == [False, True, False, True]
    assert time.now == pytest.approx(102)


@given(
    rate=st.floats(0.01, 10_000),
    burst=st.integers(1, 50),
    pauses=st.lists(st.floats(0, 10), min_size=1, max_size=60),
)
def test_never_more_than_promised(rate: float, burst: int, pauses: list[float]) -> None:
    """In any stretch of time at most burst + rate * seconds calls pass."""

    async def passing() -> list[float]:
        time = VirtualTime()
        bucket = limit(time, rate, burst)
        passed = []
        for pause in pauses:
            time.now += pause
            await bucket.acquire()
            passed.append(time.now)
        return passed

    passed = asyncio.run(passing())
    for first in range(len(passed)):
        for last in range(first, len(passed)):
            allowed = burst + rate * (passed[last] - passed[first])
            assert last - first + 1 <= allowed + 1e-3


@pytest.mark.parametrize(
    ("table", "rate", "burst"),
    [
        ({"requests_per_second": 5}, 5, 5),
        ({"requests_per_second": 0.5}, 0.5, 1),
        ({"requests_per_minute": 30, "burst": 4}, 0.5, 4),
        ({"requests_per_second": 5, "requests_per_minute": 60}, 1, 1),
    ],
)
def test_configuration_is_read(table: dict[str, float], rate: float, burst: int) -> None:
    """Per second or per minute, the stricter of both; the burst defaults to a second's."""
    read = RateLimit.from_config(SimpleNamespace(**table))
    assert read is not None
    assert (read.rate, read.burst) == (rate, burst)


def test_configuration_without_a_rate_limits_nothing() -> None:
    """A table that names no rate makes no limit."""
    assert RateLimit.from_config(SimpleNamespace(burst=3)) is None


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (-1, 1), (float("inf"), 1), (1, 0)])
def test_nonsense_is_refused(rate: float, burst: int) -> None:
    """A rate or a burst that lets nothing or everything through is an error."""
    with pytest.raises(ValueError, match="must be"):
        RateLimit(rate, burst)

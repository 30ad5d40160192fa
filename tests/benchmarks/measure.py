"""How two things are compared: in turns, in one process, by the median of the ratios."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

Run = Callable[[int], Awaitable[None]]
"""Handles that many events, from the first to the last."""


@dataclass(frozen=True)
class Row:
    """One line of the table: ``value`` must reach ``goal`` or, with ``most``, not pass it."""

    name: str
    value: float
    unit: str
    goal: float | None = None
    most: bool = False
    note: str = ""

    @property
    def met(self) -> bool:
        """Whether the goal is reached; a row without one has nothing to miss."""
        if self.goal is None:
            return True
        return self.value <= self.goal if self.most else self.value >= self.goal


async def seconds(run: Run, events: int) -> float:
    """CPU seconds for ``events`` events, without what earlier ones left to collect.

    Both sides of every comparison keep one core busy from the first event to the last, so
    CPU time is throughput, less what other programs take away meanwhile.
    """
    gc.collect()
    start = time.process_time()
    await run(events)
    return time.process_time() - start


async def compare(
    name: str, ours: Run, other: Run, events: int, rounds: int, goal: float | None = None
) -> Row:
    """The throughput of ``ours`` as a share of that of ``other``.

    They take turns, short ones, and who begins takes turns too, so that whatever else the
    machine does meets both.
    """
    await seconds(ours, events)
    await seconds(other, events)
    ratios, own = [], []
    for turn in range(rounds):
        if turn % 2:
            theirs = await seconds(other, events)
            own.append(await seconds(ours, events))
        else:
            own.append(await seconds(ours, events))
            theirs = await seconds(other, events)
        ratios.append(theirs / own[-1])
    spent = statistics.median(own) / events
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    note = f"{spread}; {1 / spent:,.0f} events/s, {spent * 1e6:.1f} µs each"
    return Row(name, statistics.median(ratios), "x", goal, note=note)

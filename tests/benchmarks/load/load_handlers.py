"""The agents of the load: one that makes events, one that does nothing, one that burns CPU."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

from agentflow import Context, Event, QueueFull, State

SLICE = 0.005  # seconds; a paced feeder emits in slices this long
WARM_UP = 1.0  # seconds before the throughput is counted

handled = 0


async def worker(event: Event, state: State) -> State:
    """Count the event and nothing else."""
    global handled
    handled += 1
    return state


async def burner(event: Event, state: State) -> State:
    """Burn ``seconds`` of CPU without letting go of the loop."""
    until = time.perf_counter() + event.data["seconds"]
    while time.perf_counter() < until:
        pass
    return state


async def feeder(event: Event, state: State, context: Context) -> State:
    """Emit to the worker for ``seconds``, ``rate`` events a second (0: as fast as they go).

    With ``burn``, the burner gets that many seconds of work each second. With ``report``,
    the throughput is written there as JSON at the end.
    """
    rate, burn = event.data.get("rate", 0), event.data.get("burn", 0)
    start = time.perf_counter()
    end = start + event.data["seconds"]
    emitted, burnt = 0, start
    counted: tuple[float, int] | None = None
    while (now := time.perf_counter()) < end:
        if counted is None and now - start > WARM_UP:
            counted = (now, handled)
        if burn and now - burnt > 1:
            burnt = now
            await context.emit(Event("burner", {"seconds": burn}, session_id="burner"))
        due = int((now - start) * rate) - emitted if rate else 500
        for _ in range(due):
            emitted += 1
            try:
                await context.emit(Event("worker", {"number": emitted}, session_id=str(emitted)))
            except QueueFull:  # the engine was kept from its work for a second
                break
        if rate:
            await asyncio.sleep(SLICE)
    if counted is not None and "report" in event.data:
        since, before = counted
        throughput = (handled - before) / (time.perf_counter() - since)
        await asyncio.to_thread(
            Path(event.data["report"]).write_text, json.dumps({"events_per_second": throughput})
        )
    return state

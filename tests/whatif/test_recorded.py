"""What a real engine has written to a real recording, run once more."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agentflow import Config, Event, Runner, State
from agentflow.recording import Recording
from agentflow.whatif import SAME, Summary, WhatIf
from whatif.test_same import MODES, NAMES

TOML = """
[orchestration]
mode = "{mode}"
timeout_seconds = 0.4
collaborative_agents = ["alpha", "beta"]
sequential_agents = ["gamma", "delta"]
loop_agent = "alpha"
max_iterations = 3
[error_routing]
enabled = true
default_error_handler = "delta"
[error_routing.retry]
max_retries = 2
initial_delay = 0.01
[recording]
enabled = true
path = "run.rec"
[journal]
enabled = true
path = "run.db"
"""


async def alpha(event: Event, state: State, context: Any) -> Any:
    if event.data.get("n") == 1 and context.attempt < 3:
        raise ConnectionError("busy")
    if event.data.get("n") == 2 and event.hop_count == 0:
        await asyncio.sleep(2)
    if event.hop_count == 0:
        await context.emit(event.child("beta", {"n": 10}))
        asked = await context.request(event.child("gamma", {"n": 11, "list": [1, 2]}))
        state["asked"] = asked.ok
    await asyncio.sleep(0.003)
    state["round"] = state.get("round", 0) + 1
    state["long"] = "x" * 3000
    return state


def beta(event: Event, state: State) -> Any:
    if event.data.get("n") == 3:
        raise ValueError("no")
    return {"beta": {"nested": [event.data.get("n")]}, "pair": (1, 2)}


async def gamma(event: Event, state: State) -> Any:
    if event.data.get("n") == 4:
        state.meta["route"] = "delta"
    return state


async def delta(event: Event, state: State) -> Any:
    if event.data.get("n") == 5:
        raise RuntimeError("delta gives up")
    return {"delta": len(state)}


HANDLERS = dict(zip(NAMES, (alpha, beta, gamma, delta), strict=True))


async def live(config: Config) -> None:
    async with Runner(config) as runner:
        for name, handler in HANDLERS.items():
            runner.register_agent(name, handler)
        for n in range(7):
            await runner.emit(Event(NAMES[n % 4], {"n": n}, session_id=f"s{n % 3}"))
        await runner.emit(
            Event("beta", {"n": 20}, {"broadcast": "true", "broadcast_targets": "beta, gamma"})
        )
        late = datetime.now(UTC) - timedelta(seconds=1)
        for priority in ("normal", "critical"):
            metadata = {"deadline": late.isoformat(), "priority": priority}
            await runner.emit(Event("gamma", {"n": 21}, metadata))
        await runner.join()


@pytest.mark.parametrize("mode", MODES)
def test_a_real_recording_under_its_own_configuration_does_not_part(
    mode: str, tmp_path: Path
) -> None:
    """Threads, retries, time-outs, error handlers, broadcasts, requests, deadlines: the same."""
    config = Config.from_toml(TOML.replace("{mode}", mode), path=tmp_path / "agentflow.toml")
    asyncio.run(live(config))
    with Recording.open(tmp_path / "run.rec") as recording:
        stories, versions = list(recording.stories()), list(recording.versions.values())
    summary = Summary.empty()
    for report in WhatIf(stories, versions, config):
        assert report.verdict == SAME, report.first and report.first.sentence
        summary.add(report)
    assert summary.new.events == len(stories) >= 10
    assert summary.recorded.dead == summary.new.dead > 0

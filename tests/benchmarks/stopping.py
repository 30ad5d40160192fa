"""What a breakpoint costs that is set and not hit: throughput against the same without it."""

from __future__ import annotations

from typing import Any

from measure import Row, compare
from throughput import MODES, engine, runner_for

from agentflow import Runner

GOAL = 0.98

CASES: tuple[tuple[str, str, bool, dict[str, Any], float | None], ...] = (
    # name, mode, with callbacks, the breakpoint, the goal
    ("on AgentError", "route", False, {"hook": "AgentError"}, GOAL),
    ("on another agent", "route", False, {"hook": "BeforeAgentRun", "agent": "b"}, GOAL),
    (
        "on this agent, when data says", "route", False,
        {"hook": "BeforeAgentRun", "agent": "a", "when": "data.number:-1"}, None,
    ),
    (
        "on this agent, when data says", "sequential of 4", False,
        {"hook": "BeforeAgentRun", "agent": "a", "when": "data.number:-1"}, None,
    ),
    (
        "on this agent, every hit counted", "route", False,
        {"hook": "BeforeAgentRun", "agent": "a", "stop_at": 1_000_000_000}, None,
    ),
    ("on AgentError", "collaborative of 3", False, {"hook": "AgentError"}, GOAL),
    (
        "on another agent", "collaborative of 3", False,
        {"hook": "BeforeAgentRun", "agent": "d"}, GOAL,
    ),
    (
        "on another agent", "route", True, {"hook": "BeforeAgentRun", "agent": "b"}, GOAL,
    ),
)  # fmt: skip


async def measure_breakpoints(events: int, rounds: int) -> list[Row]:
    """Each case as a share of the throughput without the breakpoint."""
    rows = []
    orchestrations = {mode.name: mode.orchestration for mode in MODES}
    for name, mode, hooks, fields, goal in CASES:
        async with (
            runner_for(orchestrations[mode], hooks=hooks) as watched,
            runner_for(orchestrations[mode], hooks=hooks) as plain,
        ):
            watched.breakpoints.set(**fields)
            with_callbacks = ", with callbacks" if hooks else ""
            label = f"breakpoint {name}, {mode}{with_callbacks}"
            rows.append(await compare(label, engine(watched), engine(plain), events, rounds, goal))
            _nothing_stopped(watched)
    return rows


def _nothing_stopped(runner: Runner) -> None:
    counts = runner.counts()
    if counts.succeeded != counts.accepted:
        raise RuntimeError(f"not everything succeeded: {counts}")

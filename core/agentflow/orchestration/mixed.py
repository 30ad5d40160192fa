"""Mixed: a collaborative phase, then a sequential one on its outcome."""

from __future__ import annotations

from collections.abc import Sequence

from agentflow.event import Event
from agentflow.orchestration.collaborative import collaborative
from agentflow.orchestration.outcome import Outcome, Run
from agentflow.orchestration.sequential import sequential
from agentflow.state import State


async def mixed(
    run: Run,
    event: Event,
    state: State,
    parallel: Sequence[str],
    pipeline: Sequence[str],
    max_concurrency: int = 10,
    failure_threshold: float = 0.5,
) -> Outcome:
    """Run ``parallel`` together, then ``pipeline`` one after the other."""
    if not parallel:
        return await sequential(run, event, state, pipeline)
    outcome = await collaborative(run, event, state, parallel, max_concurrency, failure_threshold)
    if outcome.error is not None or not pipeline:
        return outcome
    return await sequential(run, event, outcome.state, pipeline)

"""Collaborative: several agents look at the same event at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from agentflow.event import Event
from agentflow.orchestration.outcome import Outcome, Run
from agentflow.resilience.dead_letters import describe
from agentflow.state import State


async def collaborative(
    run: Run,
    event: Event,
    state: State,
    agents: Sequence[str],
    max_concurrency: int = 10,
    failure_threshold: float = 0.5,
) -> Outcome:
    """Run ``agents``, at most ``max_concurrency`` at once, each on its own clone of ``state``.

    The outcome is ``state`` with what each agent changed, merged in the order listed.
    Failures leave ``<agent>_failed`` and ``<agent>_error`` in its meta, and ``partial``.
    When failed/total reaches ``failure_threshold``, or all failed, the outcome's error is
    an ExceptionGroup of the agents' own errors.
    """
    if not agents:
        return Outcome(state)
    results: list[Outcome | None] = [None] * len(agents)
    places = iter(range(len(agents)))
    lanes = min(max_concurrency, len(agents))
    # One lane runs right here: a task less, and for one agent none at all.
    others = [
        asyncio.create_task(_lane(run, event, state, agents, results, places))
        for _ in range(lanes - 1)
    ]
    # The others are given their share first, so that this lane does not take it.
    first = next(places)
    try:
        results[first] = await run(agents[first], event, state.clone())
        await _lane(run, event, state, agents, results, places)
        for task in others:
            await task
    finally:
        for task in others:
            task.cancel()
    return _merge(state, agents, results, failure_threshold)


async def _lane(
    run: Run,
    event: Event,
    state: State,
    agents: Sequence[str],
    results: list[Outcome | None],
    places: Iterator[int],
) -> None:
    for place in places:
        results[place] = await run(agents[place], event, state.clone())


def _merge(
    state: State,
    agents: Sequence[str],
    results: Sequence[Outcome | None],
    failure_threshold: float,
) -> Outcome:
    merged = state.clone()
    errors: list[Exception] = []
    failed_agent = ""
    for agent, result in zip(agents, results, strict=True):
        assert result is not None
        if result.error is None:
            take_changes(merged, state, result.state)
            continue
        failed_agent = failed_agent or agent
        error = result.error
        errors.append(error if isinstance(error, Exception) else RuntimeError(describe(error)))
        merged.meta[f"{agent}_failed"] = "true"
        merged.meta[f"{agent}_error"] = describe(error)
    if not errors:
        return Outcome(merged, None, agents[-1])
    merged.meta["partial"] = "true"
    share = len(errors) / len(agents)
    if share >= failure_threshold or len(errors) == len(agents):
        group = ExceptionGroup(f"{len(errors)} of {len(agents)} agents failed", errors)
        return Outcome(merged, group, failed_agent)
    return Outcome(merged, None, agents[-1])


_ABSENT = object()


def take_changes(merged: State, base: State, changed: State) -> None:
    """Put into ``merged`` what ``changed`` has that ``base`` had not, or had otherwise.

    Merging whole states would let an agent that never looked at a value undo what
    another one wrote there.
    """
    for key, value in changed.items():
        before = base.get(key, _ABSENT)
        if value is not before and (before is _ABSENT or value != before):
            merged[key] = value
    for key, text in changed.meta.items():
        if base.meta.get(key, _ABSENT) != text:
            merged.meta[key] = text

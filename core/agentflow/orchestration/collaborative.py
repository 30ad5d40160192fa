"""Collaborative: several agents look at the same event at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from agentflow.agent import GRACE
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
    outcomes: list[Outcome | None] = [None] * len(agents)
    places = iter(range(len(agents)))
    lanes: list[asyncio.Task[None]] = []
    over = False

    async def lane() -> None:
        for place in places:
            if over:
                return  # its last agent has ignored that it was cancelled
            outcomes[place] = await run(agents[place], event, state.clone())

    def open_lanes() -> None:
        for _ in range(min(max_concurrency, len(agents)) - 1):
            lanes.append(loop.create_task(lane()))

    # One lane runs right here. The loop opens the others as soon as this one waits for
    # something: agents that never wait need no tasks at all.
    loop = asyncio.get_running_loop()
    opening = loop.call_soon(open_lanes)
    try:
        await lane()
        # Awaited directly, one of them would be given the cancellation meant for this task.
        if at_work := [task for task in lanes if not task.done()]:
            await asyncio.wait(at_work)
        for task in lanes:
            task.result()
    finally:
        over = True
        opening.cancel()
        if at_work := [task for task in lanes if not task.done()]:
            for task in at_work:
                task.cancel()
            # Only those that ignore it for this long may outlive the event.
            await asyncio.wait(at_work, timeout=GRACE)
    return _merge(state, agents, outcomes, failure_threshold)


def _merge(
    state: State,
    agents: Sequence[str],
    outcomes: Sequence[Outcome | None],
    failure_threshold: float,
) -> Outcome:
    merged = state
    errors: list[Exception] = []
    failed_agent = ""
    for agent, outcome in zip(agents, outcomes, strict=True):
        assert outcome is not None
        error = outcome.error
        if error is None and _same(outcome.state, state):
            continue
        if merged is state:
            merged = state.clone()
        if error is None:
            take_changes(merged, state, outcome.state)
            continue
        failed_agent = failed_agent or agent
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


def _same(one: object, other: object) -> bool:
    """Whether two values are equal; those that refuse to be compared are not."""
    try:
        return bool(one == other)
    except Exception:  # an array that is only equal element by element, say
        return False


def take_changes(merged: State, base: State, changed: State) -> None:
    """Put into ``merged`` what ``changed`` has that ``base`` had not, or had otherwise.

    Merging whole states would let an agent that never looked at a value undo what
    another one wrote there.
    """
    for key, value in changed.items():
        before = base.get(key, _ABSENT)
        if value is not before and not _same(value, before):
            merged[key] = value
    for key, text in changed.meta.items():
        if base.meta.get(key, _ABSENT) != text:
            merged.meta[key] = text

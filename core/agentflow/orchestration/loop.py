"""Loop: one agent, again and again, until it says it is done."""

from __future__ import annotations

from agentflow.errors import MaxIterationsReached
from agentflow.event import Event
from agentflow.orchestration.outcome import Outcome, Run
from agentflow.state import State


def is_complete(state: State) -> bool:
    """Whether the agent has set ``loop_complete`` (or ``loop_completed``) to true."""
    if "loop_complete" in state:
        value = state["loop_complete"]
    elif "loop_completed" in state:
        value = state["loop_completed"]
    else:
        return False
    return value is True or (isinstance(value, str) and value.strip().lower() == "true")


async def loop(
    run: Run,
    event: Event,
    state: State,
    agent: str,
    max_iterations: int = 5,
    fail_at_limit: bool = False,
    done: int = 0,
) -> Outcome:
    """Run ``agent`` until its state is complete, or ``max_iterations`` times.

    ``done`` iterations lie behind already.

    ``meta["loop_iteration"]`` counts from 1. At the limit the last state is the outcome,
    with ``meta["completion_reason"]``; with ``fail_at_limit`` it is a
    MaxIterationsReached that carries that state. A failed iteration ends the loop with
    the state from before it.
    """
    for iteration in range(done + 1, max_iterations + 1):
        state.meta["loop_iteration"] = str(iteration)
        outcome = await run(agent, event, state)
        state = outcome.state
        if outcome.error is not None:
            return outcome
        state.meta["loop_iteration"] = str(iteration)
        if is_complete(state):
            return outcome
    return at_limit(state, agent, max_iterations, fail_at_limit)


def at_limit(state: State, agent: str, max_iterations: int, fail: bool) -> Outcome:
    """The outcome of a loop that has not completed in ``max_iterations``."""
    state.meta["completion_reason"] = "max_iterations_reached"
    error = MaxIterationsReached(agent, max_iterations, state) if fail else None
    return Outcome(state, error, agent)

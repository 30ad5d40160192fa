"""Steering: what an event's metadata asks for, before it is orchestrated or instead of that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentflow.durations import parse_duration, parse_time
from agentflow.engine.execution import Execution
from agentflow.engine.plan import Choice
from agentflow.errors import DeadlineExceeded, EventLoopDetected
from agentflow.orchestration import Outcome, route
from agentflow.state import State

if TYPE_CHECKING:
    from agentflow.engine.dispatcher import Dispatcher


async def not_orchestrated(
    dispatcher: Dispatcher, execution: Execution, choice: Choice, state: State
) -> Outcome | None:
    """The outcome of an event that must not be orchestrated, else None.

    Also narrows the execution's time limit to what its metadata says.
    """
    event = execution.event
    metadata = event.metadata
    plan = choice.plan
    if event.steered:
        if metadata.get("system") == "true":
            return await route(execution.run, event, state, event.route)
        if "hop_count" in metadata and event.hop_count > plan.max_hops:
            return Outcome(state, EventLoopDetected(event.hop_count, plan.max_hops))
        if metadata.get("broadcast") == "true":
            return dispatcher.broadcast(execution, choice, state)
        late = _limit(dispatcher, execution)
        if late is not None:
            return Outcome(state, late, event.route)
    target = event.route
    if target and execution.mode != "route" and target not in plan.agents:
        return await execution.not_run(target, state, plan.missing(target))
    return None


def _limit(dispatcher: Dispatcher, execution: Execution) -> DeadlineExceeded | None:
    """Take in timeout, agent_timeout and deadline; the error if it is too late."""
    metadata, stood = execution.event.metadata, execution.work.stood
    for key in ("timeout", "agent_timeout"):
        if key in metadata:
            limit = execution.started + stood + parse_duration(metadata[key])
            execution.deadline = min(execution.deadline, limit)
    if "deadline" in metadata:
        left = parse_time(metadata["deadline"]).timestamp() + stood - dispatcher.clock.time()
        if left > 0:
            execution.deadline = min(execution.deadline, execution.started + stood + left)
        else:
            error = DeadlineExceeded(execution.event.route, -left)
            if execution.event.priority_rank == 0:
                return error
            # Late, but not critical: said aloud, and run all the same.
            execution.note(
                "late", execution.event.route, execution.started, 0.0, "warning", str(error)
            )
            dispatcher.telemetry.log("warning", "engine", f"event {execution.event.id}: {error}")
    return None

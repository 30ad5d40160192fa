"""Outlook: what comes next for an event that is stopped, in short lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentflow.engine.hooks import HookPoint, without_stops

if TYPE_CHECKING:
    from agentflow.engine.stops import Stop


def coming(stop: Stop) -> list[str]:
    """The callbacks of this point, then the agents and hook points up to the event's end."""
    execution, hook = stop.execution, stop.hook
    work = execution.work
    if work is None:
        return []
    lines: list[str] = []
    if stop.callbacks:
        skipped = " (skipped)" if stop.skip else ""
        lines.append(f"callbacks of {hook}: {', '.join(stop.callbacks)}{skipped}")
    if hook is HookPoint.AFTER_EVENT_HANDLING:
        return [*lines, f"the end: {'dead letter' if stop.error is not None else 'succeeded'}"]
    if hook is HookPoint.BEFORE_AGENT_RUN:
        lines.append(f"run of {stop.agent}")
    elif hook is HookPoint.AGENT_ERROR and stop.restart:
        if stop.edited:
            lines.append(f"{stop.agent} runs again, attempt {execution.attempt + 1}")
        else:
            lines.append(f"the failure of {stop.agent} stands; after an edit it runs again")
    lines += _agents(stop)
    hooks = work.dispatcher.hooks
    names = ", ".join(callback.name for callback in without_stops(hooks.after_event))
    lines.append("AfterEventHandling" + (f": {names}" if names else ""))
    return lines


def _agents(stop: Stop) -> list[str]:
    """The agents that the plan has in store after the one where it is stopped."""
    execution = stop.execution
    choice = execution.work.choice
    lists, mode = choice.lists, choice.mode
    at_start = stop.hook is HookPoint.BEFORE_EVENT_HANDLING
    if mode == "route":
        target = choice.plan.target_of(execution.event)
        return [f"run of {target or 'no agent: the event names none'}"] if at_start else []
    if mode == "loop":
        limit = choice.plan.max_iterations
        return [f"rounds of {lists.loop_agent or choice.plan.looping(execution.event)}, at most "
                f"{limit}, {len(execution.runs)} done"]  # fmt: skip
    lines: list[str] = []
    done = {run[0] for run in execution.runs}
    here = "" if at_start else stop.agent
    if mode in ("collaborative", "mixed"):
        beside = [name for name in lists.parallel if name not in done and name != here]
        if beside and (at_start or here in lists.parallel):
            lines.append(f"side by side: {', '.join(beside)}")
    if mode in ("sequential", "mixed"):
        pipeline = lists.pipeline
        if here in pipeline and not (mode == "mixed" and here in lists.parallel):
            pipeline = pipeline[pipeline.index(here) + 1 :]
        if pipeline:
            lines.append(f"then: {' → '.join(pipeline)}")
    return lines

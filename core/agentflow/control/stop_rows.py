"""Stop rows: breakpoints, and what is stopped at them, as plain data."""

from __future__ import annotations

from agentflow.control.rows import clean, event_row, plain, preview
from agentflow.control.words import StopDetail
from agentflow.engine import Runner
from agentflow.engine.breakpoint import Breakpoint
from agentflow.engine.outlook import coming
from agentflow.engine.stops import Stop
from agentflow.resilience.dead_letters import describe, trace_text
from agentflow.telemetry.snapshot import BreakpointRow, StopRow


def breakpoint_row(point: Breakpoint, *, applies: bool) -> BreakpointRow:
    """A breakpoint."""
    return BreakpointRow(
        point.number,
        str(point.hook or "any"),
        clean(point.agent),
        point.mode,
        clean(point.when.text),
        point.stop_at,
        point.hits,
        point.enabled,
        point.origin,
        "" if applies else "no agent is called so",
    )


def stop_row(stop: Stop, runner: Runner) -> StopRow:
    """An event that is stopped."""
    execution = stop.execution
    dispatcher = runner.dispatcher
    outer = dispatcher.breakpoints.clock.root_of(execution)
    event = execution.event
    return StopRow(
        stop.number,
        stop.breakpoint,
        stop.stepped,
        str(stop.hook),
        clean(stop.agent),
        execution.seq,
        clean(event.id),
        clean(event.session_id),
        clean(event.route),
        execution.mode,
        stop.since + dispatcher.wall_offset,
        execution.attempt,
        "" if stop.error is None else describe(stop.error),
        preview(event),
        stop.edited,
        stop.skip,
        dispatcher.backlog.behind(outer.event.session_id),
    )


def stop_detail(runner: Runner, number: int) -> StopDetail | None:
    """One stopped event in full; None if there is no such stop."""
    stop = runner.breakpoints.stops.get(number)
    if stop is None:
        return None
    dispatcher = runner.dispatcher
    execution = stop.execution
    parent = execution.event.parent_event
    found = dispatcher.nested.get(execution)
    if parent:
        found = next((one for one in runner.executions() if one.event.id == parent), found)
    cause = None
    if found is not None:
        cause = event_row(found, dispatcher.guards, dispatcher.wall_offset, dispatcher.now(), None)
    point = runner.breakpoints.find(stop.breakpoint)
    return StopDetail(
        row=stop_row(stop, runner),
        event=plain(execution.event.to_dict()),
        state=plain(dict(stop.state)),
        meta=plain(stop.state.meta),
        error_trace="" if stop.error is None else trace_text(stop.error),
        cause=cause,
        coming=[clean(line) for line in coming(stop)],
        callbacks=[clean(name) for name in stop.callbacks],
        breakpoint=None
        if point is None
        else breakpoint_row(point, applies=runner.breakpoints.applies(point)),
    )

"""Stop lines: a stopped event in full, and a breakpoint in full."""

from __future__ import annotations

import json

from agentflow.control import StopDetail
from agentflow.telemetry.snapshot import BreakpointRow, StopRow
from agentflow_console import show
from agentflow_console.palette import Palette
from agentflow_console.panes.document import Lines
from agentflow_console.panes.events import route
from agentflow_console.panes.json_lines import json_lines
from agentflow_console.panes.prose import fact, paragraph, section, traceback, values
from agentflow_console.text import safe


def stop_lines(row: StopRow, detail: StopDetail | None, palette: Palette, cells: int) -> Lines:
    """A stopped event; from the row alone until the detail is there."""
    where = f"{row.hook} of {row.agent}" if row.agent else row.hook
    lines: Lines = [[(" ‖ stopped at ", palette.held), (safe(where, 80), palette.strong)]]
    came = " (by a step from there)" if row.stepped else ""
    lines += fact("Breakpoint", f"{row.breakpoint}{came}{_condition(detail)}", palette, cells)
    lines += fact(
        "Event", f"{row.seq} to {row.target or 'the orchestration'}, {row.mode}", palette, cells
    )
    lines += fact("Session", row.session, palette, cells)
    lines += fact("Since", show.clock(row.since), palette, cells)
    if row.behind:
        waiting = f"{row.behind} event{'s' * (row.behind != 1)} of its session"
        lines += fact("Behind it", waiting, palette, cells)
    if row.attempt > 1:
        lines += fact("Attempt", str(row.attempt), palette, cells)
    if row.edited:
        lines += fact(
            "Edited", ("yes: what is shown here goes on", palette.success), palette, cells
        )
    if detail is not None and detail.cause is not None:
        cause = detail.cause
        lines += fact(
            "Caused by", f"event {cause.seq} {route(cause)} {cause.state}", palette, cells
        )
    if row.error:
        lines += section("Error", palette, cells)
        lines += paragraph((row.error, palette.error), palette, cells)
    if detail is None:
        lines += section("Data", palette, cells)
        return lines + paragraph((row.data, palette.muted), palette, cells)
    lines += section("What comes next", palette, cells)
    for line in detail.coming:
        lines += paragraph(line, palette, cells)
    lines += section("Data", palette, cells)
    lines += json_lines(detail.event.get("data") or {}, palette, cells)
    lines += section("State", palette, cells)
    lines += json_lines(detail.state, palette, cells)
    if detail.meta:
        lines += section("Meta", palette, cells)
        lines += values(detail.meta, palette, cells)
    if metadata := detail.event.get("metadata"):
        lines += section("Metadata", palette, cells)
        lines += values(metadata, palette, cells)
    if detail.error_trace:
        lines += section("Where it failed", palette, cells)
        lines += traceback(detail.error_trace, palette, cells)
    return lines


def _condition(detail: StopDetail | None) -> str:
    point = detail.breakpoint if detail is not None else None
    if point is None:
        return ""
    return f": {point.hook}{' of ' + point.agent if point.agent else ''}" + (
        f" when {point.when}" if point.when else ""
    )


def stop_text(row: StopRow, detail: StopDetail | None) -> str:
    """A stopped event as plain text, for the clipboard."""
    if detail is None:
        return f"{row.seq} {row.event_id} {row.hook} {row.agent}: {row.error or row.data}"
    whole = {
        "breakpoint": row.breakpoint,
        "hook": row.hook,
        "agent": row.agent,
        "event": detail.event,
        "state": detail.state,
        "meta": detail.meta,
        "error": row.error,
        "trace": detail.error_trace,
        "next": detail.coming,
    }
    return json.dumps(whole, indent=2, ensure_ascii=False, default=repr)


def breakpoint_lines(row: BreakpointRow, palette: Palette, cells: int) -> Lines:
    """A breakpoint."""
    state = ("● on", palette.held) if row.enabled else ("○ off", palette.muted)
    lines: Lines = [[(" " + state[0], state[1]), (f"  breakpoint {row.number}", palette.strong)]]
    lines += fact("Hook", "any hook point" if row.hook == "any" else row.hook, palette, cells)
    lines += fact("Agent", row.agent or "any", palette, cells)
    lines += fact("Mode", row.mode or "any", palette, cells)
    lines += fact("When", row.when or "always", palette, cells)
    first = "every hit" if row.stop_at == 1 else f"hit {row.stop_at} and all after it"
    lines += fact("Stops", first, palette, cells)
    lines += fact("Hits", str(row.hits), palette, cells)
    lines += fact("Set by", "the file" if row.origin == "file" else "an operator", palette, cells)
    if row.note:
        lines += fact("Note", (row.note, palette.warning), palette, cells)
    return lines

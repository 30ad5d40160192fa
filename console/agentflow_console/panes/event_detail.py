"""What there is to say about one event: where it is, what it carries, what it went through."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from agentflow.control import EventDetail
from agentflow.telemetry.snapshot import EventRow, SpanRow
from agentflow_console import show
from agentflow_console.palette import Palette
from agentflow_console.panes.base import Piece
from agentflow_console.panes.document import Lines, folded
from agentflow_console.panes.events import route, took
from agentflow_console.panes.json_lines import json_lines
from agentflow_console.text import crop, fit, safe

_NAME = 11
_SPANS = 200
_TRACE_LINES = 200
_NOT_OWN = ("/site-packages/", "/agentflow/", "/asyncio/")
"""Frames of a traceback that are rarely where the fault is."""


def event_lines(row: EventRow, detail: EventDetail | None, palette: Palette, cells: int) -> Lines:
    """The lines of a document about an event; the row alone until the detail is there."""
    lines = _summary(row, palette, cells)
    if row.error or (detail is not None and detail.error_trace):
        lines += _section("Error", palette, cells)
        if row.error:
            lines += folded([(" ", palette.text)], (safe(row.error), palette.error), cells, 1)
        trace = detail.error_trace if detail else ""
        lines += _trace(trace, palette, cells)
    if detail is None:
        lines += _section("Data", palette, cells)
        return lines + folded([(" ", palette.text)], (safe(row.data), palette.muted), cells, 1)
    lines += _section("Data", palette, cells)
    lines += json_lines(detail.event.get("data") or {}, palette, cells)
    metadata = detail.event.get("metadata") or {}
    if metadata:
        lines += _section("Metadata", palette, cells)
        lines += _table(metadata, palette, cells)
    if detail.spans:
        lines += _section(f"Timeline · {len(detail.spans)} spans", palette, cells)
        lines += timeline(detail.spans, palette, cells)
    if detail.state is not None:
        lines += _section("State it ended with", palette, cells)
        lines += json_lines(detail.state, palette, cells)
    if detail.meta:
        lines += _section("Outcome", palette, cells)
        lines += _table(detail.meta, palette, cells)
    if detail.children:
        lines += _section(f"Children · {len(detail.children)}", palette, cells)
        lines += [[(" " + safe(child, 60), palette.text)] for child in detail.children[:_SPANS]]
    return lines


def event_plain(detail: EventDetail) -> str:
    """All of it as JSON, to be copied."""
    whole = {
        "event": detail.event,
        "state": detail.row.state,
        "error": detail.row.error,
        "trace": detail.error_trace,
        "outcome": {"state": detail.state, "meta": detail.meta},
        "children": detail.children,
    }
    return json.dumps(whole, indent=2, ensure_ascii=False, default=repr)


def _summary(row: EventRow, palette: Palette, cells: int) -> Lines:
    took_text = took(row)
    first: list[Piece] = [
        (" " + show.state(row.state), palette.state(row.state)),
        ("  " + route(row), palette.strong),
        (f"  {took_text}" if took_text != "…" else "", palette.text),
    ]
    run = (
        f"{row.mode} v{row.version}" if row.mode else "",
        f"attempt {row.attempt}" if row.attempt else "",
        f"{row.priority} priority",
    )
    facts = [
        ("Accepted", f"{show.clock(row.time)}  as {row.seq}"),
        ("Event", row.id),
        ("Session", row.session),
        ("Parent", row.parent),
        ("Source", row.source),
        ("Run", " · ".join(part for part in run if part)),
    ]
    return [first, *(_fact(name, value, palette, cells) for name, value in facts if value)]


def _fact(name: str, value: str, palette: Palette, cells: int) -> list[Piece]:
    text = crop(safe(value), max(cells - _NAME - 1, 8))
    return [(" " + fit(name, _NAME), palette.muted), (text, palette.text)]


def _section(title: str, palette: Palette, cells: int) -> Lines:
    rule = "─" * max(cells - len(title) - 4, 0)
    return [[], [(f" {title} ", palette.heading), (rule, palette.faint)]]


def _table(values: dict[str, Any], palette: Palette, cells: int) -> Lines:
    longest = max((len(str(key)) for key in values), default=0)
    name_cells = min(max(longest, 8), 24)
    lines: Lines = []
    for key, value in values.items():
        start: list[Piece] = [(" " + fit(safe(str(key), 80), name_cells) + " ", palette.muted)]
        text: Piece = (safe(str(value), 2_000), palette.text)
        lines += folded(start, text, cells, name_cells + 2)
    return lines


def _trace(trace: str, palette: Palette, cells: int) -> Lines:
    written = [line for line in trace.splitlines() if line.strip(" ~^")]
    lines: Lines = []
    if len(written) > _TRACE_LINES:  # the end says most
        lines.append([(f" … {len(written) - _TRACE_LINES} earlier lines", palette.muted)])
    for line in written[-_TRACE_LINES:]:
        text = safe(line.rstrip(), 400)
        own = text.startswith("  File ") and not any(part in text for part in _NOT_OWN)
        style = palette.text if own else palette.muted
        lines += folded([(" ", palette.text)], (text, style), cells, 3)
    return lines


def timeline(spans: Sequence[SpanRow], palette: Palette, cells: int) -> Lines:
    """Spans by their start: when, how long, what, and a bar where in time."""
    begin = min(span.start for span in spans)
    end = max(span.start + max(span.duration, 0) for span in spans)
    whole = max(end - begin, 1e-6)
    depth = _depths(spans)
    name_cells = min(max(cells * 2 // 5, 18), 40)
    bar_cells = cells - name_cells - 19
    lines: Lines = []
    for span in sorted(spans, key=lambda one: one.start)[:_SPANS]:
        indent = "  " * min(depth.get(span.id, 0), 6)
        name = indent + safe(f"{span.kind} {span.name}" if span.name else span.kind, 80)
        style = palette.state(span.status)
        line: list[Piece] = [
            (" " + fit(show.duration(span.start - begin), 6, ">") + " ", palette.muted),
            (fit(name, name_cells), palette.text),
            (" " + fit(show.duration(span.duration), 6, ">") + " ", palette.text),
        ]
        if bar_cells >= 8:
            line.append((_bar(span, begin, whole, bar_cells), style))
        else:
            line.append((f" {show.state(span.status)}", style))
        lines.append(line)
        if span.error:
            lines.append([(" " * 8, palette.text), (safe(span.error, 200), palette.error)])
    if len(spans) > _SPANS:
        lines.append([(f" … {len(spans) - _SPANS} more", palette.muted)])
    return lines


def _bar(span: SpanRow, begin: float, whole: float, cells: int) -> str:
    start = min(int((span.start - begin) / whole * cells), cells - 1)
    if span.duration < 0:
        return " " * start + "·" * (cells - start)
    length = max(round(span.duration / whole * cells), 1)
    return " " * start + "█" * min(length, cells - start)


def _depths(spans: Sequence[SpanRow]) -> dict[str, int]:
    parents = {span.id: span.parent for span in spans}
    depths: dict[str, int] = {}
    for span in spans:
        depth, at = 0, span.parent
        while at in parents and depth < 12:
            depth, at = depth + 1, parents[at]
        depths[span.id] = depth
    return depths

"""What there is to say about one span: when, how it ended, and what it did to the state."""

from __future__ import annotations

import json
from typing import Any

from agentflow.control import SpanDetail
from agentflow.telemetry.difference import Change, difference
from agentflow.telemetry.snapshot import SpanRow
from agentflow_console import show
from agentflow_console.palette import Palette
from agentflow_console.panes.difference_lines import difference_lines, plain_lines, summary
from agentflow_console.panes.document import Lines
from agentflow_console.panes.json_lines import json_lines
from agentflow_console.panes.prose import fact, paragraph, section
from agentflow_console.text import safe

_KNOWN_FROM = {
    "own": "",
    "next": "With what callbacks did before the next run.",
    "final": "With what callbacks did up to the end of the event.",
    "together": "What the parallel runs made together: its own part was not kept.",
    "same": "The run failed: its changes were dropped.",
}


def changes_of(detail: SpanDetail) -> list[Change] | None:
    """What the span did to the state, meta included; None where that is not known."""
    if detail.before is None or detail.after is None:
        return None
    before, after = {**detail.before}, {**detail.after}
    if detail.before_meta is not None and detail.after_meta is not None:
        before["meta"], after["meta"] = detail.before_meta, detail.after_meta
    return difference(before, after)


def span_lines(span: SpanRow, detail: SpanDetail | None, palette: Palette, cells: int) -> Lines:
    """The lines of a document about a span; the row alone until the detail is there."""
    lines: Lines = [
        [
            (" " + show.state(span.status), palette.state(span.status)),
            (f"  {safe(span.kind, 30)} {safe(span.name, 80)}", palette.strong),
        ]
    ]
    took = "it still lasts" if span.duration < 0 else show.duration(span.duration)
    lines += fact("Began", show.clock(span.start), palette, cells)
    lines += fact("Took", took, palette, cells)
    lines += fact("Event", span.event_id, palette, cells)
    if span.detail:
        lines += fact("Note", span.detail, palette, cells)
    if span.error:
        lines += section("Error", palette, cells)
        lines += paragraph((span.error, palette.error), palette, cells)
    return lines if detail is None else lines + _state_lines(detail, palette, cells)


def _state_lines(detail: SpanDetail, palette: Palette, cells: int) -> Lines:
    before, after = ("Data", "State at the end") if detail.span.kind == "event" else (
        "State before", "State after")  # fmt: skip
    lines: Lines = []
    changes = changes_of(detail)
    if changes is not None:
        lines += section(f"What changed · {summary(changes)}", palette, cells)
        said = _KNOWN_FROM.get(detail.known_from, "")
        if said and detail.span.kind not in ("event", "orchestrate"):
            lines += paragraph((said, palette.muted), palette, cells)
        lines += difference_lines(changes, palette, cells)
    elif detail.before is not None:
        lines += section("What changed", palette, cells)
        lines += paragraph(("It is not known yet what came out.", palette.muted), palette, cells)
    if detail.before is not None:
        lines += section(before, palette, cells)
        lines += json_lines(detail.before, palette, cells)
    if detail.before_meta:
        lines += section("Metadata" if before == "Data" else "Meta before", palette, cells)
        lines += json_lines(detail.before_meta, palette, cells)
    if detail.after is not None and changes:
        lines += section(after, palette, cells)
        lines += json_lines(detail.after, palette, cells)
    return lines


def span_plain(span: SpanRow, detail: SpanDetail | None) -> str:
    """A span as text, to be copied."""
    took = "still lasts" if span.duration < 0 else show.duration(span.duration)
    lines = [
        f"{span.kind} {span.name}  {span.status}  {took}  began {show.clock(span.start)}",
        f"event {span.event_id}",
    ]
    lines += [text for text in (span.detail, span.error) if text]
    changes = changes_of(detail) if detail is not None else None
    if changes is not None:
        lines += [f"changed: {summary(changes)}", *plain_lines(changes)]
    return "\n".join(lines)


def span_json(span: SpanRow, detail: SpanDetail | None) -> dict[str, Any]:
    """A span as data for JSON."""
    fields = ("id", "parent", "event_id", "kind", "name", "start", "duration", "status", "error",
              "detail")  # fmt: skip
    whole: dict[str, Any] = {name: getattr(span, name) for name in fields}
    if detail is not None:
        whole |= {
            "before": detail.before, "after": detail.after, "before_meta": detail.before_meta,
            "after_meta": detail.after_meta, "after_known_from": detail.known_from,
        }  # fmt: skip
    return whole


def as_json(value: Any) -> str:
    """JSON for people and programs."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=repr)

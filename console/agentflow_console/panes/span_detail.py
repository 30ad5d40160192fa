"""What there is to say about one span."""

from __future__ import annotations

import json

from agentflow.telemetry.snapshot import SpanRow
from agentflow_console import show
from agentflow_console.palette import Palette
from agentflow_console.panes.document import Lines
from agentflow_console.panes.json_lines import json_lines
from agentflow_console.panes.prose import fact, paragraph, section
from agentflow_console.text import safe


def span_lines(span: SpanRow, palette: Palette, cells: int) -> Lines:
    """When, how long, how it ended, and the state as far as it was kept."""
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
    if span.error:
        lines += section("Error", palette, cells)
        lines += paragraph((span.error, palette.error), palette, cells)
    if span.detail:
        lines += section("State", palette, cells)
        try:
            lines += json_lines(json.loads(span.detail), palette, cells)
        except ValueError:  # it was cut, or is text of another kind
            lines += paragraph(span.detail, palette, cells)
    return lines

"""A session as text and as JSON, to be copied."""

from __future__ import annotations

from collections.abc import Sequence

from agentflow.telemetry.snapshot import SpanRow
from agentflow_console import show
from agentflow_console.panes.span_detail import as_json, span_json
from agentflow_console.panes.spans import tree


def session_plain(session: str, spans: Sequence[SpanRow], now: float) -> str:
    """The tree of its spans, with when each began, how long it took and how it ended."""
    nodes = tree(spans, now)
    begin = min((span.start for span in spans), default=0.0)
    lines = [f"session {session}, {len(spans)} spans, began {show.clock(begin)}"]
    for node in nodes:
        span = node.span
        name = span.name if span.kind in ("agent", "attempt") else f"{span.kind} {span.name}"
        parts = [
            f"{node.stem}{name}", show.state(span.status), show.duration(span.duration),
            f"+{show.duration(max(span.start - begin, 0.0))}", span.detail, span.error,
        ]  # fmt: skip
        lines.append("  ".join(part for part in parts if part))
    return "\n".join(lines)


def session_json(session: str, spans: Sequence[SpanRow]) -> str:
    """The session and all its spans, in the order of time."""
    ordered = sorted(spans, key=lambda span: span.start)
    return as_json({"session": session, "spans": [span_json(span, None) for span in ordered]})

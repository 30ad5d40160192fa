"""The audit as JSON lines for other programs: from the screen and from the command line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from agentflow.telemetry.snapshot import AuditRow
from agentflow_console.forms.json_text import write_object

DEFAULT_NAME = "audit.jsonl"


def exported(row: AuditRow) -> dict[str, Any]:
    """All that is known of one action."""
    return {
        "number": row.seq,
        "time": datetime.fromtimestamp(row.time, UTC).isoformat(timespec="milliseconds"),
        "operator": row.operator,
        "action": row.action,
        "target": row.target,
        "outcome": row.outcome,
        "detail": row.detail,
        "change": row.change,
        "why": row.why,
        "undid": row.undid,
        "about": row.about,
    }


def as_lines(rows: Iterable[AuditRow]) -> Iterator[str]:
    """An object a line."""
    for row in rows:
        yield f"{write_object(exported(row), indent=None)}\n"

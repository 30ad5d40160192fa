"""One action of the audit as JSON has it: for other programs, and for the clipboard."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from agentflow.telemetry.snapshot import AuditRow

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

"""One dead letter as JSON has it: for other programs, which can emit its event again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from agentflow.control import DeadDetail

DEFAULT_NAME = "dead-letters.jsonl"


def exported(letter: DeadDetail) -> dict[str, Any]:
    """All that is known of a letter; its event can be emitted again as it stands there."""
    row = letter.row
    return {
        "number": row.number,
        "time": datetime.fromtimestamp(row.time, UTC).isoformat(timespec="milliseconds"),
        "status": row.status,
        "agent": row.agent,
        "attempts": row.attempts,
        "config_version": row.version,
        "error": letter.error,
        "trace": letter.error_trace,
        "event": letter.event,
    }

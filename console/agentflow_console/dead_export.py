"""Dead letters as JSON for other programs: from the screen and from the command line."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agentflow.control import DeadDetail
from agentflow_console.forms.json_text import write_object

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


def as_lines(objects: Iterable[dict[str, Any]]) -> Iterator[str]:
    """An object a line."""
    for fields in objects:
        yield f"{write_object(fields, indent=None)}\n"


def as_list(objects: Iterable[dict[str, Any]]) -> Iterator[str]:
    """One list of them."""
    before = "["
    for fields in objects:
        yield f"{before}\n{write_object(fields)}"
        before = ","
    yield "[]\n" if before == "[" else "\n]\n"


def write_new(path: Path, pieces: Iterable[str], *, replace: bool = False) -> None:
    """Write a file, whole or not at all, that must not be there unless ``replace``.

    Only its owner can read it: what failed may be nobody else's business. Raises OSError.
    """
    if path.exists() and not replace:
        raise FileExistsError(17, "it is there already", str(path))
    fresh = path.with_name(f".{path.name}.new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with open(os.open(fresh, flags, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123
        file.writelines(pieces)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)

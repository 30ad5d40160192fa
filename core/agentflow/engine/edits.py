"""Edits: what is different between two mappings, in short sentences for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from agentflow.telemetry.trace import bounded

ABSENT = object()

SHORT = 40
"""Most characters of a value in a difference."""

MAX_DIFFERENCES = 5


def same(one: object, other: object) -> bool:
    """Whether two values are equal and of one kind; those that refuse to be compared are not."""
    if one is other:
        return True
    if isinstance(one, bool) is not isinstance(other, bool):
        return False
    try:
        return bool(one == other)
    except Exception:  # an array that is only equal element by element, say
        return False


def differences(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What is different in ``new``, key by key: "data.size: 3 → 4"."""
    found: list[str] = []
    for key in {**old, **new}:
        before, after = old.get(key, ABSENT), new.get(key, ABSENT)
        if same(before, after):
            continue
        label = f"{name}.{key if len(key) <= SHORT else key[:SHORT] + '…'}"
        if before is ABSENT:
            found.append(f"{label}: added {_short(after)}")
        elif after is ABSENT:
            found.append(f"{label}: taken out ({_short(before)})")
        else:
            found.append(f"{label}: {_changed(before, after)}")
    if len(found) > MAX_DIFFERENCES:
        found[MAX_DIFFERENCES:] = [f"{len(found) - MAX_DIFFERENCES} more in {name}"]
    return found


def _changed(before: object, after: object) -> str:
    """Long texts from shortly before the first character that is different."""
    if isinstance(before, str) and isinstance(after, str) and len(before) > SHORT:
        at = 0
        for one, other in zip(before, after, strict=False):
            if one != other:
                break
            at += 1
        start = max(0, at - 10)
        if start:
            return f"…{_short(before[start:])} → …{_short(after[start:])}"
    return f"{_short(before)} → {_short(after)}"


def _short(value: object) -> str:
    try:
        text = msgspec.json.encode(bounded(value)).decode()
    except (TypeError, ValueError, OverflowError, RecursionError):
        text = repr(bounded(value)).encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= SHORT else text[: SHORT - 1] + "…"

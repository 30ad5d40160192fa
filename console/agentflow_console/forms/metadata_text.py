"""Metadata as people write it: ``key=value`` lines, or a JSON object of texts."""

from __future__ import annotations

import json
from collections.abc import Mapping

from agentflow_console.forms.json_text import Fault, read_object, write_object

LINEAGE = frozenset(
    {"parent_event", "chain_id", "hop_count", "workflow_step", "broadcast_id", "replay_of"}
)
"""What the engine writes into the metadata; a copy of an event keeps it, out of sight."""

LEFT_BEHIND = frozenset({"deadline", "idempotency_key"})
"""What belongs to the first try alone."""

OWN_FIELDS = frozenset({"session_id", "priority"})
"""What has a field of its own in the form."""


def read_metadata(text: str) -> dict[str, str] | Fault:
    """The metadata in ``text``, or its first fault."""
    if text.lstrip().startswith("{"):
        return _from_json(text)
    metadata: dict[str, str] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        key, equals, value = (part.strip() for part in line.partition("="))
        if not equals:
            return Fault(number, len(line.rstrip()) + 1, "an = is missing: key=value")
        if not key:
            return Fault(number, 1, "a key is missing before the =")
        if key in metadata:
            return Fault(number, 1, f"{key} is there twice")
        metadata[key] = value
    return metadata


def _from_json(text: str) -> dict[str, str] | Fault:
    value = read_object(text)
    if isinstance(value, Fault):
        return value
    for key, item in value.items():
        if isinstance(item, (dict, list)) or item is None:
            at = max(text.find(json.dumps(key, ensure_ascii=False)), 0)
            line = text.count("\n", 0, at) + 1
            return Fault(line, at - text.rfind("\n", 0, at), f"{key} must be text")
    return {key: item if isinstance(item, str) else json.dumps(item) for key, item in value.items()}


def write_metadata(metadata: Mapping[str, str]) -> str:
    """``metadata`` as text to edit: lines where that says it all, else JSON."""
    plain = all(
        key == key.strip() and key and "=" not in key and not key.startswith("{")
        and value == value.strip() and (key + value).isprintable()
        for key, value in metadata.items()
    )  # fmt: skip
    if plain:
        return "\n".join(f"{key}={value}" for key, value in metadata.items())
    return write_object(metadata)

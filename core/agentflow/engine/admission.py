"""Admission: whether the engine can act on what an event's metadata says."""

from __future__ import annotations

from agentflow.durations import parse_duration, parse_time
from agentflow.engine.plan import MODE_ALIASES
from agentflow.errors import InvalidEvent
from agentflow.event import PRIORITIES, Event

NORMAL = PRIORITIES["normal"]


def check(event: Event) -> int:
    """The rank of an event's priority. Raises InvalidEvent for metadata that can't be used."""
    metadata = event.metadata
    rank = event.priority_rank
    for key in ("timeout", "agent_timeout"):
        if key in metadata:
            try:
                parse_duration(metadata[key])
            except ValueError as error:
                raise InvalidEvent(f"metadata.{key}", str(error)) from None
    if "deadline" in metadata:
        try:
            parse_time(metadata["deadline"])
        except ValueError as error:
            raise InvalidEvent("metadata.deadline", str(error)) from None
    _ = event.hop_count, event.workflow_step  # reading them is the check
    override = metadata.get("orchestration_override")
    if override and override.strip().lower() not in MODE_ALIASES:
        raise InvalidEvent(
            "metadata.orchestration_override",
            f"{override[:40]!r} is not one of {', '.join(MODE_ALIASES)}",
        )
    return rank


def rank_of(event: Event) -> int:
    """As ``check``, which asks nothing of an event that nothing steers."""
    return check(event) if event.steered else NORMAL

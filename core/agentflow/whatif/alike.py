"""Alike: what counts as the same in two runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from agentflow.event import Event
from agentflow.telemetry.difference import Change, difference
from agentflow.whatif.plain import plain

_ENGINES_NUMBERS = ("timed out after", "had passed", "lets a call through in")
_encode = msgspec.msgpack.Encoder().encode
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_PASSING = ("time", "config_version")
"""What the data of an error event says of the run and not of the event."""


def same_text(old: str, new: str) -> bool:
    """Whether two texts say the same; how late something was is no difference."""
    if old == new:
        return True
    if not any(words in old and words in new for words in _ENGINES_NUMBERS):
        return False
    return _NUMBER.sub("#", old) == _NUMBER.sub("#", new)


def differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """How ``new`` differs from ``old``, apart from texts that say the same."""
    if _equal(old, new):
        return []
    return [
        change
        for change in difference(old, new)
        if not (
            isinstance(change.old, str)
            and isinstance(change.new, str)
            and same_text(change.old, change.new)
        )
    ]


def _equal(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether two values are the same to the last type; a quick look that may miss it."""
    try:
        return _encode(old) == _encode(new)
    except (TypeError, ValueError, OverflowError, UnicodeError, RecursionError):
        return False


def same_event(old: Event, new: Event) -> bool:
    """Whether two events ask for the same thing, whatever their ids and times."""
    return old.target == new.target and not differing(_lasting(old), _lasting(new))


def _lasting(event: Event) -> dict[str, Any]:
    """The data of an event, without what an error event says of its run."""
    data = plain(event.data)
    if event.metadata.get("system") == "true" and "original_event" in data:
        return {key: value for key, value in data.items() if key not in _PASSING}
    return data

"""Changes: which keys of the state a callback has changed, seen without looking deep.

A callback that only looks on costs one truth test. For one that has returned a State once, the
state's keys are kept from its next call on, as a shallow copy, and compared: a value that was
changed in place, inside, is not noticed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from agentflow.state import State

Given: TypeAlias = tuple[dict[str, Any], dict[str, str]]
"""Shallow copies of the values and the meta that a callback was given."""

SOMETHING = "something"
"""What is said of the first State that a callback returns, if it is the one it was given."""

NO_META: dict[str, str] = {}
"""Stands for the copy of an empty meta."""

_NAMED = 12  # keys that are told by name
_LONGEST = 40  # characters of a key
_ABSENT = object()


def changed(before: Given | None, state: State, returned: State) -> str:
    """The keys that differ in the State a callback returned, in words; '' for none.

    ``state`` is the one it was given, ``before`` how that looked, if that was kept.
    """
    if before is None:
        if returned is state:
            return SOMETHING
        before = state._values, state.meta
    values, meta = before
    try:
        if values == returned._values and meta == returned.meta:
            return ""
    except Exception:  # a value that refuses to be compared: key by key, then
        pass
    keys = _differing(values, returned._values)
    if meta or returned.meta:
        keys += [f"meta.{key}" for key in _differing(meta, returned.meta)]
    if len(keys) == 1:
        return str(keys[0])[:_LONGEST]
    named = ", ".join([str(key)[:_LONGEST] for key in keys[:_NAMED]])
    return f"{named} and {len(keys) - _NAMED} more" if len(keys) > _NAMED else named


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    keys: list[str] = []
    for key, value in after.items():
        old = before.get(key, _ABSENT)
        if old is not value and (old is _ABSENT or not _same(old, value)):
            keys.append(key)
    if len(after) - len(keys) < len(before):
        keys += [key for key in before if key not in after]
    return keys


def _same(old: Any, new: Any) -> bool:
    try:
        return bool(old == new)
    except Exception:  # a value that refuses to be compared
        return False

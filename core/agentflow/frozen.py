"""Containers that cannot be changed, so that an event stays what it was when it was made.

They are subclasses of ``dict`` and ``list``: they compare equal to them, and every
JSON encoder takes them.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Mapping
from typing import Any, NoReturn

from agentflow.errors import InvalidEvent

MAX_DEPTH = 100
"""How deep containers may be nested in an event's data."""

ATOMS = frozenset({str, int, float, bool, type(None)})
"""Types that need no copy because nothing about them can change."""

SMALL_TEXT = 500
SMALL_COUNT = 50
SMALLEST, LARGEST = -(2**63), 2**63 - 1
"""Up to so many characters and items, a value is kept in traces as it is."""


def _refuse(self: object, *_: object, **__: object) -> NoReturn:
    raise TypeError("an event is immutable: make another one with event.replace(...)")


class FrozenDict(dict[str, Any]):
    """A dict that refuses every change."""

    __slots__ = ()
    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __deepcopy__(self, memo: dict[int, Any]) -> FrozenDict:
        return self

    def __copy__(self) -> FrozenDict:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return (FrozenDict, (dict(self),))


class FrozenList(list[Any]):
    """A list that refuses every change."""

    __slots__ = ()
    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse
    append = clear = extend = insert = pop = remove = _refuse
    reverse = sort = _refuse

    def __deepcopy__(self, memo: dict[int, Any]) -> FrozenList:
        return self

    def __copy__(self) -> FrozenList:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return (FrozenList, (list(self),))


EMPTY = FrozenDict()


def freeze(value: Any, field: str = "data", depth: int = 0) -> Any:
    """``value`` with its containers copied into ones that cannot be changed.

    Raises InvalidEvent when containers are nested deeper than MAX_DEPTH (a cycle is
    endlessly deep). Objects that are not containers are kept as they are.
    """
    kind = type(value)
    if kind in ATOMS:
        return value
    if depth >= MAX_DEPTH:
        raise InvalidEvent(field, f"nested deeper than {MAX_DEPTH} levels")
    depth += 1
    if kind is FrozenDict or kind is FrozenList:
        # Frozen already, but perhaps not at this depth.
        for item in value.values() if kind is FrozenDict else value:
            freeze(item, field, depth)
        return value
    if isinstance(value, Mapping):
        return FrozenDict({key: freeze(item, field, depth) for key, item in value.items()})
    if isinstance(value, (list, deque)):
        return FrozenList([freeze(item, field, depth) for item in value])
    if isinstance(value, tuple):
        if hasattr(value, "_fields"):
            return value._make(freeze(item, field, depth) for item in value)  # type: ignore[attr-defined]
        return tuple(freeze(item, field, depth) for item in value)
    if isinstance(value, (set, frozenset)):
        return frozenset(value)
    if isinstance(value, bytearray):
        return bytes(value)
    return value


def thaw(value: Any) -> Any:
    """``value`` with its containers copied into plain ones that may be changed."""
    kind = type(value)
    if kind in ATOMS:
        return value
    if kind is FrozenDict or kind is dict:
        return {key: thaw(item) for key, item in value.items()}
    if kind is FrozenList or kind is list:
        return [thaw(item) for item in value]
    if kind is tuple:
        return tuple(thaw(item) for item in value)
    if isinstance(value, (dict, list, set, deque, bytearray)):
        return copy.deepcopy(value)
    return value


def is_small(values: Mapping[str, Any]) -> bool:
    """Whether a trace can keep ``values`` as they are: few, flat and short."""
    for value in values.values():
        kind = type(value)
        if kind is str:
            if len(value) > SMALL_TEXT:
                return False
        elif kind is int:
            if not SMALLEST <= value <= LARGEST:
                return False
        elif kind not in ATOMS:
            return False
    return len(values) <= SMALL_COUNT

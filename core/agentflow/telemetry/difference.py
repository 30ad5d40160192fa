"""Difference: what is another thing in one piece of plain data than in another, path by path."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import msgspec

Path: TypeAlias = tuple[str | int, ...]

ADDED, REMOVED, CHANGED = "added", "removed", "changed"


class Change(msgspec.Struct, frozen=True):
    """One place that differs. ``path`` are keys and list places from the outside in."""

    path: Path
    kind: str  # added, removed, changed
    old: Any = None
    new: Any = None

    @property
    def place(self) -> str:
        """The path as people write it: ``report.lines[3]``."""
        text = ""
        for step in self.path:
            if isinstance(step, int):
                text += f"[{step}]"
            else:
                text += f".{step}" if text else step
        return text or "all of it"


def difference(before: Any, after: Any) -> list[Change]:
    """What has to change in ``before`` so that it becomes ``after``.

    Both are plain data: mappings with text keys, lists, atoms. Keys in their order, those that
    are gone first; lists are compared place by place.
    """
    changes: list[Change] = []
    todo: list[tuple[Path, Any, Any]] = [((), before, after)]
    while todo:
        path, old, new = todo.pop()
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            changes += [Change((*path, key), REMOVED, old[key]) for key in old if key not in new]
            for key in new:
                if key not in old:
                    changes.append(Change((*path, key), ADDED, new=new[key]))
            both = [key for key in new if key in old]
            todo += [((*path, key), old[key], new[key]) for key in reversed(both)]
        elif isinstance(old, list | tuple) and isinstance(new, list | tuple):
            shared = min(len(old), len(new))
            for place in range(len(old) - 1, shared - 1, -1):  # from the end: places stay true
                changes.append(Change((*path, place), REMOVED, old[place]))
            for place in range(shared, len(new)):
                changes.append(Change((*path, place), ADDED, new=new[place]))
            todo += [((*path, at), old[at], new[at]) for at in range(shared - 1, -1, -1)]
        elif not _same(old, new):
            changes.append(Change(path, CHANGED, old, new))
    return changes


def apply(changes: Iterable[Change], before: Any) -> Any:
    """``before`` with these changes made, as data of its own."""
    whole = [_copied(before)]
    for change in changes:
        path: Path = (0, *change.path)
        inside: Any = whole
        for step in path[:-1]:
            inside = inside[step]
        last: Any = path[-1]
        if change.kind == REMOVED:
            del inside[last]
        elif change.kind == ADDED and isinstance(inside, list):
            inside.insert(last, _copied(change.new))
        else:
            inside[last] = _copied(change.new)
    return whole[0]


def _same(old: Any, new: Any) -> bool:
    """Whether two atoms are one and the same; 1, 1.0 and true are three things, NaN is one."""
    if old is new:
        return True
    try:
        return type(old) is type(new) and bool(old == new or (old != old and new != new))
    except Exception:  # a value that refuses to be compared
        return False


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_copied(item) for item in value]
    return value

"""Whether an event is what a rule's ``when`` describes.

``when`` names values by dotted path below ``data`` or ``metadata``; all must hold:

- a number or a truth value: equal to it
- text: equal to it, or a glob when it has ``*`` or ``?``
- ``">1000"``, ``"<=5"``, ``"!=draft"``: compared so, as numbers where both sides are numbers

A list in the event holds when one of its items does. What is absent never holds. Metadata is
text, so a number there is compared with the number that the text says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from agentflow.config.problems import did_you_mean
from agentflow.config.values import Wrong
from agentflow.filters.vocabulary import number_of

Check = Callable[[Any], bool]

_COMPARISON = re.compile(r"\s*(>=|<=|!=|==|>|<)\s*(.*?)\s*", re.DOTALL)
_MISSING = object()


def flatten(value: Any) -> dict[str, Any]:
    """``when`` as one level of dotted paths. Raises ValueError when it cannot be a ``when``."""
    if not isinstance(value, Mapping):
        raise ValueError("not a table")
    flat: dict[str, Any] = {}
    for path, item in _leaves(value, ""):
        root, _, rest = path.partition(".")
        if root not in ("data", "metadata") or not rest:
            raise Wrong(
                f"must name values as data.KEY or metadata.KEY, not {path[:60]!r}",
                did_you_mean(root, ("data", "metadata")) or f"write data.{path[:60]}",
            )
        if not isinstance(item, (str, int, float)):
            raise Wrong(f"must compare {path[:60]!r} with text, a number, true or false")
        condition(item)
        flat[path] = str(item) if isinstance(item, str) else item
    if not flat:
        raise Wrong("must name at least one value, such as data.kind")
    return flat


def _leaves(table: Mapping[Any, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, item in table.items():
        if isinstance(item, Mapping):
            yield from _leaves(item, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", item


class Matcher:
    """A ``when`` made ready: call it with an event's data and metadata."""

    __slots__ = ("_conditions", "_when")

    def __init__(self, when: Mapping[str, Any]) -> None:
        self._when = dict(when)
        self._conditions: tuple[tuple[bool, tuple[str, ...], Check], ...] = tuple(
            (parts[0] == "metadata", tuple(parts[1:]), condition(expected))
            for path, expected in when.items()
            if (parts := path.split("."))
        )

    def __reduce__(self) -> tuple[type[Matcher], tuple[dict[str, Any]]]:
        return Matcher, (self._when,)

    def __call__(self, data: Mapping[str, Any], metadata: Mapping[str, str]) -> bool:
        """Whether all conditions hold."""
        for in_metadata, path, holds in self._conditions:
            value = lookup(metadata if in_metadata else data, path)
            if value is _MISSING:
                return False
            if isinstance(value, (list, tuple)):
                if not any(holds(item) for item in value):
                    return False
            elif not holds(value):
                return False
        return True


def lookup(values: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    """The value at ``path``; keys that have dots of their own are found too."""
    joined = ".".join(path)
    if joined in values:
        return values[joined]
    here: Any = values
    for key in path:
        if not isinstance(here, Mapping) or key not in here:
            return _MISSING
        here = here[key]
    return here


def condition(expected: Any) -> Check:
    """The check that one value of ``when`` stands for."""
    if isinstance(expected, str):
        comparison = _COMPARISON.fullmatch(expected)
        if comparison and comparison[2]:
            return _compared(comparison[1], comparison[2])
        if "*" in expected or "?" in expected:
            glob = "".join({"*": ".*", "?": "."}.get(c) or re.escape(c) for c in expected)
            fits = re.compile(glob, re.DOTALL).fullmatch
            return lambda value: isinstance(value, str) and fits(value) is not None
        return lambda value: isinstance(value, str) and value == expected
    if isinstance(expected, bool):
        word = "true" if expected else "false"
        return lambda value: value is expected or (isinstance(value, str) and value == word)
    return lambda value: number_of(value) == expected


def _compared(operator: str, text: str) -> Check:
    bound = number_of(text)
    if operator in ("!=", "=="):
        wanted = operator == "=="
        equal = condition(text if bound is None else bound)
        return lambda value: equal(value) is wanted
    if bound is None:
        raise Wrong(f"can compare {operator!r} with a number only, not {text[:40]!r}")
    order: dict[str, Callable[[float, float], bool]] = {
        ">": lambda value, limit: value > limit,
        ">=": lambda value, limit: value >= limit,
        "<": lambda value, limit: value < limit,
        "<=": lambda value, limit: value <= limit,
    }
    holds, limit = order[operator], bound

    def check(value: Any) -> bool:
        number = number_of(value)
        return number is not None and holds(number, limit)

    return check

"""State: what agents read, change and hand on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

from agentflow.frozen import ATOMS, is_small, thaw


class State(MutableMapping[str, Any]):
    """A mutable mapping of values, with ``meta``, a mapping of text to text, beside it.

    The values given are copied, nested containers included, so that no two states
    share anything that can be changed.
    """

    __slots__ = ("_values", "meta")

    _values: dict[str, Any]
    meta: dict[str, str]

    def __init__(
        self, data: Mapping[str, Any] | None = None, meta: Mapping[str, str] | None = None
    ) -> None:
        if type(data) is State:
            self._values = _copied(data._values)
            self.meta = {**data.meta, **(meta or {})}
        else:
            self._values = _copied(data) if data else {}
            self.meta = dict(meta) if meta else {}

    @classmethod
    def wrap(cls, values: dict[str, Any], meta: dict[str, str]) -> State:
        """A state around exactly these dicts, with no copy."""
        state = cls.__new__(cls)
        state._values = values
        state.meta = meta
        return state

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._values[key] = value

    def __delitem__(self, key: str) -> None:
        del self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def get(self, key: str, default: Any = None) -> Any:
        """The value of ``key``, or ``default``."""
        return self._values.get(key, default)

    def snapshot(self) -> tuple[dict[str, Any], dict[str, str] | None, bool]:
        """Copies of the values and the meta (None if empty), and whether they are small.

        Small means: few, flat and short, so that keeping the copy in a trace costs little.
        """
        meta = self.meta.copy() if self.meta else None
        if is_small(self._values):
            return self._values.copy(), meta, True
        return _copied(self._values), meta, False

    def clone(self) -> State:
        """A copy that shares nothing changeable with this one, nested containers included."""
        return State.wrap(_copied(self._values), self.meta.copy())

    def merge(self, other: Mapping[str, Any]) -> State:
        """Take over the values (and, from a State, the meta) of ``other``, which wins.

        Changes this state and returns it.
        """
        if isinstance(other, State):
            self._values.update(_copied(other._values))
            self.meta.update(other.meta)
        else:
            self._values.update(_copied(other))
        return self

    def to_dict(self) -> dict[str, Any]:
        """The values as a plain dict of their own, without the meta."""
        return _copied(self._values)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, State):
            return self._values == other._values and self.meta == other.meta
        if isinstance(other, Mapping):
            return self._values == other
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"State({self._values!r}, meta={self.meta!r})"


def _copied(values: Mapping[str, Any]) -> dict[str, Any]:
    for value in values.values():
        if type(value) not in ATOMS:
            return {key: thaw(value) for key, value in values.items()}
    return dict(values)

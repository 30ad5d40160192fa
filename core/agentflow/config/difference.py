"""What changed between two configurations, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from agentflow.config.config import Config
from agentflow.config.positions import Path, join_key
from agentflow.config.secret import MASK, Secret, is_secret_key, without_password
from agentflow.config.section import Section

LONGEST = 40
"""How long a value may be, in characters, to be shown in a sentence."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One key that changed. ``old`` and ``new`` are plain data, None where there was nothing.

    Secrets are ``***`` on both sides.
    """

    key: str
    old: Any
    new: Any
    sentence: str

    def __str__(self) -> str:
        return self.sentence


def diff(old: Config, new: Config) -> list[Difference]:
    """Everything that ``new`` does differently, in the order of the schema."""
    found: list[Difference] = []
    for path, before, after in _changes(old, new, ()):
        masked = any(is_secret_key(str(key)) for key in path)
        old_value, new_value = (MASK if masked and v else plain(v) for v in (before, after))
        key = join_key(path)
        found.append(Difference(key, old_value, new_value, _sentence(path, old_value, new_value)))
    return found


def plain(value: Any) -> Any:
    """``value`` as plain data that may be shown."""
    if isinstance(value, Secret):
        return MASK
    if isinstance(value, Section):
        return {key: plain(item) for key, item in value if item is not None}
    if isinstance(value, dict):
        return {
            str(key): MASK if is_secret_key(str(key)) else plain(item)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, str):
        return without_password(value)
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)


def _changes(old: Any, new: Any, at: Path) -> Iterator[tuple[Path, Any, Any]]:
    """The keys below ``at`` whose values differ, as deep as both sides have tables."""
    if isinstance(old, Section) or isinstance(new, Section):
        one_sided = old is None or new is None
        if one_sided and len(at) == 2 and at[0] in ("agents", "providers"):
            yield at, old, new
            return
        there = old if new is None else new
        for key in type(there).model_fields:
            if not one_sided or key in there.model_fields_set:
                before = getattr(old, key, None)
                yield from _changes(before, getattr(new, key, None), (*at, key))
    elif isinstance(old, dict) and isinstance(new, dict):
        for key in [*new, *(key for key in old if key not in new)]:
            yield from _changes(old.get(key), new.get(key), (*at, str(key)))
    elif old != new:
        yield at, old, new


def _sentence(path: Path, old: Any, new: Any) -> str:
    where, key = _where(path)
    if path[0] in ("agents", "providers") and len(path) == 2:
        return f"{where} {'added' if old is None else 'removed'}"
    if path[0] == "agents" and key == "enabled":
        return f"{where} {'enabled' if new else 'disabled'}"
    subject = f"{where}: {key}" if where else key
    if isinstance(old, list) and isinstance(new, list) and _names(old) and _names(new):
        return f"{subject} {_list_change(old, new)}"
    if MASK in (old, new) or not (_short(old) and _short(new)):
        done = "removed" if new is None else "set" if old is None else "changed"
        return f"{subject} {done}"
    if new is None:
        return f"{subject} removed (was {_shown(old)})"
    if old is None:
        return f"{subject} set to {_shown(new)}"
    return f"{subject} {_shown(old)} → {_shown(new)}"


def _where(path: Path) -> tuple[str, str]:
    """What a key is part of, and its name there."""
    if path[0] in ("agents", "providers"):
        return f"{str(path[0])[:-1]} {path[1]}", join_key(path[2:])
    if path[0] in ("orchestration", "runtime", "agent_flow"):
        return "", join_key(path[1:])
    return "", join_key(path).replace(".", " ")


def _names(values: list[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


def _list_change(old: list[str], new: list[str]) -> str:
    added = [name for name in new if name not in old]
    removed = [name for name in old if name not in new]
    if not added and not removed:
        return f"now in the order {', '.join(new)}"
    parts = [
        f"{sign} {', '.join(names)}" for sign, names in (("+", added), ("-", removed)) if names
    ]
    return " ".join(parts)


def _short(value: Any) -> bool:
    """Whether a value can be shown in a sentence."""
    if isinstance(value, dict) or (isinstance(value, list) and not _names(value)):
        return False
    shown = _shown(value)
    return len(shown) <= LONGEST and "\n" not in shown


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "empty"
    return str(value) or "empty"

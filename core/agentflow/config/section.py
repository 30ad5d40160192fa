"""What all tables of the configuration have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

from pydantic import BaseModel, ConfigDict, Field


class Spelling(NamedTuple):
    """Where another spelling of a key leads: the key's path below its table, and its unit."""

    path: tuple[str, ...]
    milliseconds: bool = False


def same(*path: str) -> Spelling:
    """Another spelling of the key at ``path``."""
    return Spelling(path)


def ms(*path: str) -> Spelling:
    """The key at ``path``, written in milliseconds."""
    return Spelling(path, milliseconds=True)


def setting(default: Any, description: str) -> Any:
    """A key that may be left out, and what it means."""
    return Field(default=default, description=description)


class Section(BaseModel):
    """One table. It cannot be changed; in code an unknown key is refused.

    ``spellings`` are other names that real files use for a key; ``unused`` are keys that
    real files carry and the engine does not act on, each with a hint (or none).
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", defer_build=True, hide_input_in_errors=True
    )
    spellings: ClassVar[Mapping[str, Spelling]] = {}
    unused: ClassVar[Mapping[str, str]] = {}

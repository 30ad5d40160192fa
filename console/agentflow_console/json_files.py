"""JSON files: objects as lines or as a list, written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from agentflow_console.forms.json_text import write_object


def as_lines(objects: Iterable[dict[str, Any]]) -> Iterator[str]:
    """An object a line."""
    for fields in objects:
        yield f"{write_object(fields, indent=None)}\n"


def as_list(objects: Iterable[dict[str, Any]]) -> Iterator[str]:
    """One list of them."""
    before = "["
    for fields in objects:
        yield f"{before}\n{write_object(fields)}"
        before = ","
    yield "[]\n" if before == "[" else "\n]\n"


def write_new(path: Path, pieces: Iterable[str], *, replace: bool = False) -> None:
    """Write a file, whole or not at all, that must not be there unless ``replace``.

    Only its owner can read it: what failed may be nobody else's business. Raises OSError.
    """
    if path.exists() and not replace:
        raise FileExistsError(17, "it is there already", str(path))
    fresh = path.with_name(f".{path.name}.new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with open(os.open(fresh, flags, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123
        file.writelines(pieces)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)

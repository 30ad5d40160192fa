"""Says in plain words what pydantic refuses."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import ValidationError

from agentflow.config.canonical import kind_of
from agentflow.config.config import Config
from agentflow.config.layers import Merged
from agentflow.config.positions import Path
from agentflow.config.secret import is_secret_key, without_password
from agentflow.config.section import Section
from agentflow.config.values import Loose, Milliseconds, Words, Wrong

LONGEST = 40
"""How much of a refused value a message shows, in characters."""


def report_refusals(error: ValidationError, merged: Merged) -> None:
    """Reports every refusal, and takes the refused values out of ``merged``."""
    refused: list[Path] = []
    for refusal in error.errors(include_url=False):
        path, words = _field_of(_as_written(tuple(refusal["loc"]), merged.data))
        cause = refusal.get("ctx", {}).get("error")
        if refusal["type"] == "missing":
            merged.report(path, "is missing", f"add {path[-1]} = ...")
        elif isinstance(cause, Wrong):
            value = _instead(path, merged.data) if str(cause).startswith("must be") else ""
            merged.report(path, f"{cause}{value}", cause.suggestion)
        else:
            merged.report(path, f"must be {words}{_instead(path, merged.data)}")
        refused.append(path)
    for path in refused:
        _remove(merged.data, path)


def _as_written(loc: Path, data: Any) -> Path:
    """The path with its keys as they stand in ``data``.

    A refusal names a key with marks in the place of what is no character (half of a surrogate
    pair); under that name nothing would be found, or taken out.
    """
    path: Path = ()
    for key in loc:
        if isinstance(key, str) and isinstance(data, dict) and key not in data:
            key = next((own for own in data if _marked(own) == key), key)
        path = (*path, key)
        try:
            data = data[key]
        except (LookupError, TypeError):
            data = None  # what is missing, and what follows it
    return path


def _marked(key: str) -> str:
    return key.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def _field_of(loc: Path) -> tuple[Path, str]:
    """The path of the field that a refusal is about, and what the field must be."""
    model: type[Section] = Config
    path: Path = ()
    words = "a table"
    parts = list(loc)
    while parts:
        name = parts.pop(0)
        path = (*path, name)
        field = model.model_fields.get(str(name))
        if field is None:
            break
        kind = kind_of(field.annotation)
        found = [item for item in field.metadata if isinstance(item, Words)]
        words = found[0].expected if found else _words_in(field.annotation)
        if kind is None:
            break
        model = kind[1]
        words = "an array of tables" if kind[0] == "list" else "a table"
        if kind[0] != "one" and parts:
            path = (*path, parts.pop(0))
            words = "a table"
    return path, words


def _words_in(annotation: Any) -> str:
    if isinstance(annotation, Words):
        return annotation.expected
    metadata = getattr(annotation, "__metadata__", ())
    return next((w for part in (*get_args(annotation), *metadata) if (w := _words_in(part))), "")


def _instead(path: Path, data: Any) -> str:
    """``, not 'abc'``: the refused value as it was written, unless it may be a secret."""
    value = data
    for key in path:
        value = value[key]
    if any(is_secret_key(str(key).removesuffix("_env")) for key in path):
        return ", not what is written there"
    if isinstance(value, Milliseconds):
        value = value.value
    if isinstance(value, Loose):
        return f", not {value.written}"
    if isinstance(value, dict):
        return ", not a table"
    if isinstance(value, list):
        return ", not this list" if value else ", not an empty list"
    if isinstance(value, bool):
        return f", not {str(value).lower()}"
    shown = repr(without_password(value)) if isinstance(value, str) else str(value)
    return f", not {shown if len(shown) <= LONGEST else shown[:LONGEST] + '…'}"


def _remove(data: Any, path: Path) -> None:
    """Takes out what was refused, so that the rest can still be checked.

    Out of a list nothing can be taken without moving the rest, so the whole list goes.
    """
    list_at = next((i for i, key in enumerate(path) if isinstance(key, int)), len(path))
    *tables, last = path[:list_at]
    for key in tables:
        data = data.get(key, {})
    data.pop(last, None)

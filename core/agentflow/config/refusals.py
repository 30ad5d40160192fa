"""Says in plain words what pydantic refuses."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import ValidationError

from agentflow.config.canonical import kind_of
from agentflow.config.config import Config
from agentflow.config.layers import Merged
from agentflow.config.positions import Path
from agentflow.config.secret import is_secret_key
from agentflow.config.section import Section
from agentflow.config.values import Loose, Milliseconds, Words, Wrong

LONGEST = 40
"""How much of a refused value a message shows, in characters."""


def report_refusals(error: ValidationError, merged: Merged) -> None:
    """Reports every refusal, and takes the refused values out of ``merged``."""
    for refusal in error.errors(include_url=False):
        path, words = _field_of(tuple(refusal["loc"]))
        cause = refusal.get("ctx", {}).get("error")
        if refusal["type"] == "missing":
            key = str(refusal["loc"][-1])
            merged.report(path[:-1], f"{key} is missing", f"add {key} = ...")
            _remove(merged.data, path[:-1])
            continue
        message = str(cause) if isinstance(cause, Wrong) else f"must be {words}"
        suggestion = cause.suggestion if isinstance(cause, Wrong) else ""
        merged.report(path, message + _instead(path, _value_at(merged.data, path)), suggestion)
        _remove(merged.data, path)


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


def _value_at(data: Any, path: Path) -> Any:
    for key in path:
        if isinstance(data, (dict, list)):
            data = data[key]  # type: ignore[call-overload]
    return data


def _instead(path: Path, value: Any) -> str:
    """``, not 'abc'``: the refused value as it was written, unless it may be a secret."""
    if any(is_secret_key(str(key)) for key in path):
        return ", not what is written there"
    if isinstance(value, Loose):
        return f", not {value.written or 'that'}"
    if isinstance(value, Milliseconds):
        value = value.value
    if isinstance(value, dict):
        return ", not a table"
    if isinstance(value, list):
        return ", not this list" if value else ", not an empty list"
    shown = repr(value) if not isinstance(value, bool) else str(value).lower()
    return f", not {shown if len(shown) <= LONGEST else shown[:LONGEST] + '…'}"


def _remove(data: Any, path: Path) -> None:
    """Takes out what was refused, so that the rest can still be checked."""
    for key in path[:-1]:
        data = data[key]
    if isinstance(data, list):
        data[int(path[-1])] = None
        while data and data[-1] is None:
            data.pop()
    else:
        data.pop(path[-1], None)

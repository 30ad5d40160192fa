"""Again: what a handler did in the recording, done once more: its error, its output."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from typing import Any

from agentflow import errors
from agentflow.recording.records import Output, Run
from agentflow.resilience.dead_letters import describe
from agentflow.state import State
from agentflow.telemetry.trace import bounded

_ABSENT = object()


def error_again(text: str, error_type: str = "") -> Exception:
    """An error that describes itself as ``text`` ("TypeName: message").

    It is of the same built-in type, or the engine's own, if it was of one: what is done
    about it depends on that. ``error_type`` is the full name of its class.
    """
    name, _, message = text.partition(": ")
    own = error_type.rpartition(".")[2]
    if own and text.startswith(own):
        name, message = own, text.removeprefix(own).removeprefix(": ")
    if not name.isidentifier():
        name, message = "RecordedError", text
    namespace: dict[str, Any] = {
        "__init__": lambda self, *_: None,
        "__str__": lambda self: message,
        "__reduce__": lambda self: (error_again, (text, error_type)),
        "retry_after": 0.0,
        "__module__": __name__,
    }
    made: Exception = type(name, (_base(name),), namespace)()
    if describe(made) != text:  # that of a group, which has no name of its own
        made = _group(text) or made
    return made


def _base(name: str) -> type[Exception]:
    for home in (builtins, errors):
        found = getattr(home, name, None)
        if (
            isinstance(found, type)
            and issubclass(found, Exception)
            and not issubclass(found, BaseExceptionGroup)
        ):
            return found
    return Exception


def _group(text: str) -> Exception | None:
    count, _, members = text.partition(" failures: ")
    if not count.isdigit() or not members:
        return None
    group = ExceptionGroup("failures", [error_again(member) for member in members.split("; ")])
    return group if describe(group) == text else None


def before(state: State) -> tuple[Mapping[str, Any], dict[str, str] | None]:
    """The values and meta of ``state`` as a trace keeps them before a run."""
    values, meta, small = state.snapshot()
    return values if small else bounded(values), meta


def output_again(state: State, run: Run, output: Output) -> State:
    """What comes of ``state`` when a run does what it did in the recording.

    On the recorded input that is the recorded output. On another one it is what the run
    changed then, changed now: the rest is none of its doing.
    """
    values, meta = before(state)
    if values == run.before and meta == run.before_meta:
        return State(output.values, output.meta)
    changed = state.clone()
    for key, value in output.values.items():
        old = run.before.get(key, _ABSENT)
        if old is _ABSENT or (old != value and old != bounded(value, 1)):
            changed[key] = value
    for key in run.before:
        if key not in output.values:
            changed.pop(key, None)
    meta_before = run.before_meta or {}
    for key, text in output.meta.items():
        if meta_before.get(key) != text:
            changed.meta[key] = text
    for key in meta_before:
        if key not in output.meta:
            changed.meta.pop(key, None)
    return State(changed, None)

"""Traces: what happened to each event, kept small while it happens, dressed up when read.

The engine writes one record a run and one note for everything out of the ordinary; the
entries that people see are made from them only when somebody looks (and the spans: see there).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from agentflow.frozen import ATOMS

if TYPE_CHECKING:
    from agentflow.engine.execution import Execution

RunRecord: TypeAlias = tuple[str, float, float, int, str, Mapping[str, Any], dict[str, str] | None]
"""Agent, start, end, attempts, error, state before (bounded), meta before."""

Note: TypeAlias = tuple[str, str, float, float, str, str]
"""Kind (hook, held, retrying, …), name, start, end, status, error.

Of a callback that changed the state the status is "changed", and the error says which keys.
"""

TEXT_LIMIT = 500
ITEM_LIMIT = 50


class TraceEntry(msgspec.Struct, frozen=True):
    """One thing that happened.

    ``seq`` counts from 1 in the order of the trace, ``timestamp`` is in seconds since
    the epoch, ``duration`` in seconds (None where nothing ended), ``state`` a bounded
    view of the state at that moment.
    """

    seq: int
    timestamp: float
    type: str
    event_id: str
    session_id: str
    agent_id: str = ""
    hook: str = ""
    trace_id: str = ""
    span_id: str = ""
    parent_span_id: str = ""
    source: str = ""
    target: str = ""
    config_version: int = 0
    duration: float | None = None
    error: str = ""
    state: dict[str, Any] = {}


def bounded(value: Any, depth: int = 0) -> Any:
    """A copy of ``value`` that is small whatever it was: long text and many items are cut."""
    kind = type(value)
    if kind is str:
        if len(value) <= TEXT_LIMIT:
            return value
        return f"{value[:TEXT_LIMIT]}… ({len(value):,} characters)"
    if kind is int and value.bit_length() > 64:
        if value.bit_length() <= 1024:
            return str(value)
        return f"a number of {value.bit_length():,} bits"
    if kind in ATOMS:
        return value
    if depth >= 6:
        return f"… ({kind.__name__})"
    if isinstance(value, Mapping):
        cut = {
            str(key)[:TEXT_LIMIT]: bounded(item, depth + 1)
            for key, item in islice(value.items(), ITEM_LIMIT)
        }
        if len(value) > ITEM_LIMIT:
            cut["…"] = f"{len(value) - ITEM_LIMIT:,} more"
        return cut
    if isinstance(value, (list, tuple, set, frozenset)):
        items = [
            bounded(item, depth + 1) for item, _ in zip(value, range(ITEM_LIMIT), strict=False)
        ]
        if len(value) > ITEM_LIMIT:
            items.append(f"… {len(value) - ITEM_LIMIT:,} more")
        return items
    if isinstance(value, (bytes, bytearray)):
        return f"{len(value):,} bytes"
    try:
        text = repr(value)
    except Exception:  # somebody's broken __repr__ is no reason to lose a trace
        text = f"<{kind.__name__}>"
    return text if len(text) <= TEXT_LIMIT else text[:TEXT_LIMIT] + "…"


class _Moment(msgspec.Struct):
    time: float
    type: str
    agent: str = ""
    hook: str = ""
    span: str = ""
    parent: str = ""
    duration: float | None = None
    error: str = ""
    state: dict[str, Any] = {}


def entries(executions: Iterable[Execution], wall_offset: float) -> list[TraceEntry]:
    """The trace of ``executions`` in the order of time."""
    found: list[tuple[float, int, _Moment, Execution]] = []
    for execution in executions:
        for moment in _moments(execution):
            found.append((moment.time, len(found), moment, execution))
    found.sort(key=lambda item: item[:2])
    return [
        TraceEntry(
            seq=number,
            timestamp=moment.time + wall_offset,
            type=moment.type,
            event_id=execution.event.id,
            session_id=execution.event.session_id,
            agent_id=moment.agent,
            hook=moment.hook,
            trace_id=execution.event.chain_id,
            span_id=moment.span,
            parent_span_id=moment.parent,
            source=execution.event.source,
            target=execution.event.route,
            config_version=execution.version,
            duration=moment.duration,
            error=moment.error,
            state=moment.state,
        )
        for number, (_, _, moment, execution) in enumerate(found, 1)
    ]


def _moments(execution: Execution) -> list[_Moment]:
    event = execution.event
    root = event.id
    parent = event.parent_event
    data = bounded(event.data)
    moments = [_Moment(execution.accepted, "event_accepted", span=root, parent=parent, state=data)]
    if not execution.started:
        return moments
    moments.append(
        _Moment(execution.started, "event_start", hook="BeforeEventHandling", span=root,
                parent=parent, state=data)
    )  # fmt: skip
    for number, (agent, start, end, attempts, error, before, _) in enumerate(execution.runs, 1):
        span = f"{root}/{number}"
        moments.append(_Moment(start, "agent_start", agent, "BeforeAgentRun", span, root,
                               state=dict(before)))  # fmt: skip
        moments.append(_Moment(end, "agent_end", agent, "AfterAgentRun", span, root, end - start,
                               error, {"attempts": attempts} if attempts > 1 else {}))  # fmt: skip
        if error:
            moments.append(_Moment(end, "agent_error", agent, "AgentError", span, root,
                                   end - start, error))  # fmt: skip
    for kind, name, start, end, status, error_text in execution.notes or ():
        if kind == "hook":
            point, _, callback = name.partition(" ")
            keys = {"changed": error_text} if status == "changed" else {}
            moments.append(_Moment(start, "hook", callback, point, f"{root}#{callback}", root,
                                   end - start, "" if keys else error_text, keys))  # fmt: skip
        else:
            moments.append(_Moment(start, kind, name, "", f"{root}~{kind}", root,
                                   end - start if end else None, error_text or status))  # fmt: skip
    if execution.ended:
        error_text = execution.error
        if error_text:
            moments.append(_Moment(execution.ended, "dead_letter", execution.at, "", root, parent,
                                   None, error_text))  # fmt: skip
        moments.append(
            _Moment(execution.ended, "event_end", "", "AfterEventHandling", root, parent,
                    execution.ended - execution.started, error_text, dict(execution.view or {}))
        )  # fmt: skip
    moments.sort(key=lambda moment: moment.time)
    return moments

"""Encoding: from what the engine remembers of an ended event to bytes.

The engine's loop hands over what nobody changes any more; the rest of the work is done in
the writer's thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from agentflow.frozen import is_small
from agentflow.journal.codec import encode_as_can_be, encode_values
from agentflow.recording.records import NOBODY
from agentflow.recording.schema import key_of
from agentflow.resilience.dead_letters import describe
from agentflow.telemetry.trace import RunRecord, bounded

if TYPE_CHECKING:
    from agentflow.engine.execution import Execution
    from agentflow.state import State

Values: TypeAlias = Mapping[str, Any] | msgspec.Raw | None
"""Values that nobody changes any more, or bytes. None is short for what stands there already:
as a final state the event's data, as the last output the final state."""

KeptOutput: TypeAlias = tuple[Values, dict[str, str] | None, str, str, bool]
"""Values, meta (None if empty), error, type of the error, whole."""

EVENT_LIMIT = 8 << 20
"""Bytes of an event that are kept of it as it is."""

_encode = msgspec.msgpack.Encoder().encode


class Ended(msgspec.Struct, frozen=True, gc=False):
    """An event that has ended, on its way to the writer.

    The garbage collector is spared it: hundreds that wait would have it look through all that
    lives again and again, which cost more than everything else here.
    """

    execution: Execution
    state: Values
    meta: dict[str, str] | None
    whole: bool

    @property
    def size(self) -> int:
        """Bytes of the state, if it is large enough to matter."""
        return memoryview(self.state).nbytes if isinstance(self.state, msgspec.Raw) else 0


def kept(values: dict[str, Any], limit: int) -> tuple[Values, bool]:
    """A copy of ``values`` that lasts, and whether it is all of them.

    ``limit`` is in bytes; of what is larger or can't be kept exactly there is a part.
    """
    if is_small(values):
        return values.copy(), True
    body = encode_values(values, limit)
    if body is not None:
        return msgspec.Raw(body), True
    return msgspec.Raw(_encode(inert(bounded(values)))), False


def output_of(state: State, error: BaseException | None, limit: int) -> KeptOutput:
    """What a handler's run has ended with."""
    if error is not None:
        kind = type(error)
        return None, None, describe(error), f"{kind.__module__}.{kind.__qualname__}", True
    values, whole = kept(state._values, limit)
    return values, texts(state.meta), "", "", whole


def texts(meta: Mapping[Any, Any] | None) -> dict[str, str] | None:
    """A copy of ``meta`` that is text to text whatever a handler has put there; None if empty."""
    if not meta:
        return None
    for key, value in meta.items():
        if type(key) is not str or type(value) is not str:
            return {str(bounded(key)): str(bounded(value)) for key, value in meta.items()}
    return dict(meta)


def inert(value: Any) -> Any:
    """``value`` with every text such that it can be encoded."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {inert(key): inert(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [inert(item) for item in value]
    return value


def story_fields(ended: Ended, at: float, shift: int) -> tuple[Any, ...]:
    """A story as it is stored: it ended ``at``. ``shift`` is added to the version's number.

    Times stay as they are, monotonic; what turns them into the time of day is stored with
    the chunk.
    """
    execution, state = ended.execution, ended.state
    mode, version = execution.label
    emitted = execution.emitted
    return (
        execution.seq, encode_as_can_be(execution.event, EVENT_LIMIT), execution.accepted,
        execution.started, at, mode, version + shift if version else 0,
        execution.at, execution.error, execution.attempt, _runs(execution), execution.outputs,
        execution.notes, execution.children, _emitters(execution) if emitted else None, state,
        ended.meta, ended.whole, execution.nested,
    )  # fmt: skip


def _runs(execution: Execution) -> Iterable[RunRecord]:
    for run in execution.runs:
        if run[6]:
            return [(*run[:6], texts(run[6])) for run in execution.runs]
    return execution.runs


def encode_story(ended: Ended, at: float, shift: int) -> bytes:
    """A story as bytes, whatever is in it: what can't be encoded is cut or kept as text."""
    fields = story_fields(ended, at, shift)
    try:
        return _encode(fields)
    except (OverflowError, ValueError, TypeError, RecursionError):
        return _encode(inert(_not_whole(fields)))


_RUNS, _OUTPUTS, _STATE, _META, _WHOLE = 10, 11, 15, 16, 17


def _not_whole(fields: tuple[Any, ...]) -> list[Any]:
    """The same with only what can surely be kept of what handlers and callbacks made."""
    cut = list(fields)
    cut[_RUNS] = [(*run[:5], bounded(run[5]), texts(run[6])) for run in fields[_RUNS]]
    cut[_OUTPUTS] = [
        output and (_readable(output[0]), texts(output[1]), *output[2:4], False)
        for output in fields[_OUTPUTS] or ()
    ]
    cut[_STATE], cut[_META], cut[_WHOLE] = _readable(fields[_STATE]), texts(fields[_META]), False
    return cut


def _readable(values: Values) -> Any:
    return {} if isinstance(values, msgspec.Raw) else bounded(values)


def join(offset: float, bodies: list[bytes]) -> bytes:
    """The content of a chunk: what its times need, and the stories, as one msgpack value."""
    head = b"\x92" + _encode(offset) + b"\xdd" + len(bodies).to_bytes(4, "big")
    return head + b"".join(bodies)


def _emitters(execution: Execution) -> list[int]:
    """For each child, the place of the run that emitted it."""
    who = {child: (agent, since) for child, agent, since in execution.emitted or ()}
    places = {(run[0], run[1]): place for place, run in enumerate(execution.runs)}
    last = {run[0]: place for place, run in enumerate(execution.runs)}
    found = []
    for child in execution.children or ():
        emitter = who.get(child)
        place = NOBODY
        if emitter is not None:
            place = places.get(emitter, last.get(emitter[0], NOBODY))
        found.append(place)
    return found


def keys(execution: Execution) -> tuple[int, ...]:
    """By which keys the story is found."""
    event = execution.event
    key = key_of(event.id)
    return (key,) if event.session_id == event.id else (key, key_of(event.session_id))

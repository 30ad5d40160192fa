"""Trace: one event of a run, recorded or new, in a form in which two can be compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from agentflow.recording.records import Run
from agentflow.telemetry.trace import bounded
from agentflow.whatif.choices import RECORDED
from agentflow.whatif.recorded import RecordedEvent


class Step(msgspec.Struct, kw_only=True):
    """One run of an agent. ``start`` is in seconds since its event began.

    ``given`` and ``given_meta`` are the state it was given, cut where it was large; ``output``
    and ``output_meta`` what its handler ended with, None where that isn't known. ``source``
    is where the output came from: recorded, rerun, mock or missing.
    """

    agent: str
    occurrence: int = 1
    source: str = RECORDED
    start: float = 0.0
    seconds: float = 0.0
    attempts: int = 1
    error: str = ""
    given: Mapping[str, Any] = {}
    given_meta: Mapping[str, str] | None = None
    output: Mapping[str, Any] | None = None
    output_meta: Mapping[str, str] | None = None


class EventTrace(msgspec.Struct, kw_only=True):
    """One event: where it stands, what ran for it (in ``groups``), how it ended.

    A group is one agent, or several whose order the engine does not promise. ``started`` is
    seconds since the epoch. ``whole`` is whether ``state`` is all of the state.
    """

    session: str
    path: str
    parent: str = ""
    event_id: str
    target: str
    data: Mapping[str, Any]
    mode: str
    error: str
    state: Mapping[str, Any]
    meta: Mapping[str, str]
    whole: bool = True
    nested: bool = False
    started: float = 0.0
    seconds: float = 0.0
    groups: list[list[Step]] = []
    notes: list[str] = []

    @property
    def outcome(self) -> str:
        """succeeded or dead."""
        return "dead" if self.error else "succeeded"

    @property
    def steps(self) -> list[Step]:
        """Its runs, one after the other."""
        return [step for group in self.groups for step in group]


def grouped(steps: Sequence[Step], mode: str, parallel: Sequence[str] | None) -> list[list[Step]]:
    """``steps``, in the order in which they ended, as groups without a promised order.

    ``parallel`` are the agents that ``mode`` runs side by side; None when that isn't known:
    then everything that may have been is taken for such.
    """
    together: list[Step] = []
    if mode in ("collaborative", "mixed"):
        seen: set[str] = set()
        for step in steps:
            if step.agent in seen or (parallel is not None and step.agent not in parallel):
                break
            seen.add(step.agent)
            together.append(step)
    rest = steps[len(together) :]
    together.sort(key=lambda step: step.agent)
    return [*([together] if together else []), *([step] for step in rest)]


def recorded_trace(told: RecordedEvent, parallel: Sequence[str] | None) -> EventTrace:
    """What the recording tells of an event."""
    story = told.story
    steps: list[Step] = []
    times: dict[str, int] = {}
    for run, output in told.steps():
        occurrence = times[run.agent] = times.get(run.agent, 0) + 1
        known = output is not None and output.whole and not run.error
        steps.append(
            Step(
                agent=run.agent,
                occurrence=occurrence,
                start=run.start - story.started,
                seconds=run.end - run.start,
                attempts=attempts_of(told, run, occurrence),
                error=run.error,
                given=run.before,
                given_meta=run.before_meta,
                output=output.values if known and output else None,
                output_meta=output.meta if known and output else None,
            )
        )
    return EventTrace(
        session=told.place.session,
        path=told.place.path,
        parent=told.parent.place.path if told.parent else "",
        event_id=story.id,
        target=told.event.route,
        data=told.event.data,
        mode=story.mode,
        error=story.error,
        state=story.state,
        meta=story.meta,
        whole=story.whole,
        nested=story.nested,
        started=story.started,
        seconds=max(0.0, story.ended - story.started),
        groups=grouped(steps, story.mode, parallel),
    )


def attempts_of(told: RecordedEvent, run: Run, occurrence: int) -> int:
    """How often the run was tried, without the tries of a process that died."""
    if not run.attempts:
        return 0
    return len(told.runs[run.agent, occurrence].attempts)


_encoder = msgspec.json.Encoder(order="deterministic", enc_hook=repr)


def encode(value: Any) -> bytes:
    """``value`` as JSON, the same bytes for the same value; what JSON can't hold is cut."""
    try:
        return _encoder.encode(value)
    except (TypeError, ValueError, OverflowError, UnicodeError, RecursionError):
        plain = msgspec.to_builtins(value, enc_hook=repr, str_keys=True)
        return _encoder.encode(_readable(bounded(plain)))


def _readable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {_readable(str(key)): _readable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_readable(item) for item in value]
    return value


def canonical(traces: Iterable[EventTrace]) -> bytes:
    """``traces`` as bytes: one line of JSON for each event, the same for the same run."""
    return b"".join(encode(trace) + b"\n" for trace in traces)

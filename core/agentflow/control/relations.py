"""Relations: one span in full, what caused it and what it caused, also in other sessions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from agentflow.control.rows import clean, plain
from agentflow.control.words import Related, SpanDetail, SpanRef
from agentflow.telemetry import states
from agentflow.telemetry.difference import difference
from agentflow.telemetry.spans import RunSpan, emitter, runs_of, spans
from agentflow.telemetry.trace import bounded

if TYPE_CHECKING:
    from agentflow.engine import Runner
    from agentflow.engine.execution import Execution
    from agentflow.event import Event
    from agentflow.telemetry.snapshot import SpanRow

MOST = 500
"""Effects that are told."""

_PLACES = 6  # edited places that are told
_PLACE = 60  # characters of one
_MARKS = frozenset({"replay_of", "deadline", "idempotency_key", "session_id"})


class Relations:
    """Looks things up in what a runner remembers. For single things: each look goes over all."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    # -- one span -------------------------------------------------------------------------

    def span(self, event_id: str, span_id: str) -> SpanDetail | None:
        """One span in full; None if it isn't remembered."""
        execution = self._find(event_id)
        if execution is None:
            return None
        row = self._row(execution, span_id)
        if row is None:
            return None
        if row.kind in ("event", "orchestrate"):
            return self._whole(row, execution)
        run = self._run(execution, span_id if row.kind == "agent" else row.parent)
        if row.kind not in ("agent", "attempt") or run is None or run.place < 0:
            return SpanDetail(row)
        before, meta = execution.runs[run.place][5:]
        if (own := _output(execution, run.place)) is not None:
            return SpanDetail(row, plain(before), plain(own[0]), plain(meta or {}), plain(own[1]),
                              "own")  # fmt: skip
        after, known_from = states.after(execution, run.place, self._parallel(execution))
        after_meta: dict[str, str] | None = None
        if known_from == states.NEXT:
            after_meta = execution.runs[run.place + 1][6] or {}
        return SpanDetail(
            row, plain(before), plain(after) if known_from else None, plain(meta or {}),
            None if after_meta is None else plain(after_meta), known_from,
        )  # fmt: skip

    def _whole(self, row: SpanRow, execution: Execution) -> SpanDetail:
        event = execution.event
        before = plain(event.data if event.small else bounded(event.data))
        metadata = plain(dict(event.metadata)) if row.kind == "event" else None
        if execution.view is None:
            return SpanDetail(row, before, None, metadata)
        return SpanDetail(row, before, plain(execution.view), metadata, None, states.FINAL)

    def _parallel(self, execution: Execution) -> Collection[str]:
        """The agents of the parallel phase that the event ran through."""
        plan = self._runner.plan
        if plan.version == execution.version:
            return plan.parallel
        version = self._runner.history.find(execution.version)
        if version is None:
            return ()
        settings = version.config.orchestration
        if settings.collaborative_agents:
            return settings.collaborative_agents
        pipeline = settings.sequential_agents or ()
        return [name for name in version.config.agents if name not in pipeline]

    # -- causes and effects ---------------------------------------------------------------

    def related(self, event_id: str, span_id: str) -> Related | None:
        """What caused a span and what it caused; None if it isn't remembered."""
        execution = self._find(event_id)
        if execution is None:
            return None
        row = self._row(execution, span_id)
        if row is None:
            return None
        if row.kind == "event":
            causes, said = self._causes(execution)
            return Related(causes, self._effects(execution, None), said)
        parent = self._row(execution, row.parent)
        causes = [_ref(execution, parent, "part")] if parent is not None else []
        run = self._run(execution, span_id)
        return Related(causes, self._effects(execution, run) if run is not None else [])

    def _causes(self, execution: Execution) -> tuple[list[SpanRef], str]:
        """What caused an event, and why that is nothing, if so."""
        event = execution.event
        found: list[SpanRef] = []
        said = "It came from outside" + (f", from {event.source}." if event.source else ".")
        if event.parent_event:
            said = f"What caused it, event {event.parent_event}, is remembered no more."
            parent = self._find(event.parent_event)
            if parent is not None:
                runs = runs_of(parent, self._runner.dispatcher.guards)
                run = emitter(runs, event.source, execution.accepted)
                row = self._row(parent, run.id if run is not None else parent.event.id)
                if row is not None:
                    relation = "requested" if execution.nested else "emitted"
                    found.append(_ref(parent, row, relation))
        if original := event.metadata.get("replay_of", ""):
            first = self._find(original)
            if first is not None:
                found.append(_event_ref(first, "replay"))
            elif not found:
                said = f"It is a replay of event {original}, which is remembered no more."
        return found, "" if found else clean(said)

    def _effects(self, execution: Execution, run: RunSpan | None) -> list[SpanRef]:
        """The events that an event has caused, or one ``run`` of it; and an event's replays."""
        id = execution.event.id
        runs = runs_of(execution, self._runner.dispatcher.guards) if run is not None else []
        found: list[SpanRef] = []
        for other in sorted(self._runner.executions(), key=lambda other: other.accepted):
            metadata = other.event.metadata
            if not metadata or len(found) == MOST:
                continue
            if metadata.get("parent_event") == id:
                if run is None or emitter(runs, other.event.source, other.accepted) == run:
                    found.append(_event_ref(other, "requested" if other.nested else "emitted"))
            elif run is None and metadata.get("replay_of") == id:
                found.append(_event_ref(other, "replay"))
        return found

    def edited(self, original_id: str, replay: Event) -> str:
        """What a replay carries otherwise than its original, in a few words."""
        original = self._event(original_id)
        if original is None:
            return "the original is remembered no more"
        changes = difference(_content(original), _content(replay))
        if not changes:
            return "nothing edited"
        places = ", ".join(change.place[:_PLACE] for change in changes[:_PLACES])
        rest = len(changes) - _PLACES
        return clean(f"edited {places}" + (f" and {rest} more" if rest > 0 else ""))

    def _event(self, event_id: str) -> Event | None:
        execution = self._find(event_id)
        if execution is not None:
            return execution.event
        letters = self._runner.dead_letters
        return next((letter.event for letter in letters if letter.event.id == event_id), None)

    # -- looking up -----------------------------------------------------------------------

    def _find(self, event_id: str) -> Execution | None:
        return next(
            (found for found in self._runner.executions() if found.event.id == event_id), None
        )

    def _row(self, execution: Execution, span_id: str) -> SpanRow | None:
        dispatcher = self._runner.dispatcher
        rows = spans([execution], dispatcher.guards, dispatcher.wall_offset, dispatcher.now(), {})
        return next((row for row in rows if row.id == span_id), None)

    def _run(self, execution: Execution, span_id: str) -> RunSpan | None:
        runs = runs_of(execution, self._runner.dispatcher.guards)
        return next((run for run in runs if run.id == span_id), None)


def _output(execution: Execution, place: int) -> tuple[Mapping[str, Any], Mapping[str, str]] | None:
    """Values and meta that a run itself ended with; None unless a recording has kept them."""
    outputs = execution.outputs or []
    output = outputs[place] if place < len(outputs) else None
    if output is None or output[0] is None or output[2]:
        return None
    values = output[0]
    if isinstance(values, msgspec.Raw):
        values = msgspec.msgpack.decode(values)
    return bounded(values), output[1] or {}


def _content(event: Event) -> dict[str, Any]:
    """What somebody can edit of an event."""
    metadata = {key: text for key, text in event.metadata.items() if key not in _MARKS}
    return {
        "target": event.target, "session": event.session_id, "data": event.data,
        "metadata": metadata,
    }  # fmt: skip


def _ref(execution: Execution, row: SpanRow, relation: str) -> SpanRef:
    event = execution.event
    name = row.name if row.kind == "agent" else f"{row.kind} {row.name}"
    return SpanRef(clean(event.session_id), clean(event.id), row.id, clean(name), row.status,
                   relation)  # fmt: skip


def _event_ref(execution: Execution, relation: str) -> SpanRef:
    event = execution.event
    status = execution.status if not execution.ended else "failed" if execution.error else "ok"
    return SpanRef(clean(event.session_id), clean(event.id), clean(event.id), clean(event.route),
                   status, relation)  # fmt: skip

"""Callbacks: what they changed in the recorded run, found without running them.

The recorded outputs are put through the recorded mode once more, and nothing else. Where a run
was given something else than comes of that, callbacks had changed it: the same change is made
in a new run, before the same run of the same agent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from agentflow.engine.dispatcher import Dispatcher
from agentflow.engine.hooks import CallbackArgs
from agentflow.engine.plan import Choice
from agentflow.event import Event
from agentflow.frozen import thaw
from agentflow.orchestration import Outcome
from agentflow.state import State
from agentflow.telemetry.trace import bounded
from agentflow.whatif.again import before, error_again, output_again
from agentflow.whatif.recorded import RecordedEvent

RECORDED_CALLBACKS = "recorded callbacks"
"""The name of what stands in for callbacks in a sandbox."""

_ABSENT = object()


class Patch(NamedTuple):
    """A change of a state: what it puts in, and which keys it takes out."""

    values: dict[str, Any]
    meta: dict[str, str]
    gone: list[str]
    gone_meta: list[str]

    def __bool__(self) -> bool:
        return any(self)

    def apply(self, state: State) -> None:
        """Make this change in ``state``."""
        state.merge(State(self.values, self.meta))
        for key in self.gone:
            state.pop(key, None)
        for key in self.gone_meta:
            state.meta.pop(key, None)


class Effects:
    """What callbacks changed before each run (by event, agent, occurrence) and at the end."""

    def __init__(self) -> None:
        self.before: dict[tuple[str, str, int], Patch] = {}
        self.final: dict[str, Patch] = {}

    def __bool__(self) -> bool:
        return bool(self.before or self.final)

    def before_run(self, dispatcher: Dispatcher, args: CallbackArgs) -> State | None:
        """A BeforeAgentRun callback that makes the recorded changes."""
        execution = dispatcher.execution_here()
        if execution is None:
            return None
        times = sum(run[0] == args.agent_id for run in execution.runs) + 1
        return _patched(self.before.get((args.event.id, args.agent_id, times)), args.state)

    def after_event(self, args: CallbackArgs) -> State | None:
        """An AfterEventHandling callback that makes the recorded changes."""
        return _patched(self.final.get(args.event.id), args.state)

    async def learn(self, told: RecordedEvent, choice: Choice) -> None:
        """Find out what callbacks changed for one event."""
        if told.vetoed is not None or not told.runs:
            return
        event = told.event
        again = _Again(told, self)
        try:
            outcome = await choice.orchestrate(again.run, event, State(thaw(event.data)), 0)
        except _UnknownError:
            return
        outcome.state.meta.pop("route", None)
        story = told.story
        if story.whole:
            patch = _patch(outcome.state._values, outcome.state.meta, story.state, story.meta)
            if patch:
                self.final[event.id] = patch


class _UnknownError(Exception):
    """The recording doesn't say how it went on."""


class _Again:
    """Runs agents by what the recording has of one event."""

    def __init__(self, told: RecordedEvent, effects: Effects) -> None:
        self._told = told
        self._effects = effects
        self._times: dict[str, int] = {}

    async def run(self, name: str, event: Event, state: State) -> Outcome:
        """The outcome that was recorded; notes what callbacks had changed before it."""
        times = self._times[name] = self._times.get(name, 0) + 1
        recorded = self._told.runs.get((name, times))
        if recorded is None:
            raise _UnknownError
        run, output = recorded.run, recorded.output
        if run.attempts:
            values, meta = before(state)
            patch = _patch(values, meta or {}, run.before, run.before_meta or {})
            if patch:
                self._effects.before[event.id, name, times] = patch
                patch.apply(state)
        if run.error:
            return Outcome(state, error_again(run.error), name)
        if output is None or not output.whole:
            raise _UnknownError
        return Outcome(output_again(state, run, output), None, name)


def _patched(patch: Patch | None, state: State) -> State | None:
    if patch is None:
        return None
    patch.apply(state)
    return state


def _patch(
    values: Mapping[str, Any], meta: Mapping[str, str],
    then: Mapping[str, Any], meta_then: Mapping[str, str],
) -> Patch:  # fmt: skip
    """What makes of a state what it was then."""
    return Patch(
        {key: value for key, value in then.items() if not _same(values, key, value)},
        {key: text for key, text in meta_then.items() if meta.get(key) != text},
        [key for key in values if key not in then and "…" not in then],
        [key for key in meta if key not in meta_then],
    )


def _same(values: Mapping[str, Any], key: str, value: Any) -> bool:
    now = values.get(key, _ABSENT)
    return now is not _ABSENT and (now == value or bounded(now, 1) == value)

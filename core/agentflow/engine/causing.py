"""Causing: the events that an event causes, and how they are remembered with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from agentflow.engine.accepting import Accepting
from agentflow.engine.execution import Execution
from agentflow.engine.guards import current_guard
from agentflow.engine.plan import Choice
from agentflow.errors import InvalidEvent
from agentflow.event import Event
from agentflow.orchestration import Outcome
from agentflow.state import State

if TYPE_CHECKING:
    from agentflow.recording import Recorder

MAX_CHILDREN = 1_000
"""How many of the events that an event caused are remembered with it."""


class Causing(Accepting):
    """The part of a dispatcher that accepts children."""

    publish: Callable[[Event], None] | None
    """Told of every event that was caused by another one."""
    recorder: Recorder | None
    """Takes down what ends, while a recording is made."""

    def broadcast(self, execution: Execution, choice: Choice, state: State) -> Outcome:
        """Accept a child for each of the targets that the metadata names."""
        targets = [
            name.strip()
            for name in execution.event.metadata.get("broadcast_targets", "").split(",")
            if name.strip()
        ]
        if not targets:
            return Outcome(state, InvalidEvent("metadata.broadcast_targets", "names no agent"))
        for target in targets:
            metadata = {"broadcast_id": execution.event.id}
            self._emit_child(execution, choice, target, None, metadata)
        return Outcome(state)

    def follow_up(self, execution: Execution, choice: Choice, outcome: Outcome) -> None:
        """Accept the event that a ``route`` in the outcome asks for, and take it out.

        A route that can't be followed is a failure of the event.
        """
        target = outcome.state.meta.pop("route")
        if not target:
            return
        try:
            self._emit_child(execution, choice, target, outcome.state.to_dict(), {})
        except (InvalidEvent, RecursionError) as error:
            outcome.error = InvalidEvent("meta.route", f"cannot be followed: {error}")

    def _emit_child(
        self,
        execution: Execution,
        choice: Choice,
        target: str,
        data: dict[str, Any] | None,
        metadata: dict[str, str],
    ) -> None:
        if choice.mode != "route" or choice.plan.mode != "route" or choice.plan.has_rules:
            # It goes to that agent, not through the whole orchestration once more.
            metadata["orchestration_override"] = "route"
        child = execution.event.child(target, data, metadata)
        if execution.at:
            child = child.replace(source=execution.at)
        self.add_child(execution, child)

    def add_child(self, execution: Execution, event: Event) -> None:
        """Accept an event that ``execution`` caused."""
        if self.intake is not None:
            self.intake.caused(execution, event)
        else:
            self.accept(event)
            if self.publish is not None:
                self.publish(event)
        self.note_child(execution, event)

    def note_child(self, execution: Execution, event: Event) -> None:
        """Remember with ``execution`` that it has caused ``event``."""
        children = execution.children
        if children is None:
            execution.children = [event.id]
        elif len(children) < MAX_CHILDREN:
            children.append(event.id)

    def note_emitter(self, execution: Execution, event: Event) -> None:
        """Remember which run of ``execution`` it is whose handler has caused ``event``."""
        if self.recorder is None:
            return
        guard = current_guard.get()
        agent, since = execution.at, 0.0
        for name, began, whose in guard.frames() if guard is not None else ():
            if whose is execution:
                agent, since = name, began
        if execution.emitted is None:
            execution.emitted = []
        if len(execution.emitted) < MAX_CHILDREN:
            execution.emitted.append((event.id, agent, since))

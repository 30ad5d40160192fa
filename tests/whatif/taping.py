"""Taping: what a real runner does, as the stories that a recording would hold of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from agentflow import Config, Event, Runner, State
from agentflow.engine.dispatcher import Dispatcher
from agentflow.engine.execution import understood
from agentflow.engine.guards import current_guard
from agentflow.journal.codec import encode
from agentflow.recording.records import NOBODY, Note, Output, Run, Story, VersionRecord
from agentflow.resilience.dead_letters import describe
from agentflow.testing import VirtualClock, run_virtual

Handlers = Mapping[str, Callable[..., Any]]


class TapingDispatcher(Dispatcher):
    """Notes who emitted what, and what everything ended with."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.emitters: dict[str, tuple[str, int]] = {}
        self.outputs: dict[tuple[str, str, int], Output] = {}
        self.tape: list[Story] = []

    def _emitted(self, event: Event) -> None:
        here, guard = self.execution_here(), current_guard.get()
        if here is not None and guard is not None:
            self.emitters[event.id] = (guard.agent, self.occurrence(here, guard.agent))

    @staticmethod
    def occurrence(execution: Any, agent: str) -> int:
        return sum(run[0] == agent for run in execution.runs) + 1

    async def emit_from(self, parent: Any, event: Event) -> str:
        self._emitted(event)
        return await super().emit_from(parent, event)

    async def run_nested(self, parent: Any, event: Event) -> Any:
        self._emitted(event)
        return await super().run_nested(parent, event)

    def settle(self, execution: Any, meter: Any, state: State, error: Any, agent: str) -> None:
        super().settle(execution, meter, state, error, agent)
        self.tape.append(self._story(execution, state))

    def _story(self, execution: Any, state: State) -> Story:
        offset, event = self.wall_offset, execution.event
        runs, outputs, places = [], [], {}
        for place, run in enumerate(execution.runs):
            name = run[0]
            occurrence = sum(known[0] == name for known in execution.runs[:place]) + 1
            places[name, occurrence] = place
            runs.append(Run(name, run[1] + offset, run[2] + offset, *run[3:]))
            output = self.outputs.get((event.id, name, occurrence))
            if run[4]:
                kind = output.error_type if output and output.error == run[4] else ""
                output = Output(name, {}, {}, run[4], kind)
            outputs.append(output)
        notes = [
            Note(kind, name, start + offset, end + offset if end else 0.0, status, text)
            for kind, name, start, end, status, text in execution.notes or ()
        ]
        children = execution.children or []
        return plain(
            Story(
                number=len(self.tape) + 1, seq=execution.seq, id=event.id,
                session=event.session_id, target=event.route, event=encode(event, 1 << 20),
                accepted=execution.accepted + offset, started=execution.started + offset,
                ended=execution.ended + offset, mode=execution.mode, version=execution.version,
                at=execution.at, error=execution.error, attempt=execution.attempt, runs=runs,
                outputs=outputs, notes=notes, children=children,
                emitters=[
                    places.get(self.emitters[child], NOBODY) if child in self.emitters else NOBODY
                    for child in children
                ],
                state=state.to_dict(), meta=dict(state.meta), whole=True,
                nested=execution.nested, parent=event.parent_event,
            )
        )  # fmt: skip


class TapingRunner(Runner):
    """A runner whose dispatcher tapes."""

    dispatcher_type = TapingDispatcher


def plain(story: Story) -> Story:
    """``story`` as it comes back from a disk."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(story), type=Story)


def wrapped(name: str, handler: Callable[..., Any], dispatcher: TapingDispatcher) -> Any:
    """``handler``, with what it ends with noted."""

    async def call(event: Event, state: State, context: Any) -> Any:
        execution = dispatcher.execution_here()
        key = (event.id, name, dispatcher.occurrence(execution, name))
        try:
            returned = handler(event, state, context)
            if isinstance(returned, Awaitable):
                returned = await returned
        except Exception as error:
            kind = type(error)
            full = f"{kind.__module__}.{kind.__qualname__}"
            dispatcher.outputs[key] = Output(name, {}, {}, describe(error), full)
            raise
        state, error = understood(name, state if returned is None else returned, state)
        if error is not None:
            raise error
        dispatcher.outputs[key] = Output(name, state.to_dict(), dict(state.meta))
        return state

    return call


def tape(
    config: Config,
    handlers: Handlers,
    feed: Callable[[Runner], Awaitable[None]] | Sequence[Event],
    prepare: Callable[[Runner], None] = lambda runner: None,
) -> tuple[list[Story], list[VersionRecord]]:
    """Run ``config`` with these handlers on virtual time, and what a recording has of it."""
    stories: list[Story] = []

    async def live() -> None:
        runner = TapingRunner(config, clock=VirtualClock(), journal=False)
        dispatcher = runner.dispatcher
        assert isinstance(dispatcher, TapingDispatcher)
        for name, handler in handlers.items():
            runner.register_agent(name, wrapped(name, handler, dispatcher))
        prepare(runner)
        async with runner:
            if callable(feed):
                await feed(runner)
            else:
                for event in feed:
                    await runner.emit(event)
            await runner.join()
        stories.extend(dispatcher.tape)

    run_virtual(live)
    version = VersionRecord(1, 0.0, "start", [], config.path, config.text, None, {})
    return stories, [version]

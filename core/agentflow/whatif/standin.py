"""StandIn: the handler of an agent in a sandbox. What it answers with is a choice."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from agentflow.engine.context import RunContext
from agentflow.engine.execution import Execution, understood
from agentflow.errors import NotRecorded
from agentflow.event import Event
from agentflow.state import State
from agentflow.whatif.again import error_again, output_again
from agentflow.whatif.choices import MISSING, MOCK, RECORDED, RERUN, Choices
from agentflow.whatif.recorded import Attempt, Child, RecordedRun

if TYPE_CHECKING:
    from agentflow.config import Config
    from agentflow.llm import LlmAgent
    from agentflow.whatif.dispatching import SandboxDispatcher
    from agentflow.whatif.outside import Outside

CUT_SHORT = 1.0
"""Seconds after which what was cut off in the recording would have been cut off again."""

RunKey = tuple[str, str, int]
"""Event id, agent, occurrence."""


class Answer(NamedTuple):
    """What a run ended with: values and meta (None after a failure), and their source."""

    source: str
    values: Mapping[str, Any] | None
    meta: Mapping[str, str] | None


class StandIn:
    """Answers for the agent ``name``; every answer is noted in ``answers``."""

    def __init__(
        self,
        name: str,
        config: Config,
        choices: Choices,
        dispatcher: SandboxDispatcher,
        answers: dict[RunKey, Answer],
        outside: Outside | None,
    ) -> None:
        self._name = name
        self._config = config
        self._choices = choices
        self._dispatcher = dispatcher
        self._answers = answers
        self._outside = outside
        self._mock: LlmAgent | None = None

    async def __call__(self, event: Event, state: State, context: RunContext) -> State:
        """Answer as was chosen. Raises what the recorded run raised, and NotRecorded."""
        execution = self._dispatcher.execution_here()
        assert execution is not None
        occurrence = sum(run[0] == self._name for run in execution.runs) + 1
        run = self._dispatcher.book.run(event.id, self._name, occurrence)
        told = self._dispatcher.book.events.get(event.id)
        if run is None and told is not None and told.dropped:
            raise error_again(told.story.error)
        source, reason = self._source(run, context.attempt)
        key = event.id, self._name, occurrence
        self._answers[key] = Answer(source, None, None)
        if source == MISSING:
            raise NotRecorded(self._name, reason)
        if source == RECORDED:
            assert run is not None
            state = await self._again(execution, context, run, state)
        elif source == MOCK:
            state = await self._made_up(event, state, context)
        else:
            assert self._outside is not None
            state = await self._outside.run(
                self._name, event, state, context, execution, occurrence
            )
        self._answers[key] = Answer(source, state.to_dict(), dict(state.meta))
        return state

    def _source(self, run: RecordedRun | None, attempt: int) -> tuple[str, str]:
        """Where this answer comes from, and why it is missing if it is."""
        source = self._choices.of(self._name)
        if source != RECORDED:
            return source, ""
        reason = _why_missing(run, attempt)
        if not reason:
            return RECORDED, ""
        instead = self._choices.missing
        return (instead, "") if instead in (MOCK, RERUN) else (MISSING, reason)

    async def _again(
        self, execution: Execution, context: RunContext, run: RecordedRun, state: State
    ) -> State:
        tried = run.attempt(context.attempt)
        assert tried is not None
        await self._live_through(tried, run, context)
        if _cut_off(self._name, tried):
            await asyncio.sleep(CUT_SHORT)
            raise NotRecorded(self._name, f"it was cut off after {tried.seconds:.3g} s")
        if tried.error:
            raise error_again(tried.error, tried.error_type)
        assert run.output is not None
        return output_again(state, run.run, run.output)

    async def _live_through(self, tried: Attempt, run: RecordedRun, context: RunContext) -> None:
        """Let the recorded time go by, and emit and request what was emitted in it.

        What a request takes longer than in the recording comes on top.
        """
        first, last = tried.began, tried.began + tried.seconds
        children = [child for child in run.children if _belongs(child, tried, run)]
        asked: list[tuple[float, asyncio.Task[Any]]] = []
        here = first
        try:
            for place, child in enumerate(children):
                here = await _answered(asked, here, child.at)
                await asyncio.sleep(max(0.0, child.at - here))
                here = max(here, child.at)
                told = self._dispatcher.book.events[child.event_id]
                self._dispatcher.take_place(
                    told.event, told.place, told.parent.place.path if told.parent else ""
                )
                if not child.nested:
                    await context.emit(told.event)
                elif any(other.at < child.ended for other in children[place + 1 :]):
                    task = asyncio.get_running_loop().create_task(context.request(told.event))
                    asked.append((child.ended, task))
                else:
                    await context.request(told.event)
                    here = max(here, child.ended)
            here = await _answered(asked, here, last)
            await asyncio.sleep(max(0.0, last - here))
        finally:
            for _, task in asked:
                task.cancel()

    async def _made_up(self, event: Event, state: State, context: RunContext) -> State:
        given = self._choices.mocks.get(self._name)
        if given is not None:
            made, _ = understood(self._name, given, state)
            return made
        if self._mock is None:
            self._mock = _mock_model(self._name, self._config)
        return await self._mock(event, state, context)


async def _answered(
    asked: list[tuple[float, asyncio.Task[Any]]], here: float, until: float
) -> float:
    """Wait for the requests that had been answered at ``until``; the recorded time then."""
    for ended, task in sorted(asked, key=lambda item: item[0]):
        if ended <= until:
            if not task.done():
                await asyncio.wait([task])
            asked.remove((ended, task))
            here = max(here, ended)
    return here


def _belongs(child: Child, tried: Attempt, run: RecordedRun) -> bool:
    """Whether ``child`` came of this try, and not of another one."""
    after = child.at >= tried.began or tried is run.attempts[0]
    return after and (child.at <= tried.began + tried.seconds or tried is run.attempts[-1])


def _cut_off(agent: str, tried: Attempt) -> bool:
    """Whether the engine ended this try, so that nobody knows what it would have come to."""
    return tried.error.startswith(f"AgentTimeout: agent {agent!r} timed out")


def _why_missing(run: RecordedRun | None, attempt: int) -> str:
    """Why the recording has no answer for this; '' if it has."""
    if run is None:
        return "the recording has no such run of it"
    tried = run.attempt(attempt)
    if tried is None:
        return f"the recording ends after {len(run.attempts)} attempts"
    if tried.error.startswith("AgentNotFound: "):
        return "there was no such agent in the recording"
    if tried.error:
        return ""
    if run.output is None:
        return "its output was not recorded"
    return "" if run.output.whole else "its output was too large to be recorded whole"


def _mock_model(name: str, config: Config) -> LlmAgent:
    from agentflow.llm import LlmAgent
    from agentflow.llm.mock import MockProvider
    from agentflow.llm.settings import Settings

    settings = config.agents.get(name)
    provider = MockProvider(Settings(name=MOCK, kind=MOCK))
    return LlmAgent(name, settings.system_prompt if settings else "", provider)

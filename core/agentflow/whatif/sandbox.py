"""Sandbox: recorded events, run once more under a configuration, where nothing real happens.

No journal, no callbacks, no subscribers, no network: what callbacks changed and refused is done
again without them. Breakers stay closed and no agent is stopped, because what they did is part
of what was recorded. Only an agent that is to be run
again runs its own code.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

from agentflow.config import Config
from agentflow.engine.execution import Execution
from agentflow.engine.heartbeat import Heartbeat
from agentflow.engine.hooks import HookPoint
from agentflow.engine.plan import Choice, Plan, retry_policy
from agentflow.engine.runner import Runner
from agentflow.recording.records import Story
from agentflow.resilience import BreakerPolicy, RetryPolicy
from agentflow.telemetry.trace import RunRecord
from agentflow.whatif.callbacks import RECORDED_CALLBACKS, Effects
from agentflow.whatif.choices import Choices
from agentflow.whatif.dispatching import Ended, SandboxDispatcher
from agentflow.whatif.outside import Outside
from agentflow.whatif.recorded import Book, RecordedEvent
from agentflow.whatif.standin import Answer, RunKey, StandIn
from agentflow.whatif.trace import EventTrace, Step, grouped
from agentflow.whatif.virtual import SandboxClock, SandboxLoop

PLENTY = 1_000_000_000
_NEVER = BreakerPolicy(failure_threshold=PLENTY)


class Silence(Heartbeat):
    """No heartbeat."""

    def beat(self) -> None:
        """Nobody looks at the curves of a sandbox."""


class SandboxRunner(Runner):
    """A runner for a run after a recording: no heartbeat, nothing that waits for room."""

    dispatcher_type = SandboxDispatcher
    heartbeat_type = Silence


class Sandbox:
    """Runs recorded events under ``config``, each agent's outputs from where ``choices`` say.

    ``registered`` are agents whose code is in no file: they were in the recording, and so are
    here. ``choice_of`` says how a recorded event was run, if that is known. A context manager;
    everything blocks.
    """

    def __init__(
        self,
        config: Config,
        choices: Choices,
        *,
        registered: Iterable[str] = (),
        recorded_config: Config | None = None,
        choice_of: Callable[[RecordedEvent], Choice | None] = lambda told: None,
    ) -> None:
        """Raises ConfigError when the code of an agent that is to run can't be loaded."""
        self.config = config
        self._choices = choices
        self._choice_of = choice_of
        self.progress: Callable[[int], object] = lambda ended: None
        """Told how many events of a run have ended, from time to time."""
        self._names = list(dict.fromkeys([*config.agents, *registered]))
        self._retries: Mapping[str, RetryPolicy] = {}
        if recorded_config is not None:
            self._retries = {name: retry_policy(recorded_config, name) for name in self._names}
        self._outside: Outside | None = None
        if choices.runs_code:
            self._outside = Outside(config)
            try:
                self._outside.check([n for n in config.enabled_agents if choices.of(n) == "rerun"])
            except BaseException:
                self._outside.close()
                raise

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        if self._outside is not None:
            self._outside.close()

    def run(self, stories: Iterable[Story]) -> list[EventTrace]:
        """What comes of the events of ``stories``, in the order of arrival of their roots."""
        book = Book(stories)
        with asyncio.Runner(loop_factory=SandboxLoop) as loop:
            return loop.run(self._run(book))

    async def _run(self, book: Book) -> list[EventTrace]:
        clock = SandboxClock()
        runner = SandboxRunner(self.config, clock=clock, journal=False, recorder=False)
        dispatcher = runner.dispatcher
        assert isinstance(dispatcher, SandboxDispatcher)
        dispatcher.book = book
        dispatcher.recorded_retries = dict(self._retries)
        dispatcher.queue_size = PLENTY
        dispatcher.progress = self.progress
        answers: dict[RunKey, Answer] = {}
        if self._outside is not None:
            self._outside.dispatcher = dispatcher
        for name in self._names:
            runner.register_agent(
                name,
                StandIn(name, self.config, self._choices, dispatcher, answers, self._outside),
            )
        await self._stand_in_for_callbacks(runner, book)
        await runner.start()
        runner.breakpoints.quit(release=True)  # nobody is here who would let an event go on
        try:
            dispatcher.resize(PLENTY)
            for agent in runner.plan.agents.values():
                agent.vitals.breaker.policy = _NEVER
            await self._feed(runner, dispatcher, clock, book)
            await runner.join()
        finally:
            await runner.stop(drain=False)
        return [_trace(ended, runner.plan, answers) for ended in _in_order(dispatcher)]

    async def _stand_in_for_callbacks(self, runner: Runner, book: Book) -> None:
        """Have the changes made that callbacks made in the recorded run."""
        effects = Effects()
        for told in book.events.values():
            choice = self._choice_of(told) if told.called_back else None
            if choice is not None:
                await effects.learn(told, choice)
        if effects:
            runner.register_callback(
                HookPoint.BEFORE_AGENT_RUN,
                RECORDED_CALLBACKS,
                lambda args: effects.before_run(runner.dispatcher, args),
            )
            runner.register_callback(
                HookPoint.AFTER_EVENT_HANDLING, RECORDED_CALLBACKS, effects.after_event
            )

    async def _feed(
        self, runner: Runner, dispatcher: SandboxDispatcher, clock: SandboxClock, book: Book
    ) -> None:
        """Emit the root events when they were accepted; nobody waits where nothing happens."""
        for told in book.roots:
            due = told.story.accepted
            if dispatcher.idle():
                _set_time(dispatcher, clock, due)
            elif due > clock.time():
                idle = asyncio.ensure_future(runner.join())
                await asyncio.wait([idle], timeout=due - clock.time())
                if idle.done():
                    _set_time(dispatcher, clock, max(due, clock.time()))
                idle.cancel()
            dispatcher.take_place(told.event, told.place, "")
            runner.try_emit(told.event)


def _set_time(dispatcher: SandboxDispatcher, clock: SandboxClock, seconds: float) -> None:
    if seconds > clock.time() or not dispatcher.accepted:
        clock.set_wall(seconds)
        dispatcher.wall_offset = clock.time() - dispatcher.now()


def _in_order(dispatcher: SandboxDispatcher) -> list[Ended]:
    """What has ended, each event after what it came of, in the order of acceptance."""
    return sorted(dispatcher.ended, key=lambda ended: ended.execution.seq)


def _trace(ended: Ended, plan: Plan, answers: Mapping[RunKey, Answer]) -> EventTrace:
    execution = ended.execution
    event = execution.event
    choice = plan.pick(event)
    steps = _steps(execution, answers)
    return EventTrace(
        session=ended.place.session,
        path=ended.place.path,
        parent=ended.parent,
        event_id=event.id,
        target=event.route,
        data=event.data,
        mode=execution.mode,
        error=execution.error,
        state=ended.state.to_dict(),
        meta=dict(ended.state.meta),
        nested=execution.nested,
        started=execution.started + ended.offset,
        seconds=execution.ended - execution.started,
        groups=grouped(steps, execution.mode, choice.lists.parallel),
    )


def _steps(execution: Execution, answers: Mapping[RunKey, Answer]) -> list[Step]:
    steps: list[Step] = []
    times: dict[str, int] = {}
    for run in [*execution.runs, *_abandoned(execution)]:
        agent, start, end, attempts, error, given, given_meta = run
        occurrence = times[agent] = times.get(agent, 0) + 1
        answer = answers.get((execution.event.id, agent, occurrence))
        known = answer is not None and not error
        steps.append(
            Step(
                agent=agent,
                occurrence=occurrence,
                source=answer.source if answer else "",
                start=start - execution.started,
                seconds=end - start,
                attempts=attempts,
                error=error,
                given=given,
                given_meta=given_meta,
                output=answer.values if known and answer else None,
                output_meta=answer.meta if known and answer else None,
            )
        )
    return steps


def _abandoned(execution: Execution) -> list[RunRecord]:
    return [
        (name, start, end, 1, error, {}, None)
        for kind, name, start, end, _, error in execution.notes or ()
        if kind == "abandoned" and name
    ]

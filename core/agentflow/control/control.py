"""Control: the one door from people to the engine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from agentflow.control.observer import Observer
from agentflow.control.relations import Relations
from agentflow.control.rows import problem_row
from agentflow.control.sessions import Sessions
from agentflow.control.words import (
    Answer,
    Command,
    DeadDetail,
    EventDetail,
)
from agentflow.engine import Change, Runner
from agentflow.errors import AgentFlowError, ConfigError
from agentflow.event import Event
from agentflow.resilience import DeadLetter
from agentflow.telemetry.health import Health
from agentflow.telemetry.snapshot import (
    Cursor,
    EventRow,
    Snapshot,
)

_Action = Callable[[dict[str, Any]], Awaitable[Answer]]


class Control:
    """Everything that people may ask of a runner and do to it.

    Whatever is done, or refused, is on record with who asked. With ``read_only`` nothing
    can be changed: the check is here, behind every screen and every link.
    """

    def __init__(self, runner: Runner, *, read_only: bool = False) -> None:
        self.runner = runner
        self.read_only = read_only
        self._observer = Observer(runner)
        runner.observe = partial(self._observer.snapshot, read_only=False)
        self.page: Callable[[int, int], list[EventRow]] = self._observer.page
        self.event: Callable[[str], EventDetail | None] = self._observer.event
        self._sessions = Sessions(runner)
        self._relations = Relations(runner)
        self.sessions = self._sessions.search
        self.session = self._sessions.page
        self.span = self._relations.span
        self.related = self._relations.related
        self.dead_letter: Callable[[int], DeadDetail | None] = self._observer.dead_letter
        self._actions: dict[str, _Action] = {
            "inject": self._inject,
            "pause": self._pause,
            "resume": self._resume,
            "mode": self._mode,
            "apply": self._apply,
            "undo": self._undo,
            "rollback": self._rollback,
            "replay": self._replay,
            "replay_all": self._replay_all,
            "drop": self._drop,
            "clear_dead": self._clear_dead,
            "pace": self._pace,
        }

    def snapshot(self, cursor: Cursor) -> Snapshot:
        """The engine now, with what is new since ``cursor``."""
        return self._observer.snapshot(cursor, read_only=self.read_only)

    def health(self) -> Health | None:
        """How the system is; None in the first second of its life."""
        return self.runner.health.report

    async def execute(self, command: Command) -> Answer:
        """Do what ``command`` says. Never raises; what can't be done is in the answer."""
        action = self._actions.get(command.name)
        if action is None:
            return Answer(False, f"there is no command {command.name!r}")
        arguments = command.arguments
        if self.read_only:
            answer = Answer(False, "this console is read-only: nothing was changed")
        else:
            try:
                answer = await action(arguments)
            except ConfigError as error:
                first = next((p for p in error.problems if p.severity == "error"), None)
                answer = Answer(
                    False,
                    f"not applied: {first}" if first else "not applied",
                    [problem_row(problem) for problem in error.problems],
                )
            except (AgentFlowError, ValueError) as error:
                answer = Answer(False, str(error))
            except (KeyError, TypeError) as error:
                answer = Answer(False, f"{command.name}: wrong or missing argument: {error}")
        self.runner.audit(
            command.operator,
            command.name,
            _target(arguments),
            answer.message,
            "done" if answer.ok else "refused",
        )
        return answer

    # -- events ---------------------------------------------------------------------------

    async def _inject(self, arguments: dict[str, Any]) -> Answer:
        event = Event.from_dict(arguments["event"])
        if not event.source:
            event = event.replace(source="console")
        event_id = await self.runner.emit(event)
        if original := event.metadata.get("replay_of", ""):
            edited = self._relations.edited(original, event)
            return Answer(
                True, f"event {original[-8:]} sent again as {event_id[-8:]}: {edited}", event_id
            )
        to = event.route or f"the {self.runner.plan.mode} orchestration"
        return Answer(True, f"event {event_id[-8:]} sent to {to}", event_id)

    async def _replay(self, arguments: dict[str, Any]) -> Answer:
        letter = self._letter(arguments)
        data = arguments.get("data")
        if data is not None and not isinstance(data, Mapping):
            return Answer(False, "the data must be a JSON object")
        event_id = await self.runner.replay(letter, data)
        edited = "" if data is None else " with other data"
        return Answer(True, f"dead letter {letter.number} replayed{edited}", event_id)

    async def _replay_all(self, arguments: dict[str, Any]) -> Answer:
        letters = [letter for letter in self.runner.dead_letters if letter.status == "dead"]
        for done, letter in enumerate(letters):
            try:
                await self.runner.replay(letter)
            except AgentFlowError as error:
                return Answer(False, f"{done} of {len(letters)} replayed, then: {error}")
        return Answer(True, f"{len(letters)} dead letters replayed")

    async def _drop(self, arguments: dict[str, Any]) -> Answer:
        letter = self._letter(arguments)
        self.runner.drop(letter.number)
        return Answer(True, f"dead letter {letter.number} dropped")

    async def _clear_dead(self, arguments: dict[str, Any]) -> Answer:
        letters = list(self.runner.dead_letters)
        for letter in letters:
            self.runner.drop(letter.number)
        return Answer(True, f"{len(letters)} dead letters dropped")

    def _letter(self, arguments: dict[str, Any]) -> DeadLetter:
        number = int(arguments["number"])
        letter = self.runner.dispatcher.dead_letters.find(number)
        if letter is None:
            raise ValueError(f"there is no dead letter {number}")
        return letter

    # -- flow -------------------------------------------------------------------------------

    async def _pause(self, arguments: dict[str, Any]) -> Answer:
        agent = str(arguments.get("agent") or "")
        self.runner.pause(agent or None)
        self.runner.keep_pauses()
        what = agent or "the runner"
        return Answer(True, f"{what} paused: its events are held")

    async def _resume(self, arguments: dict[str, Any]) -> Answer:
        agent = str(arguments.get("agent") or "")
        held = self.runner.counts().held
        self.runner.resume(agent or None)
        self.runner.keep_pauses()
        released = held - self.runner.counts().held
        what = agent or "the runner"
        return Answer(True, f"{what} resumed: {released} held event{'s' * (released != 1)} go on")

    async def _pace(self, arguments: dict[str, Any]) -> Answer:
        rate = float(arguments["rate"])
        if not 0 <= rate < 1e9:
            return Answer(False, "a pace is a number of events a second, 0 for no limit")
        self.runner.pace = rate
        return Answer(True, f"pace {rate:g} events/s" if rate else "pace unlimited")

    # -- configuration ------------------------------------------------------------------------

    async def _mode(self, arguments: dict[str, Any]) -> Answer:
        values = {
            f"orchestration.{key}": arguments[key]
            for key in ("mode", "collaborative_agents", "sequential_agents", "loop_agent")
            if arguments.get(key) is not None
        }
        before = self.runner.plan.mode
        change = await self.runner.apply(self.runner.config.override(values), "operator")
        return Answer(True, f"mode {before} → {self.runner.plan.mode}, v{change.version} (u: undo)")

    async def _apply(self, arguments: dict[str, Any]) -> Answer:
        current = self.runner.config
        config = current.with_text(str(arguments["text"]))
        return _applied(await self.runner.apply(config, "operator"))

    async def _undo(self, arguments: dict[str, Any]) -> Answer:
        change = await self.runner.undo()
        return Answer(True, f"undone: v{change.version} runs{_first(change)}")

    async def _rollback(self, arguments: dict[str, Any]) -> Answer:
        number = int(arguments["version"])
        version = self.runner.history.find(number)
        if version is None:
            return Answer(False, f"there is no version {number} to go back to")
        change = await self.runner.apply(version.config, f"rollback to v{number}")
        return Answer(True, f"v{number} runs again, as v{change.version}{_first(change)}")


def _applied(change: Change) -> Answer:
    return Answer(True, f"applied as v{change.version}{_first(change)}")


def _first(change: Change) -> str:
    if not change.differences:
        return ": no change in meaning"
    rest = len(change.differences) - 1
    return f": {change.differences[0]}" + (f" and {rest} more" if rest else "")


def _target(arguments: Mapping[str, Any]) -> str:
    for key in ("agent", "number", "version", "mode", "rate"):
        if arguments.get(key) not in (None, ""):
            return str(arguments[key])
    event = arguments.get("event")
    return str(event.get("target", "")) if isinstance(event, Mapping) else ""

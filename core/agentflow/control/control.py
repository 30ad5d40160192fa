"""Control: the one door from people to the engine."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from agentflow.control.alerting import AlertRules, Notifier
from agentflow.control.changes import Changes
from agentflow.control.observer import Observer
from agentflow.control.relations import Relations
from agentflow.control.rows import clean, one_line, problem_row
from agentflow.control.sessions import Sessions
from agentflow.control.stopping import Stopping
from agentflow.control.words import (
    WHY_LIMIT,
    Answer,
    Command,
    DeadDetail,
    Deed,
    EventDetail,
    StopDetail,
)
from agentflow.engine import Runner
from agentflow.errors import AgentFlowError, ConfigError, JournalError
from agentflow.event import Event
from agentflow.resilience import DeadLetter
from agentflow.telemetry.health import Health
from agentflow.telemetry.snapshot import (
    Cursor,
    EventRow,
    Snapshot,
)

_Action = Callable[[dict[str, Any]], Awaitable[Answer | Deed]]

PATIENCE = 1.0
"""Seconds that an answer waits for its record to be on disk."""

_OPPOSITES = {"resume": "pause"}
"""Commands that take back what another one did to the same target."""


class Control:
    """Everything that people may ask of a runner and do to it.

    Whatever is done, or refused, is on record with who asked. With ``read_only`` nothing
    can be changed: the check is here, behind every screen and every link. The alert rules of
    the file are looked after too; with ``read_only`` none of their commands is run.
    """

    def __init__(self, runner: Runner, *, read_only: bool = False) -> None:
        self.runner = runner
        self.read_only = read_only
        self._observer = Observer(runner)
        notifier = None if read_only else Notifier(runner.telemetry.log)
        self.alert_rules = AlertRules(runner, notifier)
        runner.heartbeat.each_second["alerts"] = self.alert_rules.tick
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
        self.stop: Callable[[int], StopDetail | None] = self._observer.stop
        self._changes = Changes(runner)
        self._actions: dict[str, _Action] = {
            "inject": self._inject,
            "pause": self._pause,
            "resume": self._resume,
            "replay": self._replay,
            "replay_all": self._replay_all,
            "drop": self._drop,
            "clear_dead": self._clear_dead,
            "pace": self._pace,
            **Stopping(runner).actions,
        }

    def snapshot(self, cursor: Cursor) -> Snapshot:
        """The engine now, with what is new since ``cursor``."""
        return self._observer.snapshot(cursor, read_only=self.read_only)

    def health(self) -> Health | None:
        """How the system is; None in the first second of its life."""
        return self.runner.health.report

    async def execute(self, command: Command) -> Answer:
        """Do what ``command`` says. Never raises; what can't be done is in the answer.

        Every command takes ``why``, the operator's own reason. ``plan`` changes nothing: it
        says what would come of another command, and is on no record.
        """
        if command.name == "plan":
            return (await self._try(command, self._plan)).answer
        if command.name in self._changes.names:
            deed = await self._try(command, self._change)
        elif command.name in self._actions:
            deed = await self._try(command, self._act)
        else:
            return Answer(False, f"there is no command {command.name!r}")
        self._record(command, deed)
        await self._on_disk()
        return deed.answer

    async def _on_disk(self) -> None:
        """Whoever hears that it is done finds it on record, also after a kill.

        A disk in trouble keeps nobody waiting for long.
        """
        try:
            async with asyncio.timeout(PATIENCE):
                await self.runner.flush()
        except (JournalError, TimeoutError):
            pass

    async def _try(self, command: Command, act: Callable[[Command], Awaitable[Deed]]) -> Deed:
        if self.read_only and command.name != "plan":
            return Deed(Answer(False, "this console is read-only: nothing was changed"))
        try:
            return await act(command)
        except ConfigError as error:
            first = next((p for p in error.problems if p.severity == "error"), None)
            text = f"not applied: {first}" if first else "not applied"
            return Deed(Answer(False, text, [problem_row(problem) for problem in error.problems]))
        except (AgentFlowError, ValueError) as error:
            return Deed(Answer(False, str(error)))
        except (KeyError, TypeError) as error:
            return Deed(Answer(False, f"{command.name}: wrong or missing argument: {error}"))

    async def _plan(self, command: Command) -> Deed:
        preview = self._changes.plan(command.arguments)
        return Deed(Answer(True, f"v{preview.version} → v{preview.next}", preview))

    async def _change(self, command: Command) -> Deed:
        return await self._changes.execute(command)

    async def _act(self, command: Command) -> Deed:
        done = await self._actions[command.name](command.arguments)
        if isinstance(done, Deed):
            return done
        number = command.arguments.get("number")
        taken_out = command.name == "unbreak" and number is not None
        undid = f"breakpoint:{number}" if taken_out else ""
        return Deed(done, about=_about(command, done), undid=undid)

    def _record(self, command: Command, deed: Deed) -> None:
        """Keep who did what, when, why, what it changed and what it took back."""
        why = command.arguments.get("why")
        target = _target(command.arguments)
        self.runner.audit(
            command.operator,
            command.name,
            target,
            deed.answer.message,
            "done" if deed.answer.ok else "refused",
            why=clean(why.strip()[:WHY_LIMIT]) if isinstance(why, str) else "",
            undid=self._undone(command.name, target, deed) if deed.answer.ok else 0,
            change=clean(deed.change),
            about=clean(deed.about),
        )

    def _undone(self, name: str, target: str, deed: Deed) -> int:
        """The number of the row that this one takes back; 0 if it is none, or not known."""
        opposite = _OPPOSITES.get(name)
        if opposite is None and not deed.undid:
            return 0
        for row in reversed(self.runner.telemetry.actions.items):
            if row.outcome != "done":
                continue
            if opposite is not None and row.target == target:
                if row.action in (name, opposite):
                    return row.seq if row.action == opposite else 0
            elif deed.undid and row.about == deed.undid:
                return row.seq
        return 0

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

    async def _replay(self, arguments: dict[str, Any]) -> Answer | Deed:
        letter = self._letter(arguments)
        data = arguments.get("data")
        if data is not None and not isinstance(data, Mapping):
            return Answer(False, "the data must be a JSON object")
        event_id = await self.runner.replay(letter, data)
        edited = "" if data is None else " with other data"
        return Deed(
            Answer(True, f"dead letter {letter.number} replayed{edited}", event_id),
            "" if data is None else _edited(letter.event.data, data),
            f"event:{event_id}",
        )

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

    async def _pause(self, arguments: dict[str, Any]) -> Deed:
        agent = str(arguments.get("agent") or "")
        before = self._going(agent)
        self.runner.pause(agent or None)
        self.runner.keep_pauses()
        what = agent or "the runner"
        answer = Answer(True, f"{what} paused: its events are held")
        return Deed(answer, f"{before} → paused", _agent(agent))

    async def _resume(self, arguments: dict[str, Any]) -> Deed:
        agent = str(arguments.get("agent") or "")
        before = self._going(agent)
        held = self.runner.counts().held
        self.runner.resume(agent or None)
        self.runner.keep_pauses()
        released = held - self.runner.counts().held
        what = agent or "the runner"
        answer = Answer(True, f"{what} resumed: {released} held event{'s' * (released != 1)} go on")
        return Deed(answer, f"{before} → going on", _agent(agent))

    def _going(self, agent: str) -> str:
        """Whether an agent, or the runner, goes on, in a word or two."""
        found = self.runner.agents.get(agent)
        if agent and found is not None and found.vitals.stopped:
            return "stopped"
        paused = found.vitals.paused if agent and found is not None else self.runner.paused
        return "paused" if paused else "going on"

    async def _pace(self, arguments: dict[str, Any]) -> Answer | Deed:
        rate = float(arguments["rate"])
        if not 0 <= rate < 1e9:
            return Answer(False, "a pace is a number of events a second, 0 for no limit")
        before, self.runner.pace = self.runner.pace, rate
        answer = Answer(True, f"pace {rate:g} events/s" if rate else "pace unlimited")
        return Deed(answer, f"{_pace_word(before)} → {_pace_word(rate)}")


def _agent(name: str) -> str:
    return f"agent:{name}" if name else ""


def _pace_word(rate: float) -> str:
    return f"{rate:g}/s" if rate else "unlimited"


def _about(command: Command, answer: Answer) -> str:
    """What a command was about, from what it was told and what it answered."""
    if command.name == "inject" and answer.ok:
        return f"event:{answer.data}"
    if command.name == "break" and answer.ok:
        return f"breakpoint:{answer.data}"
    if command.arguments.get("number") is not None and command.name in ("replay", "drop"):
        return f"dead:{command.arguments['number']}"
    return ""


def _edited(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Which keys of some data are not what they were, with their values, in short."""
    changed = []
    for key in dict.fromkeys([*before, *after]):
        old, new = before.get(key), after.get(key)
        if old != new or (key in before) != (key in after):
            changed.append(f"{key}: {_value(old)} → {_value(new)}")
    return "; ".join(changed[:3]) + ("; …" if len(changed) > 3 else "")


def _value(value: Any) -> str:
    text = one_line({"": value})[4:-1]
    return text if len(text) <= 40 else f"{text[:39]}…"


def _target(arguments: Mapping[str, Any]) -> str:
    for key in ("agent", "number", "version", "mode", "rate"):
        if arguments.get(key) not in (None, ""):
            return str(arguments[key])
    event = arguments.get("event")
    return str(event.get("target", "")) if isinstance(event, Mapping) else ""

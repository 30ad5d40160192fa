"""Versions: the configurations that a recording was made under."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from time import perf_counter

from agentflow.config import Config, diff
from agentflow.config.read import read
from agentflow.engine.compiler import Compiler
from agentflow.engine.plan import Choice, Plan, Vitals
from agentflow.engine.threads import Threads
from agentflow.errors import ConfigError
from agentflow.recording.records import Story, VersionRecord
from agentflow.telemetry.metrics import Meter
from agentflow.whatif.recorded import RecordedEvent

_MATTERS = ("handler", "system_prompt", "llm", "rate_limit")


class Versions:
    """What can be told of the configurations of a recording, by version number."""

    def __init__(self, records: Iterable[VersionRecord]) -> None:
        self._configs: dict[int, Config] = {}
        for record in records:
            try:
                self._configs[record.number] = read(
                    record.text,
                    record.path,
                    overlay=record.overlay,
                    overrides=record.overrides,
                )
            except ConfigError:
                continue  # an environment variable that is not there now, say
        self._plans: dict[int, Plan] = {}

    def config(self, number: int) -> Config | None:
        """The configuration of this number, None if it can't be told."""
        return self._configs.get(number)

    def registered(self, stories: Iterable[Story]) -> list[str]:
        """Agents that were there and that no file describes: their code was given to the runner."""
        found: dict[str, None] = {}
        for story in stories:
            config = self._configs.get(story.version)
            for name in _agents_of(story) if config is not None else ():
                if config is not None and name not in config.agents:
                    found[name] = None
        return list(found)

    def choice(self, told: RecordedEvent) -> Choice | None:
        """How an event was run; None if it isn't known."""
        story = told.story
        plan = self._plan(story.version)
        if plan is None or story.mode not in plan.orchestrations:
            return None
        choice = plan.pick(told.event)
        return choice if choice.mode == story.mode else plan.orchestrations[story.mode]

    def parallel(self, told: RecordedEvent) -> Sequence[str] | None:
        """The agents that may have run side by side for an event; None if it isn't known."""
        choice = self.choice(told)
        return None if choice is None else choice.lists.parallel

    def _plan(self, number: int) -> Plan | None:
        config = self._configs.get(number)
        if config is None:
            return None
        if number not in self._plans:
            self._plans[number] = plan_of(config)
        return self._plans[number]


def _agents_of(story: Story) -> list[str]:
    """The agents that there must have been for an event to go as it went."""
    names = [run.agent for run in story.runs if run.attempts]
    if names and story.target and story.mode != "route":
        names.append(story.target)  # outside route mode too, an event to nobody fails at once
    return names


def plan_of(config: Config) -> Plan:
    """The plan of ``config``, with none of its agents' code loaded."""
    return Compiler(Threads(), perf_counter, _meter, _unwatched).sketch(config)


def not_as_recorded(recorded: Config, config: Config, agents: Iterable[str]) -> list[str]:
    """What is another thing about ``agents`` whose outputs are the recorded ones, in words.

    Their outputs can't show it: only running them again can.
    """
    names = set(agents)
    models = any(config.agents[name].handler is None for name in names)
    found = []
    for difference in diff(recorded, config):
        parts = difference.key.split(".")
        one = parts[0] == "agents" and parts[1] in names and set(parts[2:3]) & set(_MATTERS)
        if one or (models and parts[0] in ("llm", "providers")):
            found.append(difference.sentence)
    return found


def _meter(mode: str) -> Meter:
    return Meter()


def _unwatched(vitals: Vitals) -> None:
    """Nobody watches these."""

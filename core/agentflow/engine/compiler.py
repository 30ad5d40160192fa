"""Compiler: makes plans from configurations and the code of their agents."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import Any

from agentflow.agent import Agent
from agentflow.config import AgentConfig, Config, Problem
from agentflow.config.read import place_of
from agentflow.engine.handlers import Code, load
from agentflow.engine.models import ModelAgent, Providers, kind_of, signature_of
from agentflow.engine.plan import Plan, PlannedAgent, Vitals, breaker_policy, retry_policy
from agentflow.engine.threads import Threads
from agentflow.errors import ConfigError, HandlerNotLoaded
from agentflow.event import Event
from agentflow.resilience import CircuitBreaker
from agentflow.state import State
from agentflow.telemetry.metrics import Meter


class Compiler:
    """Knows every agent's code and vitals; compiles a Config into a Plan.

    ``watch`` is told of every agent's vitals when they are made.
    """

    def __init__(
        self,
        threads: Threads,
        now: Callable[[], float],
        meter_of: Callable[[str], Meter],
        watch: Callable[[Vitals], None],
    ) -> None:
        self._threads = threads
        self._meter_of = meter_of
        self._now = now
        self._watch = watch
        self._registered: dict[str, Code] = {}
        self._loaded: dict[tuple[str, str], Code] = {}
        self._apart: dict[tuple[str, str], Code] = {}
        self._providers = Providers()
        self._models: dict[str, tuple[object, Code]] = {}
        self.vitals: dict[str, Vitals] = {}

    def register(self, name: str, handler: Any) -> None:
        """Take ``handler`` for the agent ``name``. Raises ValueError or TypeError."""
        if not isinstance(name, str) or not name.strip():
            raise ValueError("an agent needs a name")
        if name in self._registered:
            raise ValueError(f"an agent named {name!r} is registered already")
        self._registered[name] = Code(handler, self._threads)

    def unregister(self, name: str) -> bool:
        """Forget the code registered for ``name``; False if there was none."""
        return self._registered.pop(name, None) is not None

    def knows(self, name: str) -> Code | None:
        """The code that was registered for an agent, if any."""
        return self._registered.get(name)

    @property
    def registered(self) -> list[str]:
        """The agents whose code was registered, in that order."""
        return list(self._registered)

    def loaded(self, name: str, reference: str) -> Code | None:
        """The code of an agent that has been loaded by that reference, if it has."""
        return self._loaded.get((name, reference))

    def compile(self, config: Config, version: int, *, apart: bool = False) -> Plan:
        """The plan of ``config``. Raises ConfigError when an agent's code can't be loaded.

        ``apart`` for one that runs beside another plan: an agent's object that would have
        to be told something else is not shared with that, until ``join``.
        """
        problems: list[Problem] = []
        agents: dict[str, PlannedAgent] = {}
        disabled: set[str] = set()
        breaker = breaker_policy(config)
        for name in [*config.agents, *(n for n in self._registered if n not in config.agents)]:
            settings = config.agents.get(name)
            code = self._registered.get(name)
            if settings is not None and not settings.enabled:
                disabled.add(name)
                continue
            if code is None and settings is not None:
                try:
                    code = self._code(config, name, apart)
                except (HandlerNotLoaded, TypeError) as error:
                    problems.append(_problem(config, name, error))
                    continue
            assert code is not None
            if code.agent is not None and not code.agent.enabled:
                disabled.add(name)
                continue
            vitals = self.vitals.get(name)
            if vitals is None:
                vitals = self.vitals[name] = Vitals(name, CircuitBreaker(breaker, self._now))
                self._watch(vitals)
            vitals.breaker.policy = breaker
            if not code.started:
                vitals.ready = vitals.clear = False
            timeout = settings.timeout if settings is not None else None
            if timeout is None and code.agent is None:
                timeout = config.runtime.timeout_seconds
            if timeout is None and code.agent is not None:
                timeout = code.agent.timeout
            role = (settings.role if settings is not None else "") or (
                code.agent.role if code.agent is not None else ""
            )
            agents[name] = PlannedAgent(
                name, role, code, vitals, timeout or inf, retry_policy(config, name)
            )
        if problems:
            raise ConfigError(problems)
        return Plan(version, config, agents, frozenset(disabled), self._meter_of)

    def code_of(self, config: Config, name: str) -> Code:
        """The code of one agent that ``config`` describes. Raises ConfigError."""
        try:
            return self._code(config, name, False)
        except (HandlerNotLoaded, TypeError) as error:
            raise ConfigError([_problem(config, name, error)]) from error

    def sketch(self, config: Config) -> Plan:
        """What the plan of ``config`` would be, to be asked and not to be run.

        Nothing is loaded for it, and nobody is told anything.
        """
        agents: dict[str, PlannedAgent] = {}
        disabled: set[str] = set()
        for name in [*config.agents, *(n for n in self._registered if n not in config.agents)]:
            settings, code = config.agents.get(name), self._registered.get(name)
            if code is None and settings is not None and settings.handler:
                code = self._loaded.get((name, settings.handler))
            if settings is not None and not settings.enabled:
                disabled.add(name)
                continue
            if code is not None and code.agent is not None and not code.agent.enabled:
                disabled.add(name)
                continue
            vitals = self.vitals.get(name)
            if vitals is None:
                vitals = Vitals(name, CircuitBreaker(breaker_policy(config), self._now))
            code = code or Code(_nothing, self._threads)
            agents[name] = PlannedAgent(name, "", code, vitals, inf, retry_policy(config, name))
        return Plan(0, config, agents, frozenset(disabled), lambda mode: Meter())

    def join(self) -> None:
        """What was compiled apart is all there is from now on."""
        self._loaded.update(self._apart)
        self._apart.clear()

    def part(self) -> None:
        """What was compiled apart is not used any more."""
        self._apart.clear()

    def _code(self, config: Config, name: str, apart: bool) -> Code:
        settings = config.agents[name]
        reference = settings.handler
        if reference is None:
            return self._model(config, name)
        key = name, reference
        shelf, code = self._loaded, self._loaded.get(key)
        if apart and code is not None and code.agent is not None:
            if code.agent.name == name and not introduction(code.agent, settings):
                return code
            shelf, code = self._apart, self._apart.get(key)
        if code is None:
            folder = Path(config.path).parent if config.path else None
            code = shelf[key] = Code(load(name, reference, folder), self._threads, reference)
        if code.agent is not None:
            code.agent.name = name
            for attribute, value in introduction(code.agent, settings).items():
                setattr(code.agent, attribute, value)
        return code

    def _model(self, config: Config, name: str) -> Code:
        """The code of an agent that is a system prompt and a language model."""
        signature = signature_of(config, name)
        known = self._models.get(name)
        if known is not None and known[0] == signature:
            return known[1]
        handler = ModelAgent(config, name, self._providers, self._count_tokens)
        code = Code(handler, self._threads, kind_of(config, name))
        self._models[name] = (signature, code)
        return code

    def _count_tokens(self, agent: str, prompt: int, completion: int) -> None:
        vitals = self.vitals.get(agent)
        if vitals is not None:
            vitals.meter.tokens_in += prompt
            vitals.meter.tokens_out += completion

    async def close(self) -> None:
        """Shut down agents and providers that were got ready."""
        for code in [
            *self._registered.values(), *self._loaded.values(), *self._apart.values()
        ]:  # fmt: skip
            try:
                await code.stop()
            except Exception:  # one agent's failing shutdown must not keep the others open
                continue
        for _, code in self._models.values():
            if isinstance(code.call, ModelAgent):
                code.call.disconnect()
        await self._providers.close()


async def _nothing(event: Event, state: State) -> None:
    """Stands for code that has yet to be loaded."""


def introduction(agent: Agent, settings: AgentConfig) -> dict[str, Any]:
    """What the configuration says of an agent's object and it does not say itself yet."""
    said = {
        key: getattr(settings, key)
        for key in ("role", "description", "capabilities", "system_prompt")
        if getattr(settings, key)
    }
    if settings.llm is not None:
        said["llm"] = settings.llm
    return {key: value for key, value in said.items() if getattr(agent, key) != value}


def _problem(config: Config, agent: str, error: Exception) -> Problem:
    key = f"agents.{agent}.handler"
    place = place_of(config, key)
    return Problem(
        config.path,
        place.line,
        place.column,
        key,
        str(error),
        "make module:attribute name a function of (event, state) or an Agent class",
    )

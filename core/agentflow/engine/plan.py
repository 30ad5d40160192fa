"""Plan: one version of the configuration, compiled for running.

A plan is never changed. A new configuration makes a new plan, swapped in whole; an
event finishes under the plan it started with. What an agent lives through (whether it
is paused, its breaker, its counts) stays with its ``Vitals`` across plans.
"""

from __future__ import annotations

import dataclasses
import re
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from math import inf
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from agentflow.config import Config, RetryConfig, RuleConfig
from agentflow.config.orchestration import MODES, OTHER_MODES
from agentflow.engine.handlers import Code
from agentflow.errors import AgentNotFound
from agentflow.event import Event
from agentflow.orchestration import (
    Outcome,
    Run,
    collaborative,
    loop,
    mixed,
    route,
    sequential,
)
from agentflow.resilience import BreakerPolicy, CircuitBreaker, RetryPolicy
from agentflow.state import State
from agentflow.telemetry.metrics import Meter

if TYPE_CHECKING:
    import asyncio

    from agentflow.engine.execution import Execution

MODE_ALIASES: Mapping[str, str] = {**{mode: mode for mode in MODES}, **OTHER_MODES}
"""Every word for a mode, and the mode that it means."""

Orchestration: TypeAlias = Callable[[Run, Event, State, int], Awaitable[Outcome]]
"""Runs an event, beginning after so many steps that lie behind already."""


MAX_STEPS = 100
"""The longest express lane; longer pipelines and loops run the ordinary way."""


class Choice:
    """How one event runs: the mode, the function that does it, and where it is counted.

    ``parallel`` is whether agents may run in tasks of their own, ``lists`` are the agents
    that the mode makes use of.
    """

    __slots__ = ("agents", "label", "lists", "meter", "mode", "orchestrate", "parallel", "plan")

    def __init__(
        self, plan: Plan, mode: str, orchestrate: Orchestration, meter: Meter, lists: Lists
    ) -> None:
        self.plan = plan
        self.lists = lists
        self.agents = plan.agents
        self.mode = mode
        self.orchestrate = orchestrate
        self.meter = meter
        self.label = (mode, plan.version)
        self.parallel = mode in ("collaborative", "mixed")


class Lane:
    """The agents that an event runs through, one after the other, with nothing in between.

    ``choice`` is what they are the short cut for, ``looping`` whether they are rounds of a loop.
    """

    __slots__ = ("choice", "looping", "steps")

    def __init__(self, choice: Choice, steps: tuple[PlannedAgent, ...], *, looping: bool) -> None:
        self.choice = choice
        self.steps = steps
        self.looping = looping


class Vitals:
    """What an agent lives through, whatever plan it runs under.

    ``clear`` is False when something stands between an event and the agent: a pause, a
    breaker that is not closed, an ``initialize`` that has yet to be awaited (not
    ``ready``). ``held`` are executions that have not started, ``gate`` is what waits in
    the middle of an orchestration. ``shaky`` is whether the last run failed,
    ``ended`` when it ended (monotonic seconds). ``stopped`` is why the supervisor has paused
    it, "" if it hasn't, ``watched`` whether its runs may be stopped at a breakpoint.
    """

    __slots__ = (
        "breaker", "clear", "ended", "gate", "held", "meter", "name", "paused", "ready", "shaky",
        "stopped", "watched",
    )  # fmt: skip

    def __init__(self, name: str, breaker: CircuitBreaker) -> None:
        self.name = name
        self.breaker = breaker
        self.meter = Meter()
        self.paused = False
        self.stopped = ""
        self.shaky = self.watched = False
        self.ended = 0.0
        self.ready = True
        self.clear = True
        self.held: deque[Execution] = deque()
        self.gate: deque[tuple[Execution, asyncio.Future[None]]] = deque()


class PlannedAgent:
    """One agent as one plan sees it. ``timeout`` is in seconds (inf for none)."""

    __slots__ = (
        "call", "code", "latency", "name", "pending", "retry", "role", "timeout", "vitals",
        "wants_context",
    )  # fmt: skip

    def __init__(
        self, name: str, role: str, code: Code, vitals: Vitals, timeout: float, retry: RetryPolicy
    ) -> None:
        self.name = name
        self.role = role
        self.code = code
        self.call = code.call
        self.wants_context = code.wants_context
        self.vitals = vitals
        # At hand for the express lane: with thousands of agents every step to them is a miss.
        self.latency = vitals.meter.latency
        self.pending = self.latency.pending
        self.timeout = timeout
        self.retry = retry


class Lists(NamedTuple):
    """The agents of each kind of orchestration."""

    parallel: list[str]
    pipeline: list[str]
    loop_agent: str

    def of_rule(self, rule: RuleConfig) -> Lists:
        """These, with what a rule says instead."""
        return Lists(
            self.parallel if rule.collaborative_agents is None else rule.collaborative_agents,
            self.pipeline if rule.sequential_agents is None else rule.sequential_agents,
            rule.loop_agent or self.loop_agent,
        )


class Plan:
    """The mode, the agents and the policies of one configuration version."""

    def __init__(
        self,
        version: int,
        config: Config,
        agents: dict[str, PlannedAgent],
        disabled: frozenset[str],
        meter_of: Callable[[str], Meter],
    ) -> None:
        settings = config.orchestration
        self.version = version
        self.config = config
        self.agents = agents
        self.disabled = disabled
        self.mode: str = settings.mode
        self.timeout: float = settings.timeout_seconds or inf
        self.max_hops: int = config.runtime.max_hops
        self.default_agent: str = settings.default_agent or ""
        everyone = list(agents)
        self.pipeline = list(
            everyone if settings.sequential_agents is None else settings.sequential_agents
        )
        if settings.collaborative_agents is not None:
            self.parallel = list(settings.collaborative_agents)
        elif settings.mode == "mixed":
            self.parallel = [name for name in everyone if name not in self.pipeline]
        else:
            self.parallel = everyone
        self.loop_agent: str = settings.loop_agent or ""
        self.max_concurrency: int = settings.max_concurrency
        self.failure_threshold: float = settings.failure_threshold
        self.max_iterations: int = settings.max_iterations
        self.fail_at_limit: bool = settings.on_max_iterations == "fail"
        lists = Lists(self.parallel, self.pipeline, self.loop_agent)
        self._meter_of = meter_of
        self.orchestrations = {mode: self._compile(mode, lists) for mode in MODES}
        self.default = self.orchestrations[self.mode]
        self._rules = [
            (rule.matches, self._compile(rule.mode, lists.of_rule(rule))) for rule in settings.rules
        ]
        self.routing_rules = [
            (re.compile(rule.pattern, re.IGNORECASE), rule.agent) for rule in settings.routing_rules
        ]
        self.has_rules = bool(self._rules)
        self.lanes = self._lanes()

    def _lanes(self) -> dict[str, Lane]:
        """The express lane for each target; only plain agents, one after the other, have one."""
        agents = self.agents
        plain = {name: agent for name, agent in agents.items() if not agent.wants_context}
        if self.mode == "route" and not self._rules:
            return {
                name: Lane(self.default, (agent,), looping=False) for name, agent in plain.items()
            }
        if self.mode == "sequential":
            steps, looping = self.pipeline, False
        elif self.mode == "loop":
            steps, looping = [self.loop_agent] * self.max_iterations, True
        else:
            return {}
        if (
            self._rules
            or not steps
            or len(steps) > MAX_STEPS
            or not all(name in plain for name in steps)
        ):
            return {}
        lane = Lane(self.default, tuple(plain[name] for name in steps), looping=looping)
        return dict.fromkeys(["", *agents], lane)

    def _compile(self, mode: str, lists: Lists) -> Choice:
        width, threshold = self.max_concurrency, self.failure_threshold
        limit, fail = self.max_iterations, self.fail_at_limit

        def by_route(run: Run, event: Event, state: State, done: int) -> Awaitable[Outcome]:
            agent = event.target
            if event.steered or not agent:
                agent = self.target_of(event)
            return route(run, event, state, agent)

        def in_parallel(run: Run, event: Event, state: State, done: int) -> Awaitable[Outcome]:
            return collaborative(run, event, state, lists.parallel, width, threshold)

        def in_order(run: Run, event: Event, state: State, done: int) -> Awaitable[Outcome]:
            return sequential(run, event, state, lists.pipeline, done)

        def in_a_loop(run: Run, event: Event, state: State, done: int) -> Awaitable[Outcome]:
            agent = lists.loop_agent or self.looping(event)
            return loop(run, event, state, agent, limit, fail, done)

        def in_two_phases(run: Run, event: Event, state: State, done: int) -> Awaitable[Outcome]:
            return mixed(run, event, state, lists.parallel, lists.pipeline, width, threshold)

        functions: dict[str, Orchestration] = {
            "route": by_route,
            "collaborative": in_parallel,
            "sequential": in_order,
            "loop": in_a_loop,
            "mixed": in_two_phases,
        }
        return Choice(self, mode, functions[mode], self._meter_of(mode), lists)

    def pick(self, event: Event) -> Choice:
        """How this event runs: by its own override, else by a rule, else as the plan says."""
        override = event.metadata.get("orchestration_override")
        if override:
            return self.orchestrations[MODE_ALIASES[override.strip().lower()]]
        for matches, choice in self._rules:
            if matches(event.data, event.metadata):
                return choice
        return self.default

    def target_of(self, event: Event) -> str:
        """The agent for an event in route mode, '' if nothing names one."""
        target = event.route
        if target:
            return target
        if self.routing_rules:
            text = " ".join(str(value) for value in event.data.values())
            for pattern, agent in self.routing_rules:
                if pattern.search(text):
                    return agent
        return self.default_agent

    def looping(self, event: Event) -> str:
        """The agent of a loop that names none: the target, or the only agent there is."""
        if event.route:
            return event.route
        return next(iter(self.agents)) if len(self.agents) == 1 else ""

    def missing(self, name: str) -> AgentNotFound:
        """The error for an agent that this plan can't run."""
        reason = "it is disabled" if name in self.disabled else ""
        return AgentNotFound(name, reason, tuple(self.agents))

    def place_of(self, name: str) -> str:
        """What the plan uses an agent for, in a word or two; '' if its mode doesn't."""
        words: list[str] = []
        if self.mode in ("collaborative", "mixed") and name in self.parallel:
            words.append("collaborative")
        if self.mode in ("sequential", "mixed") and name in self.pipeline:
            words.append(f"sequential {self.pipeline.index(name) + 1}")
        if self.mode == "loop" and name == self.loop_agent:
            words.append("loop")
        return ", ".join(words)


def retry_policy(config: Config, agent: str) -> RetryPolicy:
    """The agent's own policy over ``orchestration.retry_attempts`` over the error routing's."""
    policy = RetryPolicy()
    general = config.error_routing.retry
    if general is not None:
        policy = _over(policy, general)
    attempts = config.orchestration.retry_attempts
    if attempts is not None:
        policy = dataclasses.replace(policy, max_retries=attempts)
    own = config.agents[agent].retry_policy if agent in config.agents else None
    return policy if own is None else _over(policy, own)


def longest_delay(config: Config, attempt: int) -> float:
    """The longest wait after ``attempt`` has failed, for any agent, in seconds."""
    policies = [retry_policy(config, name) for name in (*config.agents, "")]
    delays = [
        policy.initial_delay * policy.backoff_factor ** min(attempt - 1, 64) for policy in policies
    ]
    return max(map(min, delays, [policy.max_delay for policy in policies]))


def _over(policy: RetryPolicy, settings: RetryConfig) -> RetryPolicy:
    written = {name: getattr(settings, name) for name in settings.model_fields_set}
    return dataclasses.replace(policy, **written)


def breaker_policy(config: Config) -> BreakerPolicy:
    """When the agents' breakers open and close."""
    settings = config.error_routing.circuit_breaker
    if settings is None:
        return BreakerPolicy()
    return BreakerPolicy(
        failure_threshold=settings.failure_threshold,
        cool_down=settings.timeout,
        half_open_calls=settings.half_open_calls,
        success_threshold=settings.success_threshold,
    )

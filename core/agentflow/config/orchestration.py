"""How agents work together: the mode, its agents, its limits, and rules that pick another."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from agentflow.config.rules import Matcher, flatten
from agentflow.config.section import Section, Spelling, ms, same, setting
from agentflow.config.values import (
    Duration,
    Fraction,
    Name,
    Names,
    Natural,
    Pattern,
    Positive,
    Words,
    choice,
)

MODES = ("route", "collaborative", "sequential", "loop", "mixed")

OTHER_MODES = {"collaborate": "collaborative", "parallel": "collaborative"}
"""Other spellings of a mode."""

LISTS_OF_MODE: Mapping[str, tuple[str, ...]] = {
    "route": (),
    "collaborative": ("collaborative_agents",),
    "sequential": ("sequential_agents",),
    "loop": ("loop_agent",),
    "mixed": ("collaborative_agents", "sequential_agents"),
}
"""The keys that name the agents of each mode."""

Mode = Annotated[
    Literal["route", "collaborative", "sequential", "loop", "mixed"],
    BeforeValidator(choice(MODES, OTHER_MODES)),
]
AtLimit = Annotated[Literal["finish", "fail"], BeforeValidator(choice(("finish", "fail")))]
When = Annotated[
    dict[str, Any],
    BeforeValidator(flatten),
    Words('a table such as { data.kind = "invoice", metadata.customer = "gold*" }'),
]


class RuleConfig(Section):
    """Another mode for the events that match ``when``; the first rule that matches wins."""

    when: When = Field(description="What event data and metadata must hold, by dotted path.")
    mode: Mode = Field(description="The mode for these events.")
    collaborative_agents: Names | None = setting(None, "Agents that work side by side.")
    sequential_agents: Names | None = setting(None, "Agents that work one by one.")
    loop_agent: Name | None = setting(None, "The agent that repeats.")

    def matches(self, data: Mapping[str, Any], metadata: Mapping[str, str]) -> bool:
        """Whether an event with this data and metadata is one that the rule is for."""
        return self.matcher(data, metadata)

    @cached_property
    def matcher(self) -> Matcher:
        """``when`` made ready, for who asks often."""
        return Matcher(self.when)


class RoutingRule(Section):
    """Where events without a target go when their text matches."""

    pattern: Pattern = Field(description="Regular expression to look for in the event's data.")
    agent: Name = Field(description="The agent for the events that match.")


class OrchestrationConfig(Section):
    """The mode and everything that shapes it."""

    mode: Mode = setting("route", "route, collaborative, sequential, loop or mixed.")
    timeout_seconds: Duration = setting(30.0, "Seconds one orchestration may take.")
    max_concurrency: Positive = setting(10, "Agents of one event that run at once.")
    failure_threshold: Fraction = setting(
        0.5, "Share of failed agents at which a collaborative event fails."
    )
    retry_attempts: Natural | None = setting(
        None, "Retries of a failed agent run; 3 when not written."
    )
    collaborative_agents: Names | None = setting(
        None, "Agents that work side by side; every enabled one when not written."
    )
    sequential_agents: Names | None = setting(None, "Agents that work one by one.")
    loop_agent: Name | None = setting(None, "The agent that repeats.")
    max_iterations: Positive = setting(5, "Rounds a loop may take.")
    on_max_iterations: AtLimit = setting("finish", "Whether a loop at its limit finishes or fails.")
    rules: list[RuleConfig] = setting([], "Other modes for some events.")
    default_agent: Name | None = setting(
        None, "Where events go that name no target and match no routing rule."
    )
    routing_rules: list[RoutingRule] = setting([], "Targets by pattern.")

    spellings: ClassVar[Mapping[str, Spelling]] = {
        "timeout": same("timeout_seconds"),
        "timeout_ms": ms("timeout_seconds"),
        "max_concurrent": same("max_concurrency"),
        "max_retries": same("retry_attempts"),
        "parallel_agents": same("collaborative_agents"),
    }
    unused: ClassVar[Mapping[str, str]] = {
        "parallel_groups": "list them in collaborative_agents and sequential_agents",
        "fallback_agent": "use default_agent",
        "sequential": "",
        "parallel": "write max_concurrency and timeout_seconds in [orchestration] itself",
        "collaborative": "",
        "route": "",
        "loop": "",
        "mixed": "",
    }

"""Changing a configuration that is there."""

from __future__ import annotations

import pytest

from agentflow.config import AgentConfig, Config, OrchestrationConfig, Secret
from agentflow.config.llm import LlmConfig
from agentflow.errors import ConfigError

TEXT = """\
[orchestration]
mode = "route"
[agents.a]
[agents.b]
"""


def test_an_override_is_checked_like_a_file() -> None:
    """A mode with agents that do not exist is refused, and the old configuration stays."""
    config = Config.from_toml(TEXT, environ={})
    looped = config.override({"orchestration.mode": "loop", "orchestration.loop_agent": "a"})
    assert (looped.orchestration.mode, config.orchestration.mode) == ("loop", "route")
    with pytest.raises(ConfigError, match="agent 'c' is not defined"):
        config.override({"orchestration.mode": "loop", "orchestration.loop_agent": "c"})


def test_overrides_add_up() -> None:
    """A second change keeps the first."""
    config = Config.from_toml(TEXT, environ={}).override({"runtime.queue_size": 5})
    config = config.override({"runtime.max_hops": 2})
    assert (config.runtime.queue_size, config.runtime.max_hops) == (5, 2)


def test_a_configuration_made_in_code_can_be_overridden() -> None:
    """Without a file, what was given in code is what lies below."""
    made = Config(
        agents={"a": AgentConfig(role="x", llm=LlmConfig(api_key=Secret("s")))},
        orchestration=OrchestrationConfig(retry_attempts=1),
    )
    changed = made.override({"orchestration.mode": "sequential", "agents.a.timeout": "5s"})
    assert changed.orchestration.mode == "sequential"
    assert changed.orchestration.retry_attempts == 1
    assert changed.agents["a"].timeout == 5
    assert changed.llm_of("a").api_key == Secret("s")
    with pytest.raises(ConfigError):
        made.override({"orchestration.mode": "loop", "orchestration.loop_agent": "b"})


def test_the_default_configuration_is_route_mode() -> None:
    """``Config()`` has the defaults that the guide promises."""
    config = Config()
    plan, runtime = config.orchestration, config.runtime
    assert (plan.mode, plan.timeout_seconds, plan.max_concurrency) == ("route", 30, 10)
    assert (plan.failure_threshold, plan.max_iterations) == (0.5, 5)
    assert plan.retry_attempts is None
    assert plan.collaborative_agents is None
    assert (runtime.queue_size, runtime.max_concurrent_events, runtime.max_hops) == (1000, 10, 10)
    assert runtime.ordering == "session"


def test_a_configuration_cannot_be_changed_in_place() -> None:
    """Who wants another configuration makes another one."""
    config = Config()
    with pytest.raises(ValueError, match="frozen"):
        config.orchestration.mode = "loop"  # type: ignore[misc]
    with pytest.raises(ValueError, match="Extra inputs"):
        OrchestrationConfig(mood="loop")  # type: ignore[call-arg]

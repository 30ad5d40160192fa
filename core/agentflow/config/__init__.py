"""The configuration: what the file may say, reading it, and the difference between two.

Importing this package is cheap: pydantic is loaded when the first model is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from agentflow.config.problems import Problem
from agentflow.config.secret import Secret

if TYPE_CHECKING:
    from agentflow.config.agents import AgentConfig
    from agentflow.config.config import Config
    from agentflow.config.difference import Difference, diff
    from agentflow.config.journal import JournalConfig
    from agentflow.config.llm import LlmConfig, ProviderConfig
    from agentflow.config.orchestration import OrchestrationConfig, RoutingRule, RuleConfig
    from agentflow.config.policies import (
        CircuitBreakerConfig,
        ErrorRoutingConfig,
        RateLimitConfig,
        RetryConfig,
    )
    from agentflow.config.read import check_config, load_config
    from agentflow.config.runtime import AgentFlowConfig, LoggingConfig, RuntimeConfig
    from agentflow.config.supervision import SupervisionConfig
    from agentflow.config.watcher import Change, watch

__all__ = [
    "AgentConfig",
    "AgentFlowConfig",
    "Change",
    "CircuitBreakerConfig",
    "Config",
    "Difference",
    "ErrorRoutingConfig",
    "JournalConfig",
    "LlmConfig",
    "LoggingConfig",
    "OrchestrationConfig",
    "Problem",
    "ProviderConfig",
    "RateLimitConfig",
    "RetryConfig",
    "RoutingRule",
    "RuleConfig",
    "RuntimeConfig",
    "Secret",
    "SupervisionConfig",
    "check_config",
    "diff",
    "load_config",
    "watch",
]

_HOMES = {
    "AgentConfig": "agents",
    "AgentFlowConfig": "runtime",
    "CircuitBreakerConfig": "policies",
    "Config": "config",
    "ErrorRoutingConfig": "policies",
    "JournalConfig": "journal",
    "LlmConfig": "llm",
    "LoggingConfig": "runtime",
    "OrchestrationConfig": "orchestration",
    "ProviderConfig": "llm",
    "RateLimitConfig": "policies",
    "RetryConfig": "policies",
    "RoutingRule": "orchestration",
    "RuleConfig": "orchestration",
    "RuntimeConfig": "runtime",
    "SupervisionConfig": "supervision",
    "Change": "watcher",
    "Difference": "difference",
    "check_config": "read",
    "diff": "difference",
    "load_config": "read",
    "watch": "watcher",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)

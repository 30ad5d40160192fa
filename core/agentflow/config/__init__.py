"""The configuration: what the file may say, reading it, and the difference between two.

Importing this package is cheap: pydantic is loaded when the first model is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentflow.config.problems import Problem
from agentflow.config.secret import Secret
from agentflow.lazy import lazy

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

__getattr__, __dir__ = lazy(globals(), _HOMES)

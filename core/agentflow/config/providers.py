"""Which language-model settings hold for an agent, out of all that are written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentflow.config.llm import LlmConfig, ProviderConfig

if TYPE_CHECKING:
    from agentflow.config.config import Config

CONNECTION = frozenset(
    {
        "model", "base_url", "api_key", "api_key_env", "organization", "api_version",
        "deployment", "max_connections",
    }
)  # fmt: skip
"""What belongs to one provider and must not be sent to another."""


def resolve(config: Config, agent: str) -> LlmConfig:
    """The settings of ``agent``; see ``Config.llm_of``."""
    settings = config.agents[agent].llm if agent in config.agents else None
    own = _written(settings)
    common = config.llm.provider or config.agent_flow.provider
    provider = own.get("provider") or common
    general = _written(config.llm)
    if provider != common:
        general = {key: value for key, value in general.items() if key not in CONNECTION}
    values = _written(config.providers.get(provider or "")) | general | own
    return LlmConfig.model_construct(**(values | {"provider": provider}))


def _written(section: ProviderConfig | None) -> dict[str, Any]:
    """What a table says; what it leaves out is None there."""
    return {key: value for key, value in section or () if value is not None}

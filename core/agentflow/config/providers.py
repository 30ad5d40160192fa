"""Which language-model settings hold for an agent, out of all that are written."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from agentflow.config.llm import LlmConfig, ProviderConfig
from agentflow.config.secret import Secret

if TYPE_CHECKING:
    from agentflow.config.config import Config

VARIABLES = {
    "openai": {"api_key": "OPENAI_API_KEY", "base_url": "OPENAI_BASE_URL"},
    "anthropic": {"api_key": "ANTHROPIC_API_KEY"},
    "ollama": {"base_url": "OLLAMA_HOST"},
    "azure": {
        "api_key": "AZURE_OPENAI_API_KEY",
        "base_url": "AZURE_OPENAI_ENDPOINT",
        "deployment": "AZURE_OPENAI_DEPLOYMENT",
    },
}
VARIABLES["azure_openai"] = VARIABLES["azure"]
"""The environment variables that users of a provider already have set."""

CONNECTION = frozenset(
    {
        "model", "base_url", "api_key", "api_key_env", "organization", "api_version",
        "deployment", "max_connections", "rate_limit",
    }
)  # fmt: skip
"""What belongs to one provider and must not be sent to another."""


def resolve(config: Config, agent: str, environ: Mapping[str, str] | None = None) -> LlmConfig:
    """The settings of ``agent``; see ``Config.llm_of``. ``environ`` None: the process's own."""
    environ = os.environ if environ is None else environ
    settings = config.agents[agent].llm if agent in config.agents else None
    own = _written(settings)
    common = config.llm.provider or config.agent_flow.provider
    provider = own.get("provider") or common
    general = _written(config.llm)
    if provider != common:
        general = {key: value for key, value in general.items() if key not in CONNECTION}
    values = _written(config.providers.get(provider or "")) | general | own
    for key, variable in VARIABLES.get((provider or "").lower(), {}).items():
        if key == "api_key" and "api_key_env" in values:
            continue
        if key not in values and environ.get(variable):
            values[key] = _usable(key, environ[variable])
    if "api_key" not in values and environ.get(str(values.get("api_key_env"))):
        values["api_key"] = Secret(environ[values["api_key_env"]])
    return LlmConfig.model_construct(**(values | {"provider": provider}))


def _written(section: ProviderConfig | None) -> dict[str, Any]:
    """What a table says; what it leaves out is None there."""
    return {key: value for key, value in section or () if value is not None}


def _usable(key: str, text: str) -> Any:
    """The value of a variable as the field takes it."""
    if key == "api_key":
        return Secret(text)
    if key == "base_url" and "://" not in text:
        return f"http://{text}"
    return text

"""Language-model settings: the global ones, a provider's, an agent's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from agentflow.config.section import Section, Spelling, ms, same, setting
from agentflow.config.values import (
    Duration,
    Fraction,
    Name,
    Penalty,
    Positive,
    SecretText,
    Temperature,
    Text,
    Url,
    Variable,
)


class ProviderConfig(Section):
    """How to reach one provider, and what to ask of it unless told otherwise."""

    model: Name | None = setting(None, "Name of the model.")
    temperature: Temperature | None = setting(None, "0 is focused, 2 is wild.")
    max_tokens: Positive | None = setting(None, "Longest answer, in tokens.")
    top_p: Fraction | None = setting(None, "Share of probability to sample from.")
    frequency_penalty: Penalty | None = setting(None, "Above 0 repeats less.")
    presence_penalty: Penalty | None = setting(None, "Above 0 seeks new topics.")
    base_url: Url | None = setting(None, "Address of the provider's API.")
    api_key: SecretText | None = setting(None, "The key; write env:NAME to keep it out.")
    api_key_env: Variable | None = setting(None, "Environment variable that holds the key.")
    timeout: Duration | None = setting(None, "Seconds one request may take.")
    organization: Text | None = setting(None, "Organization id to send along.")
    api_version: Text | None = setting(None, "Version of the API (Azure).")
    deployment: Text | None = setting(None, "Name of the deployment (Azure).")
    max_connections: Positive | None = setting(None, "Connections open at once.")

    spellings: ClassVar[Mapping[str, Spelling]] = {
        "host": same("base_url"),
        "endpoint": same("base_url"),
        "url": same("base_url"),
        "timeout_seconds": same("timeout"),
        "request_timeout": same("timeout"),
        "timeout_ms": ms("timeout"),
        "deployment_name": same("deployment"),
        "organization_id": same("organization"),
        "api_key_variable": same("api_key_env"),
    }
    unused: ClassVar[Mapping[str, str]] = {"rate_limit": "write it in [agents.NAME.rate_limit]"}


class LlmConfig(ProviderConfig):
    """Which provider and model answer, and how. None means: the provider's own default."""

    provider: Name | None = setting(None, "Provider: ollama, openai, azure, mock, ...")

    spellings: ClassVar[Mapping[str, Spelling]] = {
        **ProviderConfig.spellings,
        "type": same("provider"),
    }

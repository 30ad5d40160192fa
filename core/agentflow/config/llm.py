"""Language-model settings: the global ones, a provider's, an agent's."""

from __future__ import annotations

from pydantic import Field

from agentflow.config.policies import RateLimitConfig
from agentflow.config.section import Section, ms, same
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
)


class ProviderConfig(Section):
    """How to reach one provider, and what to ask of it unless told otherwise."""

    model: Name | None = Field(None, description="Name of the model.")
    temperature: Temperature | None = Field(None, description="0 is focused, 2 is wild.")
    max_tokens: Positive | None = Field(None, description="Longest answer, in tokens.")
    top_p: Fraction | None = Field(None, description="Share of probability to sample from.")
    frequency_penalty: Penalty | None = Field(None, description="Above 0 repeats less.")
    presence_penalty: Penalty | None = Field(None, description="Above 0 seeks new topics.")
    base_url: Url | None = Field(None, description="Address of the provider's API.")
    api_key: SecretText | None = Field(None, description="The key; write env:NAME to keep it out.")
    api_key_env: Name | None = Field(None, description="Environment variable that holds the key.")
    timeout: Duration | None = Field(None, description="Seconds one request may take.")
    organization: Text | None = Field(None, description="Organization id to send along.")
    api_version: Text | None = Field(None, description="Version of the API (Azure).")
    deployment: Text | None = Field(None, description="Name of the deployment (Azure).")
    max_connections: Positive | None = Field(None, description="Connections open at once.")
    rate_limit: RateLimitConfig | None = Field(None, description="Limit on requests sent.")

    spellings = {
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


class LlmConfig(ProviderConfig):
    """Which provider and model answer, and how. None means: the provider's own default."""

    provider: Name | None = Field(None, description="Provider: ollama, openai, azure, mock, ...")

    spellings = ProviderConfig.spellings | {"type": same("provider")}

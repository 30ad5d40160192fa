"""Models: agents whose code is a system prompt, from the configuration."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from agentflow.agent import Context
from agentflow.event import Event
from agentflow.state import State

if TYPE_CHECKING:
    from agentflow.config import Config
    from agentflow.llm import LlmAgent, OnUsage, Provider, Settings


class Providers:
    """The connections to language models, one for all agents with the same settings."""

    def __init__(self) -> None:
        self._open: dict[Settings, Provider] = {}

    def get(self, settings: Settings) -> Provider:
        """The provider for ``settings``. Raises one of the ProviderError family."""
        from agentflow.llm import make_provider

        provider = self._open.get(settings)
        if provider is None:
            provider = self._open[settings] = make_provider(settings)
        return provider

    async def close(self) -> None:
        """Close every connection."""
        providers, self._open = list(self._open.values()), {}
        for provider in providers:
            await provider.aclose()


class ModelAgent:
    """A handler that connects to its provider when it is first asked.

    So a provider that can't be reached, or has no key, is a failure of the runs that need
    it and not of the whole configuration.
    """

    def __init__(self, config: Config, name: str, providers: Providers, on_usage: OnUsage) -> None:
        self._config = config
        self._name = name
        self._providers = providers
        self._on_usage = on_usage
        self._agent: LlmAgent | None = None

    async def __call__(self, event: Event, state: State, context: Context) -> State:
        """Ask the model. Raises one of the ProviderError family."""
        if self._agent is None:
            self._agent = self._connect()
        return await self._agent(event, state, context)

    def disconnect(self) -> None:
        """Forget the provider, which is being closed; the next call connects anew."""
        self._agent = None

    def _connect(self) -> LlmAgent:
        from agentflow.llm import LlmAgent, RateLimit, settings_from

        settings = self._config.agents.get(self._name)
        llm = settings_from(self._config.llm_of(self._name), os.environ)
        return LlmAgent(
            self._name,
            settings.system_prompt if settings else "",
            self._providers.get(llm),
            RateLimit.from_config(settings.rate_limit) if settings else None,
            self._on_usage,
        )


def kind_of(config: Config, name: str) -> str:
    """What to call the code of a model agent on a screen: ``llm ollama/gemma3:1b``."""
    llm = config.llm_of(name)
    return f"llm {'/'.join(part for part in (llm.provider, llm.model) if part)}".strip()


def signature_of(config: Config, name: str) -> object:
    """What the handler depends on: while it stays the same, so can the connection."""
    settings = config.agents[name]
    return (settings.system_prompt, config.llm_of(name), settings.rate_limit)

"""Models: agents whose code is a system prompt, from the configuration."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from agentflow.agent import Context
from agentflow.event import Event
from agentflow.state import State

if TYPE_CHECKING:
    from agentflow.config import Config
    from agentflow.llm import LlmAgent, OnUsage, Provider


class ModelAgent:
    """A handler that connects to its provider when it is first asked.

    So a provider that can't be reached, or has no key, is a failure of the runs that need
    it and not of the whole configuration.
    """

    def __init__(self, config: Config, name: str, on_usage: OnUsage) -> None:
        self._config = config
        self._name = name
        self._on_usage = on_usage
        self._agent: LlmAgent | None = None

    @property
    def provider(self) -> Provider | None:
        """The provider, once it has been asked."""
        return self._agent.provider if self._agent is not None else None

    async def __call__(self, event: Event, state: State, context: Context) -> State:
        """Ask the model. Raises one of the ProviderError family."""
        if self._agent is None:
            self._agent = self._connect()
        return await self._agent(event, state, context)

    def _connect(self) -> LlmAgent:
        from agentflow.llm import LlmAgent, RateLimit, make_provider, settings_from

        settings = self._config.agents.get(self._name)
        llm = settings_from(self._config.llm_of(self._name), os.environ)
        return LlmAgent(
            self._name,
            settings.system_prompt if settings else "",
            make_provider(llm),
            RateLimit.from_config(settings.rate_limit) if settings else None,
            self._on_usage,
        )


def model_agent(config: Config, name: str, on_usage: OnUsage) -> tuple[ModelAgent, str]:
    """The handler of agent ``name`` and what to call it on a screen."""
    llm = config.llm_of(name)
    kind = "/".join(part for part in (llm.provider, llm.model) if part)
    return ModelAgent(config, name, on_usage), f"llm {kind}".strip()


def signature_of(config: Config, name: str) -> object:
    """What the handler depends on: while it stays the same, so can the connection."""
    settings = config.agents[name]
    return (settings.system_prompt, config.llm_of(name), settings.rate_limit)

"""From settings to the provider that they describe."""

from __future__ import annotations

from agentflow.llm.mock import MockProvider
from agentflow.llm.provider import Provider
from agentflow.llm.settings import Settings


def make_provider(settings: Settings) -> Provider:
    """The provider that ``settings`` describe: mock, ollama, openai, azure, or any
    other kind that has a ``base_url`` and speaks OpenAI's protocol.

    Raises ProviderUnavailable when there is no address to ask or it is none, and
    ProviderAuthError when the key cannot be sent. Nothing is connected yet.
    """
    if settings.kind == "mock":
        return MockProvider(settings)
    # What talks to a network is imported only for those who use it: it takes 0.1 s.
    if settings.kind == "ollama":
        from agentflow.llm.ollama import OllamaProvider

        return OllamaProvider(settings)
    from agentflow.llm.openai import OpenAIProvider

    return OpenAIProvider(settings)

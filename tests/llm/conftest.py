"""Providers that are closed when their test ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from agentflow.llm import Provider, Settings, make_provider

KEY = "sk-very-secret-0123456789"

Connect = Callable[..., Provider]


@pytest_asyncio.fixture
async def connect() -> AsyncIterator[Connect]:
    """Makes a provider of a kind for an address."""
    made: list[Provider] = []

    def make(kind: str, url: str, **fields: Any) -> Provider:
        settings = {"model": "small", "api_key": KEY, "timeout": 5.0, **fields}
        made.append(make_provider(Settings(name="local", kind=kind, base_url=url, **settings)))
        return made[-1]

    yield make
    for provider in made:
        await provider.aclose()


@pytest.fixture(autouse=True)
def no_provider_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key, address or proxy of the machine reaches a test."""
    for name in (
        "OPENAI_API_KEY",
        "AZURE_OPENAI_API_KEY",
        "AZURE_OPENAI_ENDPOINT",
        "AZURE_OPENAI_DEPLOYMENT",
        "OLLAMA_HOST",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
    ):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)

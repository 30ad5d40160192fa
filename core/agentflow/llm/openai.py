"""OpenAI's chat completions, and every server that speaks the same protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from agentflow.llm.faults import Faults
from agentflow.llm.openai_stream import OpenAIReader
from agentflow.llm.provider import Completion, Message, OnToken
from agentflow.llm.settings import AZURE_KINDS, OPENAI_URL, Settings, key_variable
from agentflow.llm.transport import Transport

AZURE_VERSION = "2024-10-21"
"""The API version that Azure is asked for when the configuration names none."""
_AZURE_USAGE_SINCE = "2024-09"


class OpenAIProvider:
    """A server that speaks the chat-completions protocol, Azure's flavour included."""

    def __init__(self, settings: Settings) -> None:
        """Raises ProviderUnavailable when there is no address to ask, ProviderAuthError
        when the key holds what cannot be sent."""
        self.name = settings.name
        self._settings = settings
        self._faults = Faults(settings.name, settings.api_key)
        self._azure = settings.kind in AZURE_KINDS
        self._official = settings.base_url.rstrip("/") == OPENAI_URL
        if not settings.base_url:
            raise self._faults.unavailable(_no_address(settings))
        url = _azure_url(settings, self._faults) if self._azure else _url(settings)
        self._transport = Transport(settings, url, self._headers(), self._faults)

    async def complete(
        self, messages: Sequence[Message], *, on_token: OnToken | None = None
    ) -> Completion:
        """The answer to ``messages``. Raises one of the ProviderError family."""
        if not self._settings.api_key and (self._azure or self._official):
            variable = key_variable(self._settings.kind)
            raise self._faults.auth(f"no api key: set api_key or {variable}")
        reader = OpenAIReader(self._settings.model, self._faults)
        return await self._transport.ask(self._payload(messages), reader, on_token)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    def _headers(self) -> dict[str, str]:
        settings = self._settings
        headers = {"accept": "text/event-stream"}
        if settings.api_key and self._azure:
            headers["api-key"] = settings.api_key
        elif settings.api_key:
            headers["authorization"] = f"Bearer {settings.api_key}"
        if settings.organization:
            headers["openai-organization"] = settings.organization
        return headers

    def _payload(self, messages: Sequence[Message]) -> dict[str, Any]:
        settings = self._settings
        # OpenAI's newer models take only the new name, other servers often only the old one.
        limit = "max_completion_tokens" if self._official else "max_tokens"
        fields = {
            "model": settings.model,
            "messages": list(messages),
            "stream": True,
            "stream_options": {"include_usage": True} if self._tells_usage() else None,
            limit: settings.max_tokens,
            "temperature": settings.temperature,
            "top_p": settings.top_p,
            "frequency_penalty": settings.frequency_penalty,
            "presence_penalty": settings.presence_penalty,
        }
        return {key: value for key, value in fields.items() if value is not None}

    def _tells_usage(self) -> bool:
        """Older versions of Azure's API refuse a request that asks for the token counts."""
        version = self._settings.api_version or AZURE_VERSION
        return not self._azure or version >= _AZURE_USAGE_SINCE


def _url(settings: Settings) -> str:
    return f"{settings.base_url.rstrip('/')}/chat/completions"


def _azure_url(settings: Settings, faults: Faults) -> str:
    deployment = settings.deployment or settings.model
    if not deployment:
        raise faults.unavailable("no deployment: set deployment or AZURE_OPENAI_DEPLOYMENT")
    return (
        f"{settings.base_url.rstrip('/')}/openai/deployments/{quote(deployment, safe='')}"
        f"/chat/completions?api-version={quote(settings.api_version or AZURE_VERSION, safe='')}"
    )


def _no_address(settings: Settings) -> str:
    if settings.kind in AZURE_KINDS:
        return "no base_url: set base_url or AZURE_OPENAI_ENDPOINT to the resource's address"
    if not settings.kind:
        return "no provider: set provider to mock, ollama, openai or azure"
    return (
        f"no base_url: set the address of an OpenAI-compatible endpoint for {settings.kind!r},"
        " or use provider openai, ollama or mock"
    )

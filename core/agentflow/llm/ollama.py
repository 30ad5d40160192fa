"""Ollama's own chat API: newline-separated JSON from /api/chat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from agentflow.llm.faults import Faults
from agentflow.llm.provider import Completion, Message, OnToken
from agentflow.llm.settings import OLLAMA_URL, Settings
from agentflow.llm.transport import Transport


class _Content(msgspec.Struct):
    content: str | None = None


class _Line(msgspec.Struct):
    message: _Content | None = None
    done: bool = False
    done_reason: str | None = None
    model: str = ""
    prompt_eval_count: int | None = None
    eval_count: int | None = None
    error: Any = None


_decoder = msgspec.json.Decoder(_Line)


class OllamaReader:
    """Understands the lines of /api/chat."""

    def __init__(self, model: str, faults: Faults) -> None:
        self.done = False
        self._model = model
        self._faults = faults
        self._pieces: list[str] = []
        self._last = _Line()

    def feed(self, line: bytes) -> str:
        """The piece of the answer in ``line``. Raises a ProviderError."""
        try:
            parsed = _decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._faults.bad(f"a line of the stream is wrong: {error}") from None
        if parsed.error:
            raise self._faults.of_report(parsed.error)
        if parsed.message is None and not parsed.done:
            raise self._faults.bad("a line of the stream has no message")
        piece = (parsed.message and parsed.message.content) or ""
        self._pieces.append(piece)
        if parsed.done:
            self.done = True
            self._last = parsed
        return piece

    def finish(self) -> tuple[str, Completion]:
        """The whole answer. Raises ProviderBadResponse when the stream stopped short."""
        if not self.done:
            raise self._faults.bad("the stream ended before the answer was done")
        return "", Completion(
            text="".join(self._pieces),
            prompt_tokens=self._last.prompt_eval_count or 0,
            completion_tokens=self._last.eval_count or 0,
            model=self._last.model or self._model,
            finish_reason=self._last.done_reason or "stop",
        )


class OllamaProvider:
    """A server that speaks Ollama's API."""

    def __init__(self, settings: Settings) -> None:
        """Raises ProviderUnavailable when the base_url is no address."""
        self.name = settings.name
        self._settings = settings
        self._faults = Faults(settings.name, settings.api_key)
        url = f"{(settings.base_url or OLLAMA_URL).rstrip('/')}/api/chat"
        headers = {"authorization": f"Bearer {settings.api_key}"} if settings.api_key else {}
        self._transport = Transport(settings, url, headers, self._faults)

    async def complete(
        self, messages: Sequence[Message], *, on_token: OnToken | None = None
    ) -> Completion:
        """The answer to ``messages``. Raises one of the ProviderError family."""
        reader = OllamaReader(self._settings.model, self._faults)
        return await self._transport.ask(self._payload(messages), reader, on_token)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    def _payload(self, messages: Sequence[Message]) -> dict[str, Any]:
        settings = self._settings
        options = {
            "temperature": settings.temperature,
            "num_predict": settings.max_tokens,
            "top_p": settings.top_p,
            "frequency_penalty": settings.frequency_penalty,
            "presence_penalty": settings.presence_penalty,
        }
        return {
            "model": settings.model,
            "messages": list(messages),
            "stream": True,
            "options": {key: value for key, value in options.items() if value is not None},
        }

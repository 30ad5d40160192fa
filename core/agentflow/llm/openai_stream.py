"""The stream of chat completions: server-sent events, one JSON object in each."""

from __future__ import annotations

from typing import Any

import msgspec

from agentflow.llm.faults import Faults
from agentflow.llm.provider import Completion


class _Content(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Content | None = None
    message: _Content | None = None
    finish_reason: str | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    model: str | None = None
    error: Any = None


_decoder = msgspec.json.Decoder(_Chunk)
_IGNORED = (b":", b"event:", b"id:", b"retry:")


class OpenAIReader:
    """Understands the events of a streamed chat completion.

    A server that cannot stream and sends one JSON object instead is understood too.
    """

    def __init__(self, model: str, faults: Faults) -> None:
        self.done = False
        self._model = model
        self._faults = faults
        self._pieces: list[str] = []
        self._plain: list[bytes] = []
        self._streamed = False
        self._answered = False
        self._finish_reason = ""
        self._usage = _Usage()

    def feed(self, line: bytes) -> str:
        """The piece of the answer in ``line``. Raises a ProviderError."""
        if line.startswith(b"data:"):
            self._streamed = True
            data = line[5:].strip()
            if data == b"[DONE]":
                self.done = True
                return ""
            return self._take(data) if data else ""
        if line.startswith(_IGNORED):
            return ""
        if self._streamed:
            raise self._faults.bad("a line of the stream is no event")
        self._plain.append(line)
        return ""

    def finish(self) -> tuple[str, Completion]:
        """What was not handed out yet, and the whole answer.

        Raises ProviderBadResponse when the stream stopped short.
        """
        rest = ""
        if self._plain:
            rest = self._take(b"\n".join(self._plain))
            self.done = True
        if not self._answered and self.done:
            raise self._faults.bad("the answer has no choices")
        # Some servers leave out [DONE]; the reason to finish says as much.
        if not self.done and not self._finish_reason:
            raise self._faults.bad("the stream ended before the answer was done")
        return rest, Completion(
            text="".join(self._pieces),
            prompt_tokens=self._usage.prompt_tokens or 0,
            completion_tokens=self._usage.completion_tokens or 0,
            model=self._model,
            finish_reason=self._finish_reason or "stop",
        )

    def _take(self, data: bytes) -> str:
        try:
            chunk = _decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._faults.bad(f"the answer is wrong: {error}") from None
        if chunk.error:
            raise self._faults.of_report(chunk.error)
        if chunk.choices is None and chunk.usage is None:
            raise self._faults.bad("the answer has no choices")
        self._model = chunk.model or self._model
        self._usage = chunk.usage or self._usage
        if not chunk.choices:
            return ""  # the last chunk has the token counts and no choice
        choice = chunk.choices[0]
        content = choice.delta or choice.message
        if content is None and not self._streamed:
            raise self._faults.bad("the answer has no message")
        self._answered = True
        piece = (content and content.content) or ""
        self._pieces.append(piece)
        self._finish_reason = choice.finish_reason or self._finish_reason
        return piece

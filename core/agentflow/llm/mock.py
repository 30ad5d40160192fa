"""A provider without a model: believable answers that are the same on every machine."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from hashlib import blake2b

from agentflow.llm.provider import Completion, Message, OnToken
from agentflow.llm.settings import Settings

_ROLE = re.compile(
    r"(?i)you are (?:an? |the )?([^.,;:\n]+?)(?: (?:that|who|which|for|with)\b|[.,;:\n]|$)"
)
_ITERATION = re.compile(r"iteration: (\d+)")
_PIECE = re.compile(r"\s*\S+")
_SUBJECT_LENGTH = 60

_OPENINGS = (
    "I went through {subject} step by step.",
    "Here is what {subject} comes down to.",
    "I compared the main points of {subject} with each other.",
    "{subject} is clear enough to work with.",
    "I took {subject} apart and checked each part.",
)
_FINDINGS = (
    "Three points carry most of the weight, and they agree with one another.",
    "The strongest evidence is recent, but it rests on few sources.",
    "Two claims hold up; a third needs a number before it can be used.",
    "The order of the steps matters more than their size.",
    "Cost and time pull in opposite directions, so one of them has to lead.",
    "Most of the risk sits in one place and can be tested early.",
    "What is missing is small, yet it decides the outcome.",
)
_CLOSINGS = (
    "The next step is to write this up for its readers.",
    "I suggest a short check before anything is published.",
    "That is enough to go on with.",
    "The remaining questions are listed in order of importance.",
    "A summary of one paragraph would do.",
)


class MockProvider:
    """Answers offline, with a text that depends on the messages alone.

    The role in the system prompt and the first line of the last message show up in the
    answer, a hash picks the rest. A token is a word. When the last line of the last
    message is ``iteration: N`` with N at 2 or more, the answer ends in the line
    ``LOOP_COMPLETE``, so that a loop over a mock ends.
    """

    def __init__(self, settings: Settings) -> None:
        self.name = settings.name
        self._model = settings.model or "mock"
        self._max_tokens = settings.max_tokens

    async def complete(
        self, messages: Sequence[Message], *, on_token: OnToken | None = None
    ) -> Completion:
        """The answer to ``messages``; it cannot fail."""
        await asyncio.sleep(0)  # as with any provider, other tasks get their turn
        pieces = _PIECE.findall(_answer(messages))
        limit = self._max_tokens if self._max_tokens else len(pieces)
        kept = pieces[:limit]
        if _is_last_iteration(messages):
            kept.append("\nLOOP_COMPLETE")
        if on_token is not None:
            for piece in kept:
                on_token(piece)
        return Completion(
            text="".join(kept),
            prompt_tokens=sum(len(message.content.split()) for message in messages),
            completion_tokens=len(kept),
            model=self._model,
            finish_reason="length" if len(pieces) > limit else "stop",
        )

    async def aclose(self) -> None:
        """Nothing is open."""


def _answer(messages: Sequence[Message]) -> str:
    system = next((message.content for message in messages if message.role == "system"), "")
    question = messages[-1].content if messages else ""
    number = int.from_bytes(blake2b(f"{system}\0{question}".encode("utf-8", "replace")).digest())
    sentences = []
    for choices in (_OPENINGS, _FINDINGS, _CLOSINGS):
        number, picked = divmod(number, len(choices))
        sentences.append(choices[picked])
    text = " ".join(sentences).replace("{subject}", _subject(question))
    role = _ROLE.search(system)
    return f"As {role[1].strip()}: {text}" if role else text


def _subject(question: str) -> str:
    """The first line of ``question``, short enough to stand inside a sentence."""
    line = " ".join(next(iter(question.strip().splitlines()), "the request").split())
    if len(line) > _SUBJECT_LENGTH:
        line = line[: _SUBJECT_LENGTH - 1].rstrip() + "…"
    return f"“{line.rstrip('.!?')}”"


def _is_last_iteration(messages: Sequence[Message]) -> bool:
    if not messages:
        return False
    match = _ITERATION.fullmatch(messages[-1].content.rpartition("\n")[2].strip())
    return match is not None and int(match[1]) >= 2

"""What every language-model provider takes and gives, whatever speaks behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

import msgspec

OnToken: TypeAlias = Callable[[str], None]
"""Called with each piece of the answer, in order, as it arrives."""


class Message(msgspec.Struct, frozen=True):
    """One turn of a conversation. ``role`` is system, user or assistant."""

    role: str
    content: str


class Completion(msgspec.Struct, frozen=True):
    """A whole answer.

    The token counts are the provider's own, and 0 where it does not tell.
    ``finish_reason`` is the provider's word: ``stop`` when the model ended by itself,
    ``length`` when it was cut off at ``max_tokens``.
    """

    text: str
    prompt_tokens: int
    completion_tokens: int
    model: str
    finish_reason: str


class Provider(Protocol):
    """Something that completes a conversation. Safe to use from many tasks at once."""

    name: str

    async def complete(
        self, messages: Sequence[Message], *, on_token: OnToken | None = None
    ) -> Completion:
        """The answer to ``messages``. Raises one of the ProviderError family."""

    async def aclose(self) -> None:
        """Close the connections. Closing twice is allowed."""

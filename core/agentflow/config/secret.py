"""A secret that can be used but does not print."""

from __future__ import annotations

import re
from typing import final

MASK = "***"
"""What is shown in place of a secret."""

_PASSWORD = re.compile(r"//[^/@\s]+@")

SECRET_WORDS = ("api_key", "apikey", "secret", "password", "token", "credential")


@final
class Secret:
    """Text that shows as ``***`` wherever it is printed; ``reveal()`` gives the text itself.

    Not a ``str``: joining, formatting or encoding it by accident gives the mask or an error.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret itself, for the one place that sends it."""
        return self._text

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))


def without_password(text: str) -> str:
    """``text`` with the user and password of every address in it masked."""
    return _PASSWORD.sub(f"//{MASK}@", text)


def is_secret_key(key: str) -> bool:
    """Whether a key is named like one that holds a secret (``api_key_env`` only names one)."""
    name = key.lower()
    if name.endswith(("_env", "tokens", "per_minute", "per_second")):
        return False
    return any(word in name for word in SECRET_WORDS)

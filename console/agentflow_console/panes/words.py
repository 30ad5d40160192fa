"""Words: the filter of tables that have no fields to ask for: words, /regex/ and -word."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any


class Words:
    """Rows in whose text every word is found, capitals or not."""

    def __init__(self, tests: list[tuple[bool, re.Pattern[str]]], text_of: Callable[[Any], str]):
        self._tests = tests
        self._text_of = text_of

    @classmethod
    def parse(cls, text: str, text_of: Callable[[Any], str]) -> tuple[Words, str]:
        """The filter, and what is wrong with it, or ''."""
        tests: list[tuple[bool, re.Pattern[str]]] = []
        for word in re.findall(r"-?/(?:[^/\\]|\\.)+/|\S+", text):
            wanted = not (word.startswith("-") and len(word) > 1)
            plain = word if wanted else word[1:]
            regex = len(plain) > 2 and plain.startswith("/") and plain.endswith("/")
            try:
                pattern = re.compile(plain[1:-1] if regex else re.escape(plain), re.IGNORECASE)
            except re.error as error:
                return cls([], text_of), f"{plain} is not a regular expression: {error}"
            tests.append((wanted, pattern))
        return cls(tests, text_of), ""

    def matches(self, row: Any) -> bool:
        """Whether the row is let through."""
        text = self._text_of(row)
        return all(bool(pattern.search(text)) is wanted for wanted, pattern in self._tests)

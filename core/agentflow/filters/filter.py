"""Filter: the language of the ``/`` line, from text to a test of one row.

    bare text        somewhere in the event, capitals or not
    /re/             a regular expression, somewhere in the event
    field:glob       one field: state:dead, agent:ana*, data:json (error and data: contains)
    field:/re/       a regular expression, somewhere in one field
    data.KEY:glob    one value of the data, also data.KEY>3; deeper ones as data.KEY.KEY
    dur>100ms        also <, >=, <=; on dur, attempt, seq and version
    -term            not that
    "two words"      quotes keep spaces together: data:"two words"

Several terms must all hold. ``agent:`` looks at both the target and where the event is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from agentflow.filters.terms import Term, make_term
from agentflow.filters.vocabulary import ROWS, Vocabulary
from agentflow.filters.words import SyntaxProblem, Word, split


class Filter:
    """A filter that was read from text.

    ``error`` is a sentence with the position of what cannot be read, or ''. A filter
    with an error, like an empty one, lets everything through. Two filters are equal
    when they ask for the same terms.
    """

    __slots__ = ("_tests", "error", "terms", "text")

    def __init__(self, text: str = "", terms: Sequence[Term] = (), error: str = "") -> None:
        self.text = text
        self.terms = tuple(terms)
        self.error = error
        self._tests: tuple[Callable[[Any], bool], ...] = tuple(t.test for t in self.terms)

    @classmethod
    def parse(cls, text: str, vocabulary: Vocabulary = ROWS) -> Filter:
        """The filter that ``text`` asks for. Never raises: see ``error``.

        ``vocabulary`` is what it may ask of the rows that it is for.
        """
        try:
            return cls(text, [make_term(word, vocabulary) for word in split(text)])
        except SyntaxProblem as problem:
            return cls(text, error=str(problem))

    @property
    def empty(self) -> bool:
        """Whether it lets everything through."""
        return not self.terms

    def matches(self, row: Any) -> bool:
        """Whether the row is let through."""
        for test in self._tests:  # noqa: SIM110 - a third faster than all() on a hot path
            if not test(row):
                return False
        return True

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Filter):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[Word, ...]:
        return tuple(term.word for term in self.terms)

    def __str__(self) -> str:
        """The same filter in its plainest writing; ``parse`` reads it back as an equal one."""
        return " ".join(str(term.word) for term in self.terms)

    def __repr__(self) -> str:
        return f"Filter.parse({self.text!r})"

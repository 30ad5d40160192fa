"""Predicate: the filter language asked of an event where it is just now.

What can be told from the event alone is tested apart from the rest, and first: an event
that can't fit need not be looked at again on its way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from agentflow.filters.terms import make_term
from agentflow.filters.vocabulary import EVENTS, MOMENTS
from agentflow.filters.words import SyntaxProblem, Word, split

if TYPE_CHECKING:
    from agentflow.event import Event
    from agentflow.state import State


class Moment(msgspec.Struct, eq=False, gc=False):
    """An event at a hook point. ``age`` is seconds since it was accepted."""

    event: Event
    state: State
    hook: str = ""
    agent: str = ""
    mode: str = ""
    attempt: int = 1
    error: str = ""
    seq: int = 0
    version: int = 0
    age: float = 0.0


class Predicate:
    """What an event must be like. An empty one fits every event.

    ``error`` is a sentence with the position of what cannot be read, or ''; a predicate
    with an error fits nothing. ``of_event`` are the tests of the event alone,
    ``of_moment`` those that need to know where it is.
    """

    __slots__ = ("error", "of_event", "of_moment", "text")

    def __init__(self, text: str = "") -> None:
        self.text = text.strip()
        self.error = ""
        of_event: list[Callable[[Any], bool]] = []
        of_moment: list[Callable[[Any], bool]] = []
        try:
            for word in split(text):
                early = _is_early(word)
                term = make_term(word, EVENTS if early else MOMENTS)
                (of_event if early else of_moment).append(term.test)
        except SyntaxProblem as problem:
            self.error = str(problem)
        self.of_event = tuple(of_event)
        self.of_moment = tuple(of_moment)

    def may_fit(self, event: Event) -> bool:
        """Whether the event alone says nothing against it."""
        for test in self.of_event:
            if not test(event):
                return False
        return not self.error

    def fits(self, moment: Moment) -> bool:
        """Whether an event of which ``may_fit`` holds fits at this point."""
        return all(test(moment) for test in self.of_moment)


def _is_early(word: Word) -> bool:
    """Whether the event alone answers it. Words that are wrong are not: MOMENTS knows more."""
    if not word.operator:
        return False
    if word.key:
        return word.name in EVENTS.parts
    return word.name in EVENTS.fields and word.operator == ":"

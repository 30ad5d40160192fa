"""Terms: one part of a filter each, made into a fast test of what it looks at."""

from __future__ import annotations

import difflib
import fnmatch
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from operator import ge, gt, le, lt
from typing import Any

from agentflow.filters.vocabulary import Vocabulary, number_of, text_of
from agentflow.filters.words import SyntaxProblem, Word

Test = Callable[[Any], bool]

_LONG_TEXT = ("data", "error", "state", "meta")
_COMPARE: dict[str, Callable[[float, float], bool]] = {">": gt, "<": lt, ">=": ge, "<=": le}
_UNITS = {"": 1.0, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_NUMBER = re.compile(r"(-?(?:\d+(?:\.\d*)?|\.\d+))\s*([a-zµ]*)", re.ASCII)


@dataclass(frozen=True)
class Term:
    """One term: how it was written, and the test it makes."""

    word: Word
    test: Test


def make_term(word: Word, vocabulary: Vocabulary) -> Term:
    """The term for one word. Raises SyntaxProblem for unknown fields and unreadable values."""
    test = _positive(word, vocabulary)
    if word.negated:
        return Term(word, lambda subject: not test(subject))
    return Term(word, test)


def _positive(word: Word, vocabulary: Vocabulary) -> Test:
    if not word.operator:
        return _anywhere(word, vocabulary)
    if word.key:
        return _value(word, vocabulary)
    fields = vocabulary.fields
    if word.name not in fields:
        near = difflib.get_close_matches(word.name, fields, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(fields)}"
        raise SyntaxProblem(f"no field '{word.name}' ({hint})", word.column)
    if word.operator != ":":
        return _comparison(word, vocabulary)
    return _field(word, vocabulary)


def _anywhere(word: Word, vocabulary: Vocabulary) -> Test:
    everything = vocabulary.everything
    if word.regex:
        search = _regex(word)
        return lambda subject: search(everything(subject)) is not None
    needle = word.value.casefold()
    return lambda subject: needle in everything(subject).casefold()


def _comparison(word: Word, vocabulary: Vocabulary) -> Test:
    if word.name not in vocabulary.numbers:
        numbers = ", ".join(vocabulary.numbers)
        raise SyntaxProblem(f"'{word.name}' is not a number (these are: {numbers})", word.column)
    limit = _limit(word)
    compare = _COMPARE[word.operator]
    number = vocabulary.numbers[word.name]
    return lambda subject: compare(number(subject), limit)


def _limit(word: Word) -> float:
    match = _NUMBER.fullmatch(word.value.strip().lower())
    timed = word.name == "dur" and not word.key
    units = _UNITS if timed else {"": 1.0}
    if not match or match[2] not in units:
        example = "100ms, 2.5s or 1m" if timed else "3"
        shown = word.value[:20]
        raise SyntaxProblem(f"'{shown}' is not a number such as {example}", word.column)
    return float(match[1]) * units[match[2]]


def _field(word: Word, vocabulary: Vocabulary) -> Test:
    fits = _fits(word)
    if word.name in vocabulary.pairs:
        one, other = vocabulary.pairs[word.name]
        return lambda subject: fits(one(subject)) or fits(other(subject))
    if word.name in vocabulary.lists:
        texts = vocabulary.lists[word.name]
        return lambda subject: any(map(fits, texts(subject)))
    if word.name in vocabulary.numbers:
        number = vocabulary.numbers[word.name]
        return lambda subject: fits(
            f"{number(subject):g}" if word.name == "dur" else str(number(subject))
        )
    text = vocabulary.texts[word.name]
    return lambda subject: fits(text(subject))


def _value(word: Word, vocabulary: Vocabulary) -> Test:
    """The test of one value by its key; what is absent never fits."""
    look_up = vocabulary.parts.get(word.name)
    if look_up is None:
        raise SyntaxProblem(
            f"'{word.field}' cannot be asked here (only {', '.join(vocabulary.parts)}.KEY)",
            word.column,
        )
    get = look_up(word.key)
    if word.operator != ":":
        limit = _limit(word)
        compare = _COMPARE[word.operator]

        def compares(subject: Any) -> bool:
            value = get(subject)
            kind = type(value)
            if kind is int or kind is float:
                return compare(value, limit)
            number = number_of(value)
            return number is not None and compare(number, limit)

        return compares
    fits = _fits(word)

    def holds(subject: Any) -> bool:
        value = get(subject)
        kind = type(value)
        if kind is str:
            return fits(value)
        if kind is int:
            return fits(str(value))
        text = text_of(value)
        return text is not None and fits(text)

    return holds


def _fits(word: Word) -> Callable[[str], bool]:
    """The test of one field's text."""
    if word.regex:
        search = _regex(word)
        return lambda text: search(text) is not None
    wanted = word.value.casefold()
    if word.name == "state" and wanted == "failed" and not word.key:
        wanted = "dead"
    if any(char in wanted for char in "*?["):
        match = re.compile(fnmatch.translate(wanted)).match
        return lambda text: match(text.casefold()) is not None
    if word.name in _LONG_TEXT and not word.key:
        return lambda text: wanted in text.casefold()
    return lambda text: text.casefold() == wanted


def _regex(word: Word) -> Callable[[str], re.Match[str] | None]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a doubtful expression is the operator's own business
            return re.compile(word.value, re.IGNORECASE).search
    except (re.error, OverflowError, RecursionError) as error:
        raise SyntaxProblem(f"the regular expression is not valid: {error}", word.column) from None

"""Terms: one part of a filter each, made into a fast test of a row."""

from __future__ import annotations

import difflib
import fnmatch
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter, ge, gt, le, lt

from agentflow.telemetry.snapshot import EventRow
from agentflow_console.store.words import SyntaxProblem, Word

__all__ = ["FIELDS", "SyntaxProblem", "Term", "make_term"]

Test = Callable[[EventRow], bool]

FIELDS = (
    "id", "session", "source", "target", "at", "agent", "mode", "state", "priority",
    "version", "parent", "data", "error", "dur", "attempt", "seq",
)  # fmt: skip
"""What may stand before ``:`` or a comparison."""

_NUMBERS = {"dur": "duration", "attempt": "attempt", "seq": "seq", "version": "version"}
_LONG_TEXT = ("data", "error")
_COMPARE: dict[str, Callable[[float, float], bool]] = {">": gt, "<": lt, ">=": ge, "<=": le}
_UNITS = {"": 1.0, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_NUMBER = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*([a-zµ]*)", re.ASCII)


@dataclass(frozen=True)
class Term:
    """One term: how it was written, and the test it makes."""

    word: Word
    test: Test


def make_term(word: Word) -> Term:
    """The term for one word. Raises SyntaxProblem for unknown fields and unreadable values."""
    test = _positive(word)
    if word.negated:
        return Term(word, lambda row: not test(row))
    return Term(word, test)


def _positive(word: Word) -> Test:
    if not word.operator:
        return _anywhere(word)
    if word.name not in FIELDS:
        near = difflib.get_close_matches(word.name, FIELDS, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(FIELDS)}"
        raise SyntaxProblem(f"no field '{word.name}' ({hint})", word.column)
    if word.operator != ":":
        return _comparison(word)
    return _field(word)


def _anywhere(word: Word) -> Test:
    if word.regex:
        search = _regex(word)
        return lambda row: search(_everything(row)) is not None
    needle = word.value.casefold()
    return lambda row: needle in _everything(row).casefold()


def _everything(row: EventRow) -> str:
    return (
        f"{row.seq}\n{row.id}\n{row.session}\n{row.source}\n{row.target}\n{row.at}\n{row.mode}\n"
        f"{row.state}\n{row.priority}\n{row.data}\n{row.error}"
    )


def _comparison(word: Word) -> Test:
    if word.name not in _NUMBERS:
        numbers = ", ".join(_NUMBERS)
        raise SyntaxProblem(f"'{word.name}' is not a number (these are: {numbers})", word.column)
    match = _NUMBER.fullmatch(word.value.strip().lower())
    units = _UNITS if word.name == "dur" else {"": 1.0}
    if not match or match[2] not in units:
        example = "100ms, 2.5s or 1m" if word.name == "dur" else "3"
        shown = word.value[:20]
        raise SyntaxProblem(f"'{shown}' is not a number such as {example}", word.column)
    limit = float(match[1]) * units[match[2]]
    compare = _COMPARE[word.operator]
    number: Callable[[EventRow], float] = attrgetter(_NUMBERS[word.name])
    return lambda row: compare(number(row), limit)


def _field(word: Word) -> Test:
    fits = _fits(word)
    if word.name == "agent":
        return lambda row: fits(row.target) or fits(row.at.partition(" ")[0])
    if word.name == "at":
        return lambda row: fits(row.at) or fits(row.at.partition(" ")[0])
    if word.name in _NUMBERS:
        number: Callable[[EventRow], float] = attrgetter(_NUMBERS[word.name])
        return lambda row: fits(f"{number(row):g}" if word.name == "dur" else str(number(row)))
    text: Callable[[EventRow], str] = attrgetter(word.name)
    return lambda row: fits(text(row))


def _fits(word: Word) -> Callable[[str], bool]:
    """The test of one field's text."""
    if word.regex:
        search = _regex(word)
        return lambda text: search(text) is not None
    wanted = word.value.casefold()
    if word.name == "state" and wanted == "failed":
        wanted = "dead"
    if any(char in wanted for char in "*?["):
        match = re.compile(fnmatch.translate(wanted)).match
        return lambda text: match(text.casefold()) is not None
    if word.name in _LONG_TEXT:
        return lambda text: wanted in text.casefold()
    return lambda text: text.casefold() == wanted


def _regex(word: Word) -> Callable[[str], re.Match[str] | None]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a doubtful expression is the operator's own business
            return re.compile(word.value, re.IGNORECASE).search
    except (re.error, OverflowError, RecursionError) as error:
        raise SyntaxProblem(f"the regular expression is not valid: {error}", word.column) from None

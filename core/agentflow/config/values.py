"""The kinds of values a configuration holds, each with the words for what is expected."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator, InstanceOf, PlainSerializer

from agentflow.config.problems import nearest
from agentflow.config.secret import MASK, Secret
from agentflow.durations import parse_duration

MOST = 1_000_000_000
"""The largest whole number, and the longest time in seconds, that any key takes."""


@dataclass(frozen=True)
class Words:
    """What a value must be, as the end of the sentence "must be ..."."""

    expected: str


class Wrong(ValueError):
    """A value is refused with a sentence of its own, and perhaps what to write instead."""

    def __init__(self, message: str, suggestion: str = "") -> None:
        self.suggestion = suggestion
        super().__init__(message)


class Loose(str):
    """Text that may stand for a number, a switch or a list: it came from a variable or a flag.

    ``written`` is how the configuration refers to it, so that a message can avoid the value.
    """

    __slots__ = ("written",)
    written: str

    def __new__(cls, text: str, written: str = "") -> Loose:
        self = super().__new__(cls, text)
        self.written = written
        return self


class Milliseconds(NamedTuple):
    """A value written under a key that ends in ``_ms``."""

    value: Any


def number(low: float, high: float, *, whole: bool = False) -> Callable[[Any], float]:
    """A check that takes numbers from ``low`` to ``high``, never a truth value."""

    def check(value: Any) -> float:
        if isinstance(value, Loose):
            value = int(value) if whole else float(value)
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
            raise ValueError("not a number")
        if not low <= value <= high:
            raise ValueError("out of range")
        return int(value) if whole else float(value)

    return check


def seconds(low: float) -> Callable[[Any], float]:
    """A check that takes durations of at least ``low`` seconds and gives them in seconds."""

    def check(value: Any) -> float:
        if isinstance(value, Milliseconds):
            try:
                return number(low, MOST)(number(0, MOST * 1000)(value.value) / 1000)
            except ValueError:
                raise Wrong("must be a number of milliseconds") from None
        if not isinstance(value, (str, int, float)) or (
            isinstance(value, int) and not -MOST <= value <= MOST
        ):
            raise ValueError("not a duration")
        return number(low, MOST)(parse_duration(value))

    return check


def text(value: Any) -> str:
    """Takes text and gives it as a plain ``str``."""
    if not isinstance(value, str):
        raise ValueError("not text")
    return str(value)


def filled(value: Any) -> str:
    """Takes text that is more than white space."""
    if not text(value).strip():
        raise ValueError("empty")
    return text(value)


def switch(value: Any) -> bool:
    """Takes true and false, and their usual words when they come from a variable or a flag."""
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, Loose) else ""
    if word in ("true", "1", "yes", "on"):
        return True
    if word in ("false", "0", "no", "off"):
        return False
    raise ValueError("not a truth value")


def texts(value: Any) -> list[str]:
    """Takes a list of non-empty texts; from a variable or a flag, one text with commas."""
    if isinstance(value, Loose):
        return [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, (list, tuple)):
        raise ValueError("not a list")
    return [filled(item) for item in value]


def choice(options: Iterable[str], also: Mapping[str, str] | None = None) -> Callable[[Any], str]:
    """A check that takes one of ``options`` or another spelling of one, in any case."""
    names = list(options)
    spellings = {name: name for name in names} | dict(also or {})

    def check(value: Any) -> str:
        word = value.strip().lower() if isinstance(value, str) else ""
        if word not in spellings:
            near = nearest(word, spellings) if word else ""
            hint = f"did you mean {spellings[near]!r}?" if near else ""
            raise Wrong(f"must be one of {', '.join(names)}", hint)
        return spellings[word]

    return check


def url(value: Any) -> str:
    """Takes an address that begins with http:// or https://."""
    address = text(value).strip()
    if not re.match(r"https?://[^\s/]", address):
        hint = f"http://{address}" if re.fullmatch(r"[\w.-]+(:\d+)?(/\S*)?", address) else ""
        raise Wrong("must be an address that begins with http:// or https://", hint)
    return address


def handler(value: Any) -> str:
    """Takes ``module:attribute``."""
    name = text(value).strip()
    if not re.fullmatch(r"[^\W\d][\w.]*:[^\W\d][\w.]*", name):
        hint = ":".join(name.rpartition(".")[::2]) if re.fullmatch(r"[\w.]+\.\w+", name) else ""
        raise Wrong("must be 'module:attribute'", hint and f"did you mean {hint!r}?")
    return name


def variable(value: Any) -> str:
    """Takes the name of an environment variable."""
    if not re.fullmatch(r"[A-Za-z_]\w*", text(value)):
        raise Wrong("must be the name of an environment variable", "not the key itself")
    return text(value)


def pattern(value: Any) -> str:
    """Takes a regular expression that compiles."""
    try:
        re.compile(text(value))
    except (re.error, RecursionError, OverflowError) as error:
        raise Wrong(f"is not a regular expression: {error}") from None
    return text(value)


def secret(value: Any) -> Secret:
    """Takes text and hides it."""
    return value if isinstance(value, Secret) else Secret(text(value))


def table(value: Any) -> dict[str, Any]:
    """Takes any table."""
    if not isinstance(value, Mapping):
        raise ValueError("not a table")
    return dict(value)


def text_table(value: Any) -> dict[str, str]:
    """Takes a table of texts."""
    for key, item in table(value).items():
        if not isinstance(item, str) or not item.strip():
            raise Wrong(f"must give {key!r} a name in quotes")
    return {str(key): str(item) for key, item in value.items()}


Text = Annotated[str, BeforeValidator(text), Words("text in quotes")]
Name = Annotated[str, BeforeValidator(filled), Words("a name in quotes")]
Names = Annotated[list[str], BeforeValidator(texts), Words("a list of agent names")]
Texts = Annotated[list[str], BeforeValidator(texts), Words("a list of texts")]
Switch = Annotated[bool, BeforeValidator(switch), Words("true or false")]
Positive = Annotated[
    int, BeforeValidator(number(1, MOST, whole=True)), Words("a whole number of at least 1")
]
Natural = Annotated[
    int, BeforeValidator(number(0, MOST, whole=True)), Words("a whole number of at least 0")
]
Fraction = Annotated[float, BeforeValidator(number(0, 1)), Words("a number between 0 and 1")]
Temperature = Annotated[float, BeforeValidator(number(0, 2)), Words("a number between 0 and 2")]
Penalty = Annotated[float, BeforeValidator(number(-2, 2)), Words("a number between -2 and 2")]
Factor = Annotated[float, BeforeValidator(number(1, 1000)), Words("a number of at least 1")]
Rate = Annotated[float, BeforeValidator(number(1e-6, MOST)), Words("a number above 0")]
Duration = Annotated[
    float,
    BeforeValidator(seconds(1e-6)),
    Words('a time above 0: a number of seconds, or text such as "30s" or "1m30s"'),
]
Delay = Annotated[
    float,
    BeforeValidator(seconds(0)),
    Words('a time: a number of seconds, or text such as "30s" or "250ms"'),
]
Url = Annotated[str, BeforeValidator(url)]
Handler = Annotated[str, BeforeValidator(handler)]
Variable = Annotated[str, BeforeValidator(variable), Words("the name of a variable in quotes")]
Pattern = Annotated[str, BeforeValidator(pattern), Words("a regular expression in quotes")]
SecretText = Annotated[
    InstanceOf[Secret],
    BeforeValidator(secret),
    PlainSerializer(lambda _: MASK, when_used="json"),
    Words("text in quotes"),
]
Table = Annotated[dict[str, Any], BeforeValidator(table), Words("a table")]
TextTable = Annotated[
    dict[str, str], BeforeValidator(text_table), Words("a table of names in quotes")
]

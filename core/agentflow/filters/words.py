"""Words: the text of a filter cut into its parts, before anything is looked up."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_HEAD = re.compile(
    r"(?:(?P<part>data|state|meta)\.(?P<key>[^\s:<>=\"/]+)|(?P<name>[A-Za-z_]+))"
    r"(?P<operator>:|>=|<=|>|<)",
    re.IGNORECASE | re.ASCII,
)
_PLAIN_TEXT = re.compile(r'[^\s"\\:<>/-][^\s"\\:<>]*')
_PLAIN_VALUE = re.compile(r'[^\s"\\/][^\s"\\]*')
_UNESCAPED_SLASH = re.compile(r"\\.|/", re.DOTALL)


class SyntaxProblem(ValueError):
    """What cannot be read, and at which column (from 1)."""

    def __init__(self, message: str, column: int) -> None:
        self.column = column
        super().__init__(f"{message} at column {column}")


@dataclass(frozen=True)
class Word:
    """One term as it is written. ``name`` and ``operator`` are '' for bare text.

    ``key`` is what stands behind the dot in ``data.KEY``, ``state.KEY`` and ``meta.KEY``.
    """

    value: str
    name: str = ""  # of the field
    key: str = ""
    operator: str = ""  # ":", ">", "<", ">=", "<=" or ""
    negated: bool = False
    regex: bool = False
    column: int = field(default=1, compare=False)

    def __str__(self) -> str:
        sign = "-" if self.negated else ""
        return f"{sign}{self.field}{self.operator}{self._written_value()}"

    @property
    def field(self) -> str:
        """The field as it is written: its name, with the key if there is one."""
        return f"{self.name}.{self.key}" if self.key else self.name

    def _written_value(self) -> str:
        if self.regex:
            return "/" + _UNESCAPED_SLASH.sub(_escape_slash, self.value) + "/"
        plain = _PLAIN_VALUE if self.name else _PLAIN_TEXT
        if plain.fullmatch(self.value):
            return self.value
        return '"' + self.value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def split(text: str) -> list[Word]:
    """The terms of a filter. Raises SyntaxProblem for what is not closed or has no value."""
    words: list[Word] = []
    position = 0
    while True:
        while position < len(text) and text[position].isspace():
            position += 1
        if position == len(text):
            return words
        word, position = _read(text, position)
        words.append(word)


def _read(text: str, start: int) -> tuple[Word, int]:
    position = start
    negated = (
        text[position] == "-" and position + 1 < len(text) and not text[position + 1].isspace()
    )
    if negated:
        position += 1
    name = key = operator = ""
    head = _HEAD.match(text, position)
    if head:
        name, key = (head["part"] or head["name"]).lower(), head["key"] or ""
        operator = head["operator"]
        position = head.end()
    value_at = position
    regex = operator in ("", ":") and text.startswith("/", position)
    if regex:
        value, position = _read_until(text, position, "/", "regular expression opened here is")
    elif text.startswith('"', position):
        value, position = _read_until(text, position, '"', "quotes opened here are")
    else:
        while position < len(text) and not text[position].isspace():
            position += 1
        value = text[value_at:position]
        if operator and not value:
            raise SyntaxProblem(
                f"'{text[start:value_at].removeprefix('-')}' has no value", start + 1
            )
    if position < len(text) and not text[position].isspace():
        raise SyntaxProblem("a space is missing", position + 1)
    return Word(value, name, key, operator, negated, regex, start + 1), position


def _read_until(text: str, start: int, end: str, what: str) -> tuple[str, int]:
    """The text up to the closing mark, and the position after it; ``\\`` keeps a mark inside."""
    position = start + 1
    parts: list[str] = []
    while position < len(text):
        char = text[position]
        if char == end:
            return "".join(parts), position + 1
        if char == "\\" and position + 1 < len(text):
            position += 1
            # In quotes a backslash goes away; in an expression it means something itself.
            following = text[position]
            keep = end == "/" and following != "/"
            char = "\\" + following if keep else following
        parts.append(char)
        position += 1
    raise SyntaxProblem(f"the {what} not closed", start + 1)


def _escape_slash(match: re.Match[str]) -> str:
    return "\\/" if match[0] == "/" else match[0]

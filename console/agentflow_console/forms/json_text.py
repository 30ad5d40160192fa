"""JSON as people write it: read with the place of the first fault, written without traps.

What is read can be sent: no NaN, no number beyond 64 bits, no half of a surrogate pair.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong in a text, and where; line and column count from 1."""

    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.message}"


_SAID = {
    "Expecting property name enclosed in double quotes": 'a key in "double quotes" is expected',
    "Expecting ':' delimiter": "a colon is missing after the key",
    "Expecting ',' delimiter": "a comma or a closing bracket is missing",
    "Expecting value": "a value is expected",
    "Unterminated string starting at": "the string that starts here is not closed",
    "Invalid control character at": "a line break or control character inside a string; write \\n",
    "Invalid \\escape": "no such escape; a backslash itself is written \\\\",
    "Invalid \\escape: ": "no such escape; a backslash itself is written \\\\",
    "Invalid \\uXXXX escape": "\\u needs four hexadecimal digits",
    "Extra data": "something follows after the end of the object",
}
_TOKENS = re.compile(
    r'"(?:[^"\\]|\\.)*"|-?Infinity|NaN|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?', re.DOTALL
)
_DIGITS = 19  # more than these don't fit in 64 bits
_DEPTH = 200


def read_object(text: str) -> dict[str, Any] | Fault:
    """The JSON object in ``text``, or its first fault. Blank text is an empty object."""
    if not text.strip():
        return {}
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        return _at(text, error.pos, _said(text, error))
    except RecursionError:
        return _at(text, 0, f"deeper than {_DEPTH} brackets")
    except ValueError:  # a number of thousands of digits
        return _unsendable(text) or _at(text, 0, "a number is too long")
    if not isinstance(value, dict):
        return _at(text, len(text) - len(text.lstrip()), "an object in { } is expected")
    return _unsendable(text) or value


def _said(text: str, error: json.JSONDecodeError) -> str:
    before = text[: error.pos].rstrip()
    if before.endswith(",") and text[error.pos : error.pos + 1] in ("}", "]"):
        return "the comma before this bracket is one too many"
    return _SAID.get(error.msg, error.msg)


def _unsendable(text: str) -> Fault | None:
    """What JSON allows, or Python lets pass, but can't be sent to the engine."""
    depth = 0
    for match in re.finditer(rf"{_TOKENS.pattern}|[\[{{]|[\]}}]", text, re.DOTALL):
        token = match[0]
        if token[0] in "[{":
            depth += 1
            if depth > _DEPTH:
                return _at(text, match.start(), f"deeper than {_DEPTH} brackets")
        elif token[0] in "]}":
            depth -= 1
        elif token[0] == '"':
            if "\\u" in token and _half_surrogate(token):
                return _at(text, match.start(), "half of a surrogate pair is not text")
        elif token[-1] in "yN":
            return _at(text, match.start(), f"{token} is not JSON")
        elif not _fits(token):
            return _at(text, match.start(), "the number doesn't fit in 64 bits")
    return None


def _fits(number: str) -> bool:
    if not number.lstrip("-").isdigit():
        return math.isfinite(float(number))
    if len(number) < _DIGITS:
        return True
    return len(number) < 2 * _DIGITS and -(1 << 63) <= int(number) < 1 << 64


def _half_surrogate(token: str) -> bool:
    try:
        json.loads(token).encode()
    except UnicodeEncodeError:
        return True
    return False


def _at(text: str, position: int, message: str) -> Fault:
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    if position >= len(text.rstrip()) and position > 0:
        message = f"the text ends here, but {message}"
    return Fault(line, column, message)


def write_object(value: Mapping[str, Any], indent: int | None = 2) -> str:
    """``value`` as JSON text to edit: everything that isn't printable is written ``\\u…``."""
    text = json.dumps(value, ensure_ascii=False, indent=indent, default=_other)
    if text.isascii():
        return text
    return "".join(char if char == "\n" or char.isprintable() else _escape(char) for char in text)


def _other(value: object) -> object:
    return msgspec.to_builtins(value, str_keys=True)


def _escape(char: str) -> str:
    return json.dumps(char)[1:-1]

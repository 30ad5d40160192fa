"""Parsing TOML, with a message that helps when it is broken."""

from __future__ import annotations

import re
from typing import Any

import tomli

from agentflow.config.positions import Path, Place, Positions, join_key
from agentflow.config.problems import Problem

MAX_SIZE = 4 * 1024 * 1024
"""The longest file that is read, in bytes."""

MAX_BITS = 14_000
"""The longest number that Python writes out: about 4,200 digits."""

_UNCLOSED = 'Expected "\'"'
_LONG_NUMBER = re.compile(r"[0-9_]{4000,}")
_LONG_OTHER = re.compile(r"0[xob][0-9a-fA-F_]{1000,}")
_BARE_WORDS = re.compile(r"""\s*([\w.-]+)\s*=\s*([^\s"'\[{].*)""")


def parse(text: str, path: str) -> tuple[dict[str, Any], Positions] | Problem:
    """What the TOML says and where, or the one problem that keeps it from being read."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    if len(text) > MAX_SIZE:
        return too_big(path)
    positions = Positions(text)
    if positions.too_deep:
        reason = "tables or arrays are nested too deep"
        return Problem(path, *positions.too_deep, "", reason, "is a bracket left open?")
    try:
        data = tomli.loads(text)
        if _LONG_OTHER.search(text) and (huge := _huge(data, ())) is not None:
            return Problem(path, *positions.find(huge), join_key(huge), "has too many digits")
        return data, positions
    except tomli.TOMLDecodeError as error:
        return _explained(error, text, path, positions)
    except ValueError as error:
        number = _LONG_NUMBER.search(text)
        place = positions.place(number.start() if number else 0)
        reason = "a number has too many digits" if number else str(error)
        return Problem(path, *place, "", f"not valid TOML: {reason}")


def _huge(value: Any, path: Path) -> Path | None:
    """Where there is a number too long to be written out, as hexadecimal ones may be."""
    if isinstance(value, int):
        return path if value.bit_length() > MAX_BITS else None
    items = value.items() if isinstance(value, dict) else ()
    for key, item in enumerate(value) if isinstance(value, list) else items:
        if (found := _huge(item, (*path, key))) is not None:
            return found
    return None


def too_big(path: str) -> Problem:
    """The problem of a file above MAX_SIZE."""
    return Problem(path, 0, 0, "", f"is larger than {MAX_SIZE // 1024 // 1024} MiB")


def _explained(error: tomli.TOMLDecodeError, text: str, path: str, positions: Positions) -> Problem:
    """tomli's own words and place, and what to write instead where that can be told."""
    reason = error.msg
    if positions.duplicates and re.search("overwrite|twice|redefine|mutate|[Dd]uplicate", reason):
        key, first, second = positions.duplicates[0]
        message = f"is already written on line {first.line}"
        return Problem(path, *second, join_key(key), message, "keep one of the two, or rename one")
    place = Place(error.lineno, error.colno)
    lines = text.split("\n")
    if reason == _UNCLOSED:  # tomli notices at the end of the text only
        odd = (at for at in range(len(lines), 0, -1) if lines[at - 1].count("'") % 2)
        at = next(odd, place.line)
        place = Place(at, len(lines[at - 1]) + 1)
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    return Problem(path, *place, "", f"not valid TOML: {_lower(reason)}", _hint(reason, line))


def _hint(reason: str, line: str) -> str:
    if "Invalid value" in reason and (bare := _BARE_WORDS.match(line)):
        key, value = bare[1], bare[2].split("#")[0].strip()
        if value.lower() in ("true", "false"):
            return f"write {value.lower()} in lower case"
        return f'put text in quotes: {key} = "..."'
    if "Invalid value" in reason and re.fullmatch(r"[^=]*=\s*(#.*)?", line):
        return "write a value after the ="
    if "Unescaped" in reason or "escape" in reason:
        return r"write \\ for a backslash, or put the text in single quotes"
    if "string" in reason or r"'\n'" in reason or reason == _UNCLOSED:
        return 'close the quotes on the same line, or use """ for several lines'
    if "'='" in reason:
        return "write key = value"
    return ""


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]

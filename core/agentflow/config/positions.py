"""Where each key of a TOML text stands.

tomli gives values without places, so this scans the text a second time, for places alone. It
reads headers, dotted keys, arrays and inline tables, and forgives what it does not know: tomli
has already said whether the text is TOML. When it is not, ``duplicates`` and ``too_deep`` help
to say why.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import NamedTuple

Path = tuple[str | int, ...]
"""A key as its parts; an int is an index in an array."""

MAX_DEPTH = 100
"""How deep tables and arrays may be nested."""

MAX_KEYS = 200_000
"""How many places are kept; a long array of numbers needs none."""

_BASIC = r'"(?:[^"\\\n]++|\\.)*+"'
_LITERAL = r"'[^'\n]*+'"
_KEY = re.compile(rf"[A-Za-z0-9_-]++|{_BASIC}|{_LITERAL}")
_STRING = re.compile(
    r'"""(?:[^"\\]++|\\.|"{1,2}+(?!"))*+"{3,5}'
    r"|'''(?:[^']++|'{1,2}+(?!'))*+'{3,5}"
    rf"|{_BASIC}|{_LITERAL}",
    re.DOTALL,
)
_SPACE = re.compile(r"[ \t]*+")
_GAP = re.compile(r"(?:[ \t\r\n]++|#[^\n]*+)*+")
_SCALAR = re.compile(r"[^,\]}#\n]*+")
_LINE = re.compile(r"[^\n]*+\n?")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_ESCAPED = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b"}


class Place(NamedTuple):
    """A place in a text; both count from 1."""

    line: int
    column: int


class Positions:
    """The places of all keys of one text."""

    def __init__(self, text: str) -> None:
        self._newlines = [match.start() for match in re.finditer("\n", text)]
        scanner = _Scanner(text)
        scanner.run()
        self.offsets = scanner.offsets
        self.duplicates = [
            (path, self.place(first), self.place(second))
            for path, first, second in scanner.duplicates
        ]
        self.too_deep = None if scanner.too_deep is None else self.place(scanner.too_deep)

    def place(self, offset: int) -> Place:
        """The line and column of a character."""
        line = bisect_right(self._newlines, offset - 1)
        start = self._newlines[line - 1] + 1 if line else 0
        return Place(line + 1, offset - start + 1)

    def find(self, path: Path) -> Place:
        """Where ``path`` stands, or else the nearest table around it, or else the beginning."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.offsets:
                return self.place(self.offsets[path[:length]])
        return Place(1, 1)


class _TooDeep(Exception):
    """Nested deeper than is followed."""


class _Scanner:
    """One pass over one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.offsets: dict[Path, int] = {}
        self.duplicates: list[tuple[Path, int, int]] = []
        self.too_deep: int | None = None
        self._implied: set[Path] = set()
        self._arrays: dict[Path, int] = {}

    def run(self) -> None:
        table: Path = ()
        try:
            while self._skip(_GAP) < len(self.text):
                if self.text[self.at] == "[":
                    table = self._header()
                else:
                    self._pair(table, 0)
                self._skip(_LINE)
        except _TooDeep:
            self.too_deep = self.at

    def _header(self) -> Path:
        array = self.text.startswith("[[", self.at)
        self.at += 2 if array else 1
        keys = self._keys()
        table: Path = ()
        for number, (key, offset) in enumerate(keys, 1):
            table = (*table, key)
            last = number == len(keys)
            if last and array:
                self._arrays[table] = self._arrays.get(table, -1) + 1
                self.offsets.setdefault(table, offset)
                table = (*table, self._arrays[table])
                self._note(table, offset)
            elif last:
                self._note(table, offset)
            else:
                self._imply(table, offset)
            if not last and table in self._arrays:
                table = (*table, self._arrays[table])
        return table

    def _pair(self, table: Path, depth: int) -> None:
        """One ``key = value``; leaves ``at`` behind the value, or where it stopped making sense."""
        keys = self._keys()
        for key, offset in keys[:-1]:
            table = (*table, key)
            self._imply(table, offset)
        if keys:
            table = (*table, keys[-1][0])
            self._note(table, keys[-1][1])
        if keys and self.text.startswith("=", self._skip(_SPACE)):
            self.at += 1
            self._skip(_SPACE)
            self._value(table, depth)

    def _keys(self) -> list[tuple[str, int]]:
        keys = []
        while match := _KEY.match(self.text, self._skip(_SPACE)):
            keys.append((unquote(match[0]), self.at))
            self.at = match.end()
            if not self.text.startswith(".", self._skip(_SPACE)):
                break
            self.at += 1
            if len(keys) >= MAX_DEPTH:
                raise _TooDeep
        return keys

    def _value(self, path: Path, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise _TooDeep
        if match := _STRING.match(self.text, self.at):
            self.at = match.end()
        elif self.text.startswith("[", self.at):
            self._array(path, depth + 1)
        elif self.text.startswith("{", self.at):
            self._inline_table(path, depth + 1)
        else:
            self._skip(_SCALAR)

    def _array(self, path: Path, depth: int) -> None:
        self.at += 1
        index = 0
        while self._skip(_GAP) < len(self.text) and self.text[self.at] != "]":
            before = self.at
            self._note((*path, index), self.at)
            self._value((*path, index), depth)
            if not self._comma() and self.at == before:
                return
            index += 1
        self.at += 1

    def _inline_table(self, path: Path, depth: int) -> None:
        self.at += 1
        while self._skip(_GAP) < len(self.text) and self.text[self.at] != "}":
            before = self.at
            self._pair(path, depth)
            if not self._comma() and self.at == before:
                return
        self.at += 1

    def _comma(self) -> bool:
        comma = self.text.startswith(",", self._skip(_GAP))
        self.at += comma
        return comma

    def _skip(self, what: re.Pattern[str]) -> int:
        match = what.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return self.at

    def _note(self, path: Path, offset: int) -> None:
        if len(path) > MAX_DEPTH:
            raise _TooDeep
        if len(self.offsets) >= MAX_KEYS:
            return
        if path in self.offsets and path not in self._implied:
            self.duplicates.append((path, self.offsets[path], offset))
            return
        self.offsets[path] = offset
        self._implied.discard(path)

    def _imply(self, path: Path, offset: int) -> None:
        if path not in self.offsets:
            self.offsets[path] = offset
            self._implied.add(path)


def unquote(key: str) -> str:
    """A key as it is written, without its quotes and escapes."""
    if key[0] == "'":
        return key[1:-1]
    if key[0] != '"':
        return key
    return _ESCAPE.sub(_unescape, key[1:-1])


def _unescape(match: re.Match[str]) -> str:
    code = match[1] or match[2] or match[3]
    if code:
        return chr(int(code, 16)) if int(code, 16) < 0x110000 else match[0]
    return _ESCAPED.get(match[4], match[4])


def split_key(dotted: str) -> tuple[str, ...]:
    """The parts of a dotted key; a part may be in quotes to hold dots of its own."""
    parts: list[str] = []
    at = 0
    while match := _KEY.match(dotted, at):
        parts.append(unquote(match[0]))
        if match.end() == len(dotted):
            return tuple(parts)
        at = match.end() + 1
        if dotted[match.end()] != ".":
            break
    return tuple(dotted.split("."))


def join_key(path: Path) -> str:
    """A path as one dotted key, with indexes in brackets and quotes where they are needed."""
    joined = ""
    for part in path:
        if isinstance(part, int):
            joined += f"[{part}]"
            continue
        bare = re.fullmatch(r"[A-Za-z0-9_-]+", part)
        joined += ("." if joined else "") + (part if bare else _quoted(part))
    return joined


def _quoted(part: str) -> str:
    """A key in quotes, without a character that could act on a screen."""
    plain = (c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in part)
    return f'"{"".join(plain)}"'

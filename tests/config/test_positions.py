"""Places of keys: the scanner knows every key that tomli knows, where it stands."""

from __future__ import annotations

import json
from typing import Any

import pytest
import tomli
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentflow.config.positions import (
    _KEY,
    Path,
    Place,
    Positions,
    join_key,
    split_key,
    unquote,
)

steady = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""Speed is not what these tests are about."""

keys = st.one_of(
    st.text("ab_-9", min_size=1, max_size=4),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=4),
)
atoms = st.one_of(
    st.integers(-(10**9), 10**9),
    st.booleans(),
    st.sampled_from(["1979-05-27 07:32:00", "07:32:00", "-inf", "0x1F", "1_000.5e-3"]).map(
        lambda text: Raw(text)
    ),
    st.text(max_size=8),
)
values = st.recursive(
    atoms,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=12,
)
documents = st.dictionaries(keys, values, max_size=5)


class Raw(str):
    """A value to be written as it stands."""


class Writer:
    """Writes a document as TOML in a way that is drawn: headers, dotted keys, inline tables."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.lines: list[str] = []

    def pick(self, *options: Any) -> Any:
        return self.draw(st.sampled_from(options))

    def key(self, name: str) -> str:
        bare = name.isascii() and name and all(c.isalnum() or c in "_-" for c in name)
        literal = "'" not in name and name.isprintable()
        styles = [quoted(name), *([name] if bare else ()), *([f"'{name}'"] if literal else ())]
        return self.pick(*styles)

    def dotted(self, path: tuple[str, ...]) -> str:
        return self.pick(".", " . ").join(self.key(part) for part in path)

    def value(self, value: Any) -> str:
        if isinstance(value, Raw):
            return value
        if isinstance(value, str):
            styles = [quoted(value), f'"""\n{quoted(value)[1:-1]}"""']
            if "'" not in value and value.isprintable():
                styles += [f"'{value}'", f"'''{value}'''"]
            return self.pick(*styles)
        if isinstance(value, list):
            gap = self.pick("", " ", "\n  ", " # , ] x\n")
            comma = self.pick("", ",") if value else ""
            return "[" + gap + f",{gap}".join(self.value(v) for v in value) + f"{comma}{gap}]"
        if isinstance(value, dict):
            pairs = [f"{self.key(key)} = {self.value(item)}" for key, item in value.items()]
            return "{" + ", ".join(pairs) + "}"
        return json.dumps(value)

    def table(self, table: dict[str, Any], path: tuple[str, ...]) -> None:
        later = []
        for key, value in table.items():
            of_tables = isinstance(value, list) and value and all(type(v) is dict for v in value)
            if (isinstance(value, dict) or of_tables) and self.pick(True, False):
                later.append((key, value))
            elif isinstance(value, dict) and value and self.pick(True, False):
                for below, item in value.items():
                    self.lines.append(f"{self.dotted((key, below))} = {self.value(item)}")
            else:
                comment = self.pick("", " # [not] = a key")
                self.lines.append(f"{self.key(key)}\t={self.value(value)}{comment}")
        for key, value in later:
            where = (*path, key)
            for item in value if isinstance(value, list) else [value]:
                header = self.dotted(where)
                self.lines.append(f"[[{header}]]" if isinstance(value, list) else f"[ {header} ]")
                self.table(item, where)


def quoted(text: str) -> str:
    """``text`` as a basic string."""
    plain = (c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in text)
    return f'"{"".join(plain)}"'


@st.composite
def texts(draw: st.DrawFn) -> str:
    writer = Writer(draw)
    writer.table(draw(documents), ())
    return draw(st.sampled_from(["\n", "\r\n"])).join(writer.lines)


def paths(value: Any, at: Path = ()) -> set[Path]:
    """The paths of everything in a document."""
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    return {at}.union(*(paths(item, (*at, key)) for key, item in items)) - {()}


@steady
@given(texts())
def test_every_key_of_a_document_has_a_place(text: str) -> None:
    """The scanner finds the keys and array items that tomli finds, no more and no less."""
    positions = Positions(text)
    assert positions.offsets.keys() == paths(tomli.loads(text))
    assert positions.duplicates == []
    assert positions.too_deep is None


@steady
@given(texts())
def test_the_place_of_a_key_is_the_key(text: str) -> None:
    """At the place of a key, the text has that key."""
    for path, offset in Positions(text).offsets.items():
        written = _KEY.match(text, offset)
        if isinstance(path[-1], str):
            assert written is not None
            assert unquote(written[0]) == path[-1]


@steady
@given(st.text() | st.text("[]{}=\"'\\\n.#,ab "))
def test_any_text_can_be_scanned(text: str) -> None:
    """The scanner ends on any text, and its places lie within it."""
    positions = Positions(text)
    assert all(0 <= offset < len(text) for offset in positions.offsets.values())


def test_lines_and_columns_count_from_one() -> None:
    """A place is what editors show: the first character is line 1, column 1."""
    positions = Positions("a = 1\n\n[b.c]\n  d.e = [1,\n  { f = 2 }]\n")
    assert positions.find(("a",)) == Place(1, 1)
    assert positions.find(("b", "c")) == Place(3, 4)
    assert positions.find(("b", "c", "d", "e")) == Place(4, 5)
    assert positions.find(("b", "c", "d", "e", 1, "f")) == Place(5, 5)


def test_what_has_no_place_is_shown_at_its_table() -> None:
    """A key that is missing is looked for in the table that should have it."""
    positions = Positions("a = 1\n[b]\nc = 1\n")
    assert positions.find(("b", "missing", "below")) == Place(2, 2)
    assert positions.find(("missing",)) == Place(1, 1)


def test_tables_of_an_array_are_told_apart() -> None:
    """A key under the second ``[[x]]`` has the place of the second."""
    positions = Positions("[[x]]\na = 1\n[x.t]\nb = 1\n[[x]]\na = 2\n[x.t]\nb = 2\n")
    assert positions.find(("x", 0, "t", "b")).line == 4
    assert positions.find(("x", 1, "a")).line == 6
    assert positions.find(("x", 1, "t", "b")).line == 8


@pytest.mark.parametrize(
    ("text", "key", "first", "second"),
    [
        ("a = 1\na = 2\n", ("a",), 1, 2),
        ("[a]\n[b]\n[a]\n", ("a",), 1, 3),
        ("[a]\nb = 1\n[a.b]\n", ("a", "b"), 2, 3),
        ("x = { y = 1, y = 2 }\n", ("x", "y"), 1, 1),
    ],
)
def test_what_is_written_twice_is_found(text: str, key: Path, first: int, second: int) -> None:
    """A key or table that is written twice is known with both places."""
    (found,) = Positions(text).duplicates
    assert (found[0], found[1].line, found[2].line) == (key, first, second)


@pytest.mark.parametrize("path", [("a", "b"), ("agents", "a.b", "model"), ("x", 'q"\\', "ü\n")])
def test_a_dotted_key_can_be_taken_apart_again(path: tuple[str, ...]) -> None:
    """What join_key writes, split_key reads, quotes and dots included."""
    assert split_key(join_key(path)) == path


def test_a_key_that_is_no_key_is_split_at_its_dots() -> None:
    """Text that is not a TOML key is still taken apart."""
    assert split_key("a b.c") == ("a b", "c")

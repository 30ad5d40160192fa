"""JSON as people write it: the first fault and its place, and nothing that can't be sent."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentflow_console.forms.json_text import Fault, read_object, write_object

LETTERS = st.text('aZ"\\/\n\té漢😀\x1b\u202e\u2028 ', max_size=6)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | LETTERS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(LETTERS, inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        ('{"a": 1,}', 1, 9, "the comma before this bracket is one too many"),
        ('{"a": [1,]}', 1, 10, "the comma before this bracket is one too many"),
        ('{\n  "a" 1}', 2, 7, "a colon is missing"),
        ('{"a": }', 1, 7, "a value is expected"),
        ('{"a": 1\n "b": 2}', 2, 2, "a comma or a closing bracket is missing"),
        ('{"a": "x', 1, 7, "not closed"),
        ('{"a": "x\ny"}', 1, 9, "a line break or control character"),
        ('{"a": "\\q"}', 1, 8, "no such escape"),
        ('{"a": "\\u12"}', 1, 9, "four hexadecimal digits"),
        ("{} x", 1, 4, "something follows"),
        ("[1]", 1, 1, "an object in { } is expected"),
        ("{a: 1}", 1, 2, 'a key in "double quotes"'),
        ("{", 1, 2, "the text ends here"),
        ('{"a": NaN}', 1, 7, "NaN is not JSON"),
        ('{"a": "NaN", "b": -Infinity}', 1, 19, "-Infinity is not JSON"),
        ('{"a": 18446744073709551616}', 1, 7, "64 bits"),
        ('{"a": ' + "1" * 5000 + "}", 1, 7, "64 bits"),
        ('{"a": 1e999}', 1, 7, "64 bits"),
        ('{"a": "\\ud800"}', 1, 7, "surrogate"),
        ('{"a":' + "[" * 300 + "]" * 300 + "}", 1, 205, "deeper than 200"),
        ('{"a":' + "[" * 100_000, 1, 1, "deeper than 200"),
    ],
)
def test_a_fault_has_its_place(text: str, line: int, column: int, said: str) -> None:
    """Bad JSON is a line, a column and a sentence, never an exception."""
    fault = read_object(text)
    assert isinstance(fault, Fault)
    assert (fault.line, fault.column) == (line, column)
    assert said in fault.message


def test_blank_text_is_an_empty_object() -> None:
    """Nothing written is no data."""
    assert read_object(" \n ") == {}


@given(st.dictionaries(LETTERS, VALUES, max_size=3))
def test_what_is_written_is_read_and_can_be_sent(value: dict[str, object]) -> None:
    """Any data survives being edited unchanged, and what is read crosses the link."""
    text = write_object(value)
    assert all(char == "\n" or char.isprintable() for char in text)
    assert read_object(text) == value
    msgspec.msgpack.encode(read_object(text))


@given(st.text('{}[]":,0123456789.eE+-truefalsn \n\\u', max_size=40))
def test_any_text_is_data_or_a_fault_inside_it(text: str) -> None:
    """Whatever is typed, it can be sent or it is bad at a place that is there."""
    found = read_object(text)
    if isinstance(found, Fault):
        lines = text.split("\n")
        assert 1 <= found.line <= len(lines)
        assert 1 <= found.column <= len(lines[found.line - 1]) + 1
    else:
        msgspec.msgpack.encode(found)

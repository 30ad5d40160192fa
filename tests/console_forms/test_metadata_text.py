"""Metadata as people write it: lines or JSON, always text to text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentflow_console.forms.json_text import Fault
from agentflow_console.forms.metadata_text import read_metadata, write_metadata


def test_lines_and_json_say_the_same() -> None:
    """``key=value`` lines and a JSON object are two ways to write the same."""
    expected = {"origin": "by hand", "timeout": "30s"}
    assert read_metadata("origin = by hand\n\ntimeout=30s\n") == expected
    assert read_metadata('{"origin": "by hand", "timeout": "30s"}') == expected


def test_a_value_may_hold_an_equals_sign() -> None:
    """Only the first = divides a line."""
    assert read_metadata("query=a=b") == {"query": "a=b"}


def test_numbers_in_json_become_text() -> None:
    """Metadata is text to text, so numbers and booleans are written out."""
    assert read_metadata('{"n": 3, "on": true}') == {"n": "3", "on": "true"}


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        ("a=1\nnonsense", 2, 9, "an = is missing"),
        ("=1", 1, 1, "a key is missing"),
        ("a=1\na=2", 2, 1, "a is there twice"),
        ('{"a": [1]}', 1, 2, "a must be text"),
        ('{\n "b": null}', 2, 2, "b must be text"),
        ('{"a" 1}', 1, 6, "a colon is missing"),
    ],
)
def test_a_fault_has_its_place(text: str, line: int, column: int, said: str) -> None:
    """Bad metadata is a line, a column and a sentence."""
    fault = read_metadata(text)
    assert isinstance(fault, Fault)
    assert (fault.line, fault.column) == (line, column)
    assert said in fault.message


WORDS = st.text('a={}"\\ \n\té\x1b', max_size=6)


@given(st.dictionaries(WORDS, WORDS, max_size=4))
def test_what_is_written_is_read(metadata: dict[str, str]) -> None:
    """Any metadata survives being edited unchanged."""
    assert read_metadata(write_metadata(metadata)) == metadata

"""What the demo measures, checked by hand on small files."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentflow_console.demo import measures
from agentflow_console.demo.source import Source, decode, parse

MODULE = '''\
"""A module."""
import os, sys
from . import sibling
from json.decoder import JSONDecoder

# a comment alone

class Box:
    def __init__(self, size: int):
        self.size = size

    def fits(self, *things: object, tight=False) -> bool:
        """Whether they fit."""
        if tight and len(things) > 1 or not things:
            return False
        for thing in things:
            try:
                assert thing
            except ValueError:
                import math
                return [x for x in things if x] != []
        return True if things else False

def _private(a, b):
    def inner(c):
        while c:
            c -= 1
    return inner
'''


@pytest.fixture
def source(tmp_path: Path) -> Source:
    path = tmp_path / "module.py"
    path.write_text(MODULE)
    return parse(path)


def test_size_counts_lines_by_what_they_hold() -> None:
    """Every line is code, a comment alone or blank."""
    assert measures.size(MODULE) == {"lines": 28, "code": 23, "comment": 1, "blank": 4}


def test_size_of_an_empty_file_is_nothing() -> None:
    """An empty file has no lines at all."""
    assert measures.size("") == {"lines": 0, "code": 0, "comment": 0, "blank": 0}


def test_complexity_counts_the_paths_of_each_function(source: Source) -> None:
    """Branches count once each, inner functions for themselves, classes not at all."""
    paths = {name: 1 + measures.branches(node) for name, node in source.functions}
    assert paths == {
        "Box.__init__": 1,
        # if, and, or, for, assert, except, the comprehension, the conditional expression
        "Box.fits": 9,
        "_private": 1,
        "_private.inner": 2,
    }
    assert measures.complexity(source) == {"functions": 4, "mean": 3.2, "complex": [], "long": []}


def test_complexity_names_the_worst_functions_first(tmp_path: Path) -> None:
    """More than 10 paths is complex, more than 60 lines is long."""
    path = tmp_path / "worst.py"
    ifs = "    if x: pass\n"
    path.write_text(
        "def ten(x):\n" + ifs * 9 + "def eleven(x):\n" + ifs * 10 + "def many(x):\n" + ifs * 60
    )
    found = measures.complexity(parse(path))
    assert found["complex"] == [["many", 61], ["eleven", 11]]
    assert found["long"] == [["many", 61]]


def test_a_module_without_functions_has_no_mean(tmp_path: Path) -> None:
    """Nothing is divided by nothing."""
    path = tmp_path / "empty.py"
    path.write_text("")
    found = measures.complexity(parse(path))
    assert found == {"functions": 0, "mean": 0.0, "complex": [], "long": []}


def test_docstrings_are_asked_of_public_names(source: Source) -> None:
    """The module, Box and Box.fits are public; private and special names are not asked."""
    assert measures.docstrings(source) == {"public": 3, "documented": 2, "missing": ["Box"]}


def test_imports_are_listed_as_written_and_inner_ones_counted(source: Source) -> None:
    """Relative imports keep their dots, and one import waits inside a function."""
    assert measures.imports(source) == {
        "modules": [".", "json.decoder", "math", "os", "sys"],
        "deferred": 1,
    }


def test_types_leave_out_self(source: Source) -> None:
    """Each parameter but self, and each result, is one place for a type."""
    # __init__: size*, result; fits: *things*, tight, result*; _private: a, b, result;
    # inner: c, result. Those with a star have a type.
    assert measures.types(source) == {"places": 10, "annotated": 3}


def test_a_file_is_decoded_as_it_declares(tmp_path: Path) -> None:
    """PEP 263: the coding comment decides."""
    path = tmp_path / "latin.py"
    path.write_bytes("# coding: latin-1\nname = 'é'\n".encode("latin-1"))
    assert "é" in decode(path)


def test_a_file_that_changed_is_parsed_anew(tmp_path: Path) -> None:
    """What is remembered belongs to one version of the file."""
    path = tmp_path / "changing.py"
    path.write_text("a = 1\n")
    first = parse(path)
    assert parse(path) is first
    path.write_text("def b(): pass\n")
    assert [name for name, _ in parse(path).functions] == ["b"]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"def broken(:\n", SyntaxError),
        (b"# coding: no-such-coding\n", SyntaxError),
        (b"# one\n# two\nname = '\xff'\n", UnicodeDecodeError),
    ],
    ids=["does not parse", "unknown coding", "does not decode"],
)
def test_a_file_that_cannot_be_read_raises_its_own_error(
    tmp_path: Path, content: bytes, error: type[Exception]
) -> None:
    """What is wrong with a file comes out as Python itself puts it."""
    path = tmp_path / "broken.py"
    path.write_bytes(content)
    with pytest.raises(error):
        parse(path)

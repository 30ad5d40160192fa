"""Source: one Python file, decoded and parsed, with the definitions in it."""

from __future__ import annotations

import ast
import functools
import sysconfig
import threading
import tokenize
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

STDLIB = Path(sysconfig.get_path("stdlib"))

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef

_BLOCKS = ("body", "orelse", "handlers", "finalbody", "cases")
_parsing = threading.Lock()


@dataclass(frozen=True, slots=True)
class Definition:
    """A class or function. ``name`` is dotted, ``inside`` is module, class or function."""

    name: str
    node: Function | ast.ClassDef
    inside: str

    @property
    def public(self) -> bool:
        """Whether users of the module see it: no private name on the way, in no function."""
        return self.inside != "function" and not any(
            part.startswith("_") for part in self.name.split(".")
        )


@dataclass(frozen=True, slots=True)
class Source:
    """One file: its text, its syntax tree and every definition, outer before inner."""

    path: Path
    text: str
    tree: ast.Module
    definitions: tuple[Definition, ...]

    @property
    def functions(self) -> list[tuple[str, Function]]:
        """Every function and method, with its dotted name."""
        return [
            (found.name, found.node)
            for found in self.definitions
            if not isinstance(found.node, ast.ClassDef)
        ]


def locate(path: str) -> Path:
    """The file that ``path`` names: relative to the standard library, or absolute."""
    return STDLIB / path


def module_file(name: str) -> Path | None:
    """The file of a standard library module, or None for one that has none (``sys``)."""
    place = STDLIB.joinpath(*name.split("."))
    for path in (place.with_name(place.name + ".py"), place / "__init__.py"):
        if path.is_file():
            return path
    return None


def decode(path: Path) -> str:
    """The file's text, in the encoding that it declares (PEP 263).

    Raises SyntaxError for a declaration that is wrong, UnicodeDecodeError for bytes that
    do not fit it, OSError when the file cannot be read.
    """
    with tokenize.open(path) as file:
        return file.read()


def parse(path: Path) -> Source:
    """The file decoded and parsed. Raises what ``decode`` does, and SyntaxError.

    Several analysers ask for the same file at the same moment: the first one parses it,
    the others wait for that. Parsing holds the interpreter's lock anyway.
    """
    with _parsing:
        return _parse(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=16)
def _parse(path: Path, _modified: int) -> Source:
    text = decode(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old escapes in old files are not this audit's subject
        tree = ast.parse(text, str(path))
    return Source(path, text, tree, tuple(_definitions(tree.body, "", "module")))


def statements(block: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """Every statement in ``block`` and in the blocks within it; expressions are left out."""
    for node in block:
        yield node
        for name in _BLOCKS:
            inner = getattr(node, name, None)
            if inner:
                yield from statements(inner)


def _definitions(block: Sequence[ast.AST], prefix: str, inside: str) -> Iterator[Definition]:
    for node in block:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            name = prefix + node.name
            yield Definition(name, node, inside)
            kind = "class" if isinstance(node, ast.ClassDef) else "function"
            yield from _definitions(node.body, name + ".", kind)
        else:
            for field in _BLOCKS:
                yield from _definitions(getattr(node, field, None) or (), prefix, inside)

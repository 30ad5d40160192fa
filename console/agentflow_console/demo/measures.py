"""Measures: what can be counted in a Python file. Each is a function of the parsed file."""

from __future__ import annotations

import ast
from typing import Any

from agentflow_console.demo.source import Function, Source, statements

COMPLEX = 10
"""A function with more paths than this is called complex (McCabe's own limit)."""

LONG = 60
"""A function with more lines than this is called long."""

_BRANCHES = (
    ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While,
    ast.ExceptHandler, ast.Assert, ast.comprehension, ast.match_case,
)  # fmt: skip


def size(text: str) -> dict[str, int]:
    """Lines of the file: all of them, those with code, those with a comment alone, empty ones."""
    lines = [line.strip() for line in text.splitlines()]
    blank = lines.count("")
    comment = sum(line.startswith("#") for line in lines)
    return {
        "lines": len(lines),
        "code": len(lines) - blank - comment,
        "comment": comment,
        "blank": blank,
    }


def complexity(source: Source) -> dict[str, Any]:
    """Paths through the functions (McCabe) and how long they are, the worst ones named."""
    paths = [(name, 1 + branches(node)) for name, node in source.functions]
    lengths = [(name, length(node)) for name, node in source.functions]
    total = sum(count for _, count in paths)
    return {
        "functions": len(paths),
        "mean": round(total / len(paths), 1) if paths else 0.0,
        "complex": _above(paths, COMPLEX),
        "long": _above(lengths, LONG),
    }


def branches(function: Function) -> int:
    """Places where ``function`` may go one way or another; inner functions count for themselves."""
    found = 0
    pending: list[ast.AST] = list(function.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.BoolOp):
            found += len(node.values) - 1
        elif isinstance(node, _BRANCHES):
            found += 1
        pending.extend(ast.iter_child_nodes(node))
    return found


def length(function: Function) -> int:
    """Lines from ``def`` to the end of the body."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def docstrings(source: Source) -> dict[str, Any]:
    """How many of the public names (the module itself is one) say what they are for."""
    public = [(found.name, found.node) for found in source.definitions if found.public]
    missing = [name for name, node in public if not ast.get_docstring(node, clean=False)]
    documented = len(public) - len(missing) + bool(ast.get_docstring(source.tree, clean=False))
    return {"public": len(public) + 1, "documented": documented, "missing": missing[:5]}


def imports(source: Source) -> dict[str, Any]:
    """The modules that the file imports, and how many imports wait inside a function."""
    everywhere = [node for node in statements(source.tree.body) if imported(node)]
    waiting = {
        node
        for _, function in source.functions
        for node in statements(function.body)
        if imported(node)
    }
    return {
        "modules": sorted({name for node in everywhere for name in imported(node)}),
        "deferred": len(waiting),
    }


def imported(node: ast.AST) -> list[str]:
    """The modules that one statement imports, as it writes them; none for other statements."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return ["." * node.level + (node.module or "")]
    return []


def types(source: Source) -> dict[str, int]:
    """How many parameters and results of functions say their type."""
    places = annotated = 0
    methods = {found.name for found in source.definitions if found.inside == "class"}
    for name, node in source.functions:
        own = node.args
        parameters = [*own.posonlyargs, *own.args, *own.kwonlyargs]
        if name in methods and parameters and parameters[0].arg in ("self", "cls"):
            del parameters[0]
        parameters += [star for star in (own.vararg, own.kwarg) if star]
        places += len(parameters) + 1
        annotated += sum(parameter.annotation is not None for parameter in parameters)
        annotated += node.returns is not None
    return {"places": places, "annotated": annotated}


def _above(values: list[tuple[str, int]], limit: int) -> list[list[Any]]:
    worst = sorted(values, key=lambda pair: (-pair[1], pair[0]))
    return [[name, value] for name, value in worst if value > limit]

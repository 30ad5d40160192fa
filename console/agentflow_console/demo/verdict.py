"""Verdict: what the measures of one module add up to, in a number, in sentences, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentflow_console.demo.measures import COMPLEX, LONG

Measures = Mapping[str, Mapping[str, Any]]
"""What the analysers left, by their names. Any of them may be absent."""


def score(measures: Measures) -> int | None:
    """0 to 100: the mean of documented names, simple functions and short functions.

    None when nothing was measured. Annotations do not count: the standard library keeps
    its types elsewhere, on purpose.
    """
    parts = []
    if documentation := measures.get("docstrings"):
        parts.append(documentation["documented"] / documentation["public"])
    if paths := measures.get("complexity"):
        functions = paths["functions"] or 1
        parts.append(1 - len(paths["complex"]) / functions)
        parts.append(1 - len(paths["long"]) / functions)
    return round(100 * sum(parts) / len(parts)) if parts else None


def findings(measures: Measures) -> list[str]:
    """What a maintainer might want to look at, in sentences, the gravest first."""
    found = []
    paths = measures.get("complexity", {})
    if complex_ := paths.get("complex"):
        name, worst = complex_[0]
        found.append(
            f"{count(len(complex_), 'function')} with more than {COMPLEX} paths; "
            f"`{name}` has {worst}"
        )
    if long := paths.get("long"):
        name, worst = long[0]
        found.append(
            f"{count(len(long), 'function')} of more than {LONG} lines; `{name}` has {worst}"
        )
    documentation = measures.get("docstrings", {})
    if missing := documentation.get("missing"):
        absent = documentation["public"] - documentation["documented"]
        found.append(f"{count(absent, 'public name')} without a docstring; `{missing[0]}` is one")
    if deferred := measures.get("imports", {}).get("deferred"):
        found.append(f"{count(deferred, 'import')} inside a function")
    return found


def section(module: str, rating: int | None, remarks: list[str], measures: Measures) -> str:
    """The module's part of the report."""
    heading = f"### {module}: {'not rated' if rating is None else f'{rating} of 100'}"
    facts = ", ".join(_facts(measures)) or "nothing was measured"
    lines = [heading, "", facts[0].upper() + facts[1:] + "."]
    if remarks:
        lines += ["", *(f"- {remark}" for remark in remarks)]
    return "\n".join(lines) + "\n"


def _facts(measures: Measures) -> list[str]:
    facts = []
    if size := measures.get("size"):
        facts.append(f"{count(size['lines'], 'line')} ({size['code']:,} of code)")
    if paths := measures.get("complexity"):
        functions = count(paths["functions"], "function")
        facts.append(f"{functions} of {paths['mean']} paths each" if paths["mean"] else functions)
    if documentation := measures.get("docstrings"):
        share = documentation["documented"] / documentation["public"]
        facts.append(f"{share:.0%} documented")
    if (types := measures.get("types")) and types["places"]:
        facts.append(f"{types['annotated'] / types['places']:.0%} annotated")
    if imports := measures.get("imports"):
        facts.append(f"imports {count(len(imports['modules']), 'module')}")
    if "reach" in measures:
        facts.append(f"reaches {count(len(measures['reach']['modules']), 'module')}")
    return facts


def count(number: int, noun: str) -> str:
    """``1 line``, ``1,200 lines``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"

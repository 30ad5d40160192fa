"""Spans: the stretches of a session as a tree, in the order in which a waterfall shows them."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

from agentflow.telemetry.snapshot import SpanRow

_TREE = {"queued": 0}  # what stands before its siblings when both begin at once


@dataclass(frozen=True, slots=True)
class Node:
    """One span at its place in the tree."""

    span: SpanRow
    stem: str  # the branches left of its name
    children: int  # spans under it, at any depth
    folded: bool
    end: float  # when it ended, or now
    root: SpanRow  # what it is part of


def tree(spans: Sequence[SpanRow], now: float, folded: Container[str] = ()) -> list[Node]:
    """The spans under their parents, oldest first; what is under a folded one is left out.

    A span whose parent is not there is a root; no span is shown twice, whatever the data say.
    """
    known = {span.id for span in spans}
    under: dict[str, list[SpanRow]] = {}
    for span in spans:
        parent = span.parent if span.parent in known and span.parent != span.id else ""
        under.setdefault(parent, []).append(span)
    for siblings in under.values():
        siblings.sort(key=lambda span: (span.start, _TREE.get(span.kind, 1)))
    sizes = _sizes(under)
    nodes: list[Node] = []
    todo = [(span, "", "", span) for span in reversed(under.get("", []))]
    while todo:
        span, stem, below, root = todo.pop()
        children = under.get(span.id, [])
        shut = span.id in folded and bool(children)
        end = now if span.duration < 0 else span.start + span.duration
        nodes.append(Node(span, stem, sizes.get(span.id, 0), shut, max(end, span.start), root))
        if not shut:
            last = len(children) - 1
            for index in range(last, -1, -1):
                branch, line = ("└ ", "  ") if index == last else ("├ ", "│ ")
                todo.append((children[index], below + branch, below + line, root))
    return nodes


def _sizes(under: dict[str, list[SpanRow]]) -> dict[str, int]:
    """How many spans are under each, counted from the leaves up."""
    order: list[str] = [""]
    for id in order:
        order.extend(span.id for span in under.get(id, ()))
    sizes: dict[str, int] = {}
    for id in reversed(order):
        sizes[id] = sum(1 + sizes.get(span.id, 0) for span in under.get(id, ()))
    return sizes

"""Spans: the stretches of a session as a tree, in the order in which a waterfall shows them."""

from __future__ import annotations

from collections.abc import Container, Sequence
from operator import attrgetter

import msgspec

from agentflow.telemetry.snapshot import SpanRow


class Node(msgspec.Struct, frozen=True, gc=False):
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
    for span in sorted(spans, key=_PLACE):
        parent = span.parent
        if parent not in known or parent == span.id:
            parent = ""
        siblings = under.get(parent)
        if siblings is None:
            under[parent] = [span]
        else:
            siblings.append(span)
    for siblings in under.values():
        if len(siblings) > 1 and any(span.kind == "queued" for span in siblings[1:]):
            # What begins at once with its siblings and is no work stands before them.
            siblings.sort(key=lambda span: (span.start, span.kind != "queued"))
    sizes = _sizes(under)
    nodes: list[Node] = []
    todo = [(span, "", "", span) for span in reversed(under.get("", []))]
    while todo:
        span, stem, below, root = todo.pop()
        start, duration = span.start, span.duration
        end = now if duration < 0 else start + duration
        children = under.get(span.id)
        if children is None:
            nodes.append(Node(span, stem, 0, False, end if end > start else start, root))
            continue
        shut = span.id in folded
        nodes.append(Node(span, stem, sizes[span.id], shut, max(end, start), root))
        if not shut:
            last = len(children) - 1
            for index in range(last, -1, -1):
                branch, line = ("└ ", "  ") if index == last else ("├ ", "│ ")
                todo.append((children[index], below + branch, below + line, root))
    return nodes


_PLACE = attrgetter("start")


def _sizes(under: dict[str, list[SpanRow]]) -> dict[str, int]:
    """How many spans are under each that has any, counted from the leaves up."""
    order: list[str] = [""] if "" in under else []
    for id in order:
        order.extend([span.id for span in under[id] if span.id in under])
    sizes: dict[str, int] = {}
    for id in reversed(order):
        inside = under[id]
        sizes[id] = len(inside) + sum([sizes[span.id] for span in inside if span.id in sizes])
    return sizes

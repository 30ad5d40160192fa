"""Sides: a session's report as rows, the recorded run at the left and the new one at the right.

Works on the plain data that ``agentflow.whatif.as_data`` makes, wherever it has come from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agentflow_console.text import crop, fit, safe

EVENT, STEP, ENDING = "event", "step", "ending"
GLYPHS = {"ok": "✓", "failed": "✗", "missing": "?"}
_AGENT, _DURATION = 14, 8


@dataclass(frozen=True, slots=True)
class Side:
    """One half of a row. ``status`` is ok, failed, missing or "" (nothing there)."""

    text: str
    status: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class SideRow:
    """Two halves that stand for the same thing. ``mark`` is ▶ where the two part first, ≠
    where they part after that, and "" elsewhere; ``part`` is how, in words, if they do.
    """

    kind: str
    path: str
    left: Side
    right: Side
    mark: str = ""
    part: Mapping[str, Any] | None = None


NOTHING = Side("—")


def rows_of(report: Mapping[str, Any]) -> list[SideRow]:
    """The rows of a session's report."""
    rows: list[SideRow] = []
    first = True
    for pair in report["events"]:
        for row in _rows(pair):
            if row.part is not None:
                mark, first = ("▶" if first else "≠"), False
                row = SideRow(row.kind, row.path, row.left, row.right, mark, row.part)
            rows.append(row)
    return rows


def _rows(pair: Mapping[str, Any]) -> Iterator[SideRow]:
    path = safe(pair["path"])
    parts = list(pair["parts"])
    was, now = pair["recorded"], pair["new"]
    of_event = [part for part in parts if part["step"] == 0 and part["kind"] == "event"]
    at_end = [part for part in parts if part["step"] == 0 and part["kind"] != "event"]
    yield SideRow(EVENT, path, _event(was), _event(now), part=next(iter(of_event), None))
    groups = (was or {}).get("steps", []), (now or {}).get("steps", [])
    for number in range(max(map(len, groups))):
        left = groups[0][number] if number < len(groups[0]) else []
        right = groups[1][number] if number < len(groups[1]) else []
        here = [part for part in parts if part["step"] == number + 1]
        for place in range(max(len(left), len(right))):
            one = left[place] if place < len(left) else None
            other = right[place] if place < len(right) else None
            part = _part_of(here, one, other, place)
            yield SideRow(
                STEP, path, _step(one, number, len(left)), _step(other, number, len(right)),
                part=part,
            )  # fmt: skip
    if was or now:
        yield SideRow(ENDING, path, _ending(was), _ending(now), part=next(iter(at_end), None))


def _part_of(
    parts: list[Mapping[str, Any]], one: Any, other: Any, place: int
) -> Mapping[str, Any] | None:
    """The divergence of a row: that of its agent, or of its whole group on the first row."""
    for part in parts:
        if not part["agent"]:
            if place == 0:
                return part
        elif part["agent"] in ((one or {}).get("agent"), (other or {}).get("agent")):
            return part
    return None


def _event(trace: Mapping[str, Any] | None) -> Side:
    if trace is None:
        return Side("— no such event —", "missing")
    return Side(f"{safe(trace['target']) or '(nobody)'} · {safe(trace['mode']) or 'not begun'}")


def _step(step: Mapping[str, Any] | None, number: int, together: int) -> Side:
    if step is None:
        return NOTHING
    status = "failed" if step["error"] else "ok"
    if step["source"] == "missing":
        status = "missing"
    lines = "‖" if together > 1 else " "
    tries = f" ×{step['attempts']}" if step["attempts"] > 1 else ""
    text = (
        f"{number + 1:>2} {lines} {GLYPHS[status]} {fit(safe(step['agent']), _AGENT)} "
        f"{fit(duration(step['seconds']), _DURATION, '>')}{tries}"
    )
    if step["error"]:
        text += f"  {safe(step['error'])}"
    return Side(text, status, step["source"])


def _ending(trace: Mapping[str, Any] | None) -> Side:
    if trace is None:
        return NOTHING
    status = "failed" if trace["error"] else "ok"
    text = f"   {GLYPHS[status]} {trace['outcome']} in {duration(trace['seconds'])}"
    return Side(f"{text}  {safe(trace['error'])}".rstrip(), status)


def duration(seconds: float) -> str:
    """``0``, ``12 ms``, ``3.4 s``, ``2 min``."""
    if seconds >= 120:
        return f"{seconds / 60:.0f} min"
    if seconds >= 1:
        return f"{seconds:.1f} s"
    if seconds < 0.00005:
        return "0 ms"
    return f"{seconds * 1000:.{0 if seconds >= 0.01 else 1}f} ms"


def half(side: Side, cells: int, *, source: bool) -> str:
    """One half in exactly ``cells`` cells; ``source`` puts where its output is from at the end."""
    word = f" {side.source}" if source and side.source else ""
    return fit(crop(side.text, cells - len(word)), cells - len(word)) + word


def part_words(part: Mapping[str, Any]) -> str:
    """How the two part, in a few words: a heading for the two sides of it."""
    heads = {
        "event": "another event",
        "agents": "other agents",
        "input": "{agent} is given something else",
        "outcome": "{agent} ends otherwise",
        "output": "{agent} answers something else",
        "attempts": "{agent} is tried another number of times",
        "state": "the event ends otherwise",
        "unknown": "it can't be told what {agent} would do",
    }
    return heads[part["kind"]].replace("{agent}", safe(part["agent"]) or "an agent")


def further_parts(report: Mapping[str, Any], path: str) -> list[Mapping[str, Any]]:
    """Where the two part in an event, besides the place where the session parts first."""
    found: list[Mapping[str, Any]] = []
    for pair in report["events"]:
        if pair["path"] == path:
            found += pair["parts"]
    first = report["first"]
    return found[1:] if first is not None and first["path"] == path else found

"""Lines: a what-if report as text, in the width that there is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agentflow_console.text import crop, fit, safe, wrap
from agentflow_console.whatif.sides import (
    ENDING,
    EVENT,
    SideRow,
    duration,
    further_parts,
    half,
    part_words,
    rows_of,
)

SIDE_BY_SIDE = 100
"""Cells from which the two runs stand side by side."""
_MOST_ROWS = 24
_WORDS = {"same": "the same", "parted": "they part", "unknown": "can't be told"}


def summary_lines(summary: Mapping[str, Any], cells: int) -> Iterator[str]:
    """The totals over all sessions, recorded and new."""
    was, now = summary["recorded"], summary["new"]
    sessions = summary["sessions"]
    yield (
        f"{sessions:,} session{'' if sessions == 1 else 's'}: {summary['same']:,} the same, "
        f"{summary['parted']:,} part, {summary['unknown']:,} can't be told"
    )
    yield ""
    yield f"{'':16}{'recorded':>12}{'what if':>12}"
    for word in ("events", "succeeded", "dead", "runs"):
        name = "agent runs" if word == "runs" else word
        yield f"{name:16}{was[word]:>12,}{now[word]:>12,}"
    yield f"{'time in agents':16}{duration(was['seconds']):>12}{duration(now['seconds']):>12}"
    agents = [*was["agents"], *(name for name in now["agents"] if name not in was["agents"])]
    for name in agents:
        counts = was["agents"].get(name, 0), now["agents"].get(name, 0)
        if counts[0] != counts[1]:
            yield f"  {fit(safe(name), 14)}{counts[0]:>12,}{counts[1]:>12,}"
    sources = ", ".join(
        f"{count:,} {safe(name) or 'of no handler'}" for name, count in now["sources"].items()
    )
    yield f"outputs: {sources or 'none'}"
    for note in summary["notes"]:
        yield from wrap(f"note: {safe(note)}", cells)


def session_line(report: Mapping[str, Any], cells: int) -> str:
    """One session in one line."""
    words = f"{_WORDS[report['verdict']]}"
    first = report["first"]
    if first is not None:
        words += f" at {safe(first['path'])}: {part_words(first)}"
    return crop(f"{fit(safe(report['session']), 24)} {words}", cells)


def divergence_lines(report: Mapping[str, Any], cells: int) -> Iterator[str]:
    """The event in which a session parts first, side by side, with the place marked."""
    first = report["first"]
    yield crop(
        f"first divergence: session {safe(report['session'])}, event {safe(first['path'])} "
        f"to {safe(first['target'])}, " + (f"step {first['step']}" if first["step"] else "itself"),
        cells,
    )
    yield from wrap(f"{part_words(first)}.", cells)
    for name, key in (("recorded", "expected"), ("what if", "came")):
        yield crop(f"  {name:9} {safe(first[key])}", cells)
    yield ""
    rows = [row for row in rows_of(report) if row.path == safe(first["path"])]
    if cells >= SIDE_BY_SIDE:
        yield from _beside(rows[:_MOST_ROWS], cells)
    else:
        yield from _above(rows[:_MOST_ROWS], cells)
    if len(rows) > _MOST_ROWS:
        yield f"… {len(rows) - _MOST_ROWS} more rows"
    for part in further_parts(report, first["path"]):
        yield crop(f"≠ {part_words(part)}", cells)
        for name, key in (("recorded", "expected"), ("what if", "came")):
            yield crop(f"  {name:9} {safe(part[key])}", cells)


def _beside(rows: list[SideRow], cells: int) -> Iterator[str]:
    column = (cells - 5) // 2
    yield f"  {fit('RECORDED', column)} │ {fit('WHAT IF', column)}".rstrip()
    for row in rows:
        left = half(row.left, column, source=False)
        right = half(row.right, column, source=True)
        yield f"{row.mark or ' '} {left} │ {right}".rstrip()


def _above(rows: list[SideRow], cells: int) -> Iterator[str]:
    for title, name in (("RECORDED", "left"), ("WHAT IF", "right")):
        yield f"  {title}"
        for row in rows:
            side = row.left if name == "left" else row.right
            if side.text != "—" or row.kind in (EVENT, ENDING):
                line = half(side, cells - 2, source=name == "right")
                yield f"{row.mark or ' '} {line}".rstrip()

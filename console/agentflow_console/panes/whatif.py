"""What-if: the sessions of a run with their verdicts, and one of them side by side."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich.style import Style

from agentflow_console.palette import Palette
from agentflow_console.panes.base import Piece
from agentflow_console.panes.columns import Column
from agentflow_console.panes.document import Lines, folded
from agentflow_console.panes.table import TablePane
from agentflow_console.text import crop, fit, safe
from agentflow_console.whatif.lines import SIDE_BY_SIDE, summary_lines
from agentflow_console.whatif.running import CANCELLED, FAILED, RUNNING, Run, Verdict
from agentflow_console.whatif.sides import (
    ENDING,
    EVENT,
    STEP,
    Side,
    SideRow,
    further_parts,
    part_words,
    rows_of,
)

if TYPE_CHECKING:
    from agentflow_console.store import Store

_WORDS = {"same": "= the same", "parted": "≠ they part", "unknown": "? can't be told"}
_MOST_CHANGES = 12
_FEW = 3  # events that are shown in full even if nothing differs


class VerdictsPane(TablePane[Verdict]):
    """One line for each session, those that part first."""

    columns = (
        Column("SESSION", 8, share=2, most=38),
        Column("VERDICT", 15),
        Column("EVENTS", 6, ">", drop=2),
        Column("DEAD", 7, ">", drop=1),
    )
    filterable = True

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.run: Run | None = None
        self._seen: object = None

    def key(self, row: Verdict) -> Hashable:
        return row.session

    def fetch(self, store: Store) -> Sequence[Verdict] | None:
        run = self.run
        seen = (run, len(run.verdicts) if run else 0, self.filter_text)
        if seen == self._seen:
            return None
        self._seen = seen
        rows = [row for row in run.verdicts if self.passes(row)] if run else []
        return sorted(rows, key=lambda row: ("parted", "unknown", "same").index(row.verdict))

    def haystack(self, row: Verdict) -> str:
        return f"{row.session} {_WORDS[row.verdict]}"

    def heading(self) -> str:
        run = self.run
        if run is None:
            return "What-if"
        if run.state == RUNNING:
            return f"What-if {run.done}/{run.events or '…'} events"
        word = {CANCELLED: ", cancelled", FAILED: ", failed"}.get(run.state, "")
        count = len(run.verdicts)
        return f"What-if {count} session{'' if count == 1 else 's'}{word}"

    def empty(self) -> str:
        run = self.run
        if run is None:
            return "Nothing was run yet.\nW asks what to run, and under which configuration."
        if run.state == RUNNING:
            return "Running…\nc cancels it."
        if run.state == CANCELLED:
            return "Cancelled before anything was known.\nW starts another run."
        return (run.error or "Nothing matches.") + "\nW starts another run."

    def cells(self, row: Verdict) -> list[Piece]:
        palette = self.palette
        styles = {"same": palette.success, "parted": palette.error, "unknown": palette.warning}
        dead = str(row.dead[0])
        if row.dead[1] != row.dead[0]:
            dead += f"→{row.dead[1]}"
        return [
            (safe(row.session, 80), palette.text),
            (_WORDS[row.verdict], styles[row.verdict]),
            (str(row.events), palette.muted),
            (dead, palette.muted),
        ]

    def copy_text(self) -> str:
        row = self.selected
        return "" if row is None else f"{row.session} {_WORDS[row.verdict]}"


def summary_pieces(run: Run, palette: Palette, cells: int) -> Lines:
    """The totals over all sessions."""
    if run.summary is None:
        words = run.error if run.state == FAILED else "The totals are known at the end."
        return folded([(" ", palette.text)], (safe(words, 600), palette.muted), cells, 1)
    return [
        [(" " + crop(line, cells - 1), palette.text)] for line in summary_lines(run.summary, cells)
    ]


def report_pieces(report: Mapping[str, Any], palette: Palette, cells: int) -> Lines:
    """One session: where the two part first, then both runs, side by side if there is room."""
    lines: Lines = [*_head(report, palette, cells), []]
    beside = cells >= SIDE_BY_SIDE - 2
    if beside:
        lines.append(_titles(palette, cells))
    brief = len(report["events"]) + report["left_out"] > _FEW
    for _, group in groupby(rows_of(report), key=lambda row: row.path):
        rows = list(group)
        if brief and all(row.part is None for row in rows):
            lines.append(_same_pieces(rows, palette, cells))
        else:
            lines.append([(crop(f" event {rows[0].path}", cells), palette.muted)])
            lines += _beside(rows, palette, cells) if beside else _above(rows, palette, cells)
            for part in further_parts(report, rows[0].path):
                lines += _part(part, palette, cells)
    if report["left_out"]:
        words = f" … {report['left_out']:,} more events: agentflow-console whatif tells of all"
        lines.append([(crop(words, cells), palette.muted)])
    return lines


def _same_pieces(rows: list[SideRow], palette: Palette, cells: int) -> list[Piece]:
    """One line for an event in which nothing differs."""
    words = f"{rows[0].right.text} · {rows[-1].right.text.strip()}"
    path = fit(f" = event {rows[0].path}", min(max(cells // 4, 16), 30))
    return [(path, palette.muted), (" " + crop(words, cells - len(path) - 1), palette.muted)]


def _head(report: Mapping[str, Any], palette: Palette, cells: int) -> Lines:
    first = report["first"]
    if first is None:
        words = (
            f" The new run does what the recorded one did, in all {len(report['events'])} events."
        )
        return [[(crop(words, cells), palette.success)]]
    place = f"step {first['step']}" if first["step"] else "the event itself"
    style = palette.warning if report["verdict"] == "unknown" else palette.error
    lines: Lines = [
        [(crop(f" First divergence: {part_words(first)}", cells), style)],
        [(crop(f" event {safe(first['path'])} to {safe(first['target'])}, {place}; "
               f"they part in {report['parts']} places", cells), palette.muted)],
    ]  # fmt: skip
    if first["changes"]:
        for change in first["changes"][:_MOST_CHANGES]:
            lines.append(_change(change, palette, cells))
        if len(first["changes"]) > _MOST_CHANGES:
            lines.append([(f" … {len(first['changes']) - _MOST_CHANGES} more", palette.muted)])
        return lines
    for name, key, look in (
        ("recorded", "expected", palette.text),
        ("what if", "came", palette.strong),
    ):
        lines += folded([(f" {name:9} ", palette.muted)], (safe(first[key], 600), look), cells, 11)
    return lines


def _part(part: Mapping[str, Any], palette: Palette, cells: int) -> Lines:
    """A further place where the two part in an event: how, and the first values that differ."""
    head = [("≠ ", palette.error), (crop(part_words(part), cells - 2), palette.muted)]
    return [head, *(_change(change, palette, cells) for change in part["changes"][:_FEW])]


def _change(change: Mapping[str, Any], palette: Palette, cells: int) -> list[Piece]:
    """One value that differs: its place, what it was, what it is."""
    width = min(max(cells // 4, 12), 32)
    room = (cells - width - 6) // 2
    old = "—" if change["kind"] == "added" else safe(_json(change["old"]), 400)
    new = "—" if change["kind"] == "removed" else safe(_json(change["new"]), 400)
    return [
        (" " + fit(safe(change["place"], 200), width), palette.muted),
        (" " + fit(old, room), palette.dead),
        (" → ", palette.muted),
        (crop(new, room), palette.success),
    ]


def _json(value: Any) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)


def _titles(palette: Palette, cells: int) -> list[Piece]:
    column = (cells - 5) // 2
    return [(f"  {fit('RECORDED', column)} │ {fit('WHAT IF', column)}", palette.heading)]


def _beside(rows: list[SideRow], palette: Palette, cells: int) -> Lines:
    column = (cells - 5) // 2
    return [
        [
            _mark(row, palette),
            *_half(row.left, row, palette, column, source=False),
            (" │ ", palette.faint),
            *_half(row.right, row, palette, column, source=True),
        ]
        for row in rows
    ]


def _above(rows: list[SideRow], palette: Palette, cells: int) -> Lines:
    lines: Lines = []
    for title, right in (("recorded", False), ("what if", True)):
        lines.append([(f"  {title}", palette.heading)])
        for row in rows:
            side = row.right if right else row.left
            if side.text == "—" and row.kind == STEP and not row.mark:
                continue
            lines.append([_mark(row, palette), *_half(side, row, palette, cells - 2, source=right)])
    return lines


def _mark(row: SideRow, palette: Palette) -> Piece:
    if row.part is not None and row.part["kind"] == "unknown":
        return (f"{row.mark} ", palette.warning)
    return (f"{row.mark or ' '} ", palette.error)


def _half(side: Side, row: SideRow, palette: Palette, cells: int, *, source: bool) -> list[Piece]:
    style: Style = {
        "ok": palette.text, "failed": palette.dead, "missing": palette.warning,
    }.get(side.status, palette.muted)  # fmt: skip
    if row.kind == ENDING and side.status == "ok":
        style = palette.success
    if row.kind == EVENT and side.status != "missing":
        style = palette.strong
    word = f" {side.source}" if source and side.source else ""
    look = {
        "rerun": palette.warning, "mock": palette.accent, "missing": palette.error,
    }.get(side.source, palette.muted)  # fmt: skip
    return [(fit(side.text, cells - len(word)), style), (word, look)]

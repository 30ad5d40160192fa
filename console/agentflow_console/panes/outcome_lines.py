"""What came out differently: an event and the same sent again, side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import SequenceMatcher
from typing import Any

from agentflow.control import EventDetail
from agentflow.telemetry.difference import Change, difference
from agentflow.telemetry.snapshot import SpanRow
from agentflow_console import show
from agentflow_console.palette import Palette
from agentflow_console.panes.base import Piece
from agentflow_console.panes.difference_lines import difference_lines, plain_lines, summary
from agentflow_console.panes.document import Lines, folded
from agentflow_console.panes.prose import fact, paragraph, section
from agentflow_console.text import fit, safe

MARKS = frozenset(
    {"parent_event", "chain_id", "hop_count", "workflow_step", "broadcast_id", "replay_of"}
)
"""Metadata that says where an event comes from, and not what it carries."""

_RUNS = 200  # that are shown
ENDED = ("succeeded", "dead")


def outcome_lines(old: EventDetail | None, new: EventDetail, palette: Palette, cells: int) -> Lines:
    """The lines of a document: outcome, what was edited, agents, children, state at the end.

    Without ``old``, which is remembered no more, what the replay did alone.
    """
    lines: Lines = []
    if old is None:
        said = "The original is remembered no more: this is what the replay did."
        lines += paragraph((said, palette.warning), palette, cells)
    if new.row.state not in ENDED:
        lines += paragraph(("The replay has not ended yet.", palette.warning), palette, cells)
    lines += _facts(old, new, palette, cells)
    if old is not None:
        edited = edits(old.event, new.event)
        lines += section(f"What was edited · {summary(edited)}", palette, cells)
        lines += difference_lines(edited, palette, cells)
    lines += _run_lines(old, new, palette, cells)
    lines += _child_lines(old, new, palette, cells)
    if old is not None:
        changes = state_changes(old, new)
        if changes is None:
            lines += section("State at the end", palette, cells)
            said = "Of one of them it was not kept, or it has not ended."
            lines += paragraph((said, palette.muted), palette, cells)
        else:
            lines += section(f"State at the end · {summary(changes)}", palette, cells)
            lines += difference_lines(changes, palette, cells)
    return lines


def edits(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """What an event carries otherwise than its original: target, session, data, metadata."""
    return difference(_content(old), _content(new))


def _content(event: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {key: text for key, text in (event.get("metadata") or {}).items()
                if key not in MARKS}  # fmt: skip
    return {
        "target": event.get("target", ""), "session": event.get("session_id", ""),
        "data": event.get("data") or {}, "metadata": metadata,
    }  # fmt: skip


def state_changes(old: EventDetail, new: EventDetail) -> list[Change] | None:
    """What is other in the state that they ended with; None if one of them is not known."""
    if old.state is None or new.state is None:
        return None
    return difference(old.state, new.state)


def runs(detail: EventDetail) -> list[SpanRow]:
    """The runs of the event itself, in the order of time."""
    found = [
        span for span in detail.spans if span.kind == "agent" and span.event_id == detail.row.id
    ]
    return sorted(found, key=lambda span: span.start)


def paired(old: list[SpanRow], new: list[SpanRow]) -> list[tuple[SpanRow | None, SpanRow | None]]:
    """The runs of both, those of the same agent beside each other where the order allows it."""
    matcher = SequenceMatcher(
        None, [run.name for run in old], [run.name for run in new], autojunk=False
    )
    pairs: list[tuple[SpanRow | None, SpanRow | None]] = []
    for kind, start, end, other_start, other_end in matcher.get_opcodes():
        if kind == "equal":
            pairs += zip(old[start:end], new[other_start:other_end], strict=True)
        else:
            pairs += [(run, None) for run in old[start:end]]
            pairs += [(None, run) for run in new[other_start:other_end]]
    return pairs


def children(detail: EventDetail) -> list[str]:
    """Whom it sent events to, sorted; an id where the event is not among its spans."""
    names = {span.event_id: span.name for span in detail.spans if span.kind == "event"}
    return sorted(names.get(child, f"event {child}") for child in detail.children)


# -- drawing ------------------------------------------------------------------------------------


def _facts(old: EventDetail | None, new: EventDetail, palette: Palette, cells: int) -> Lines:
    lines: Lines = []
    was, now = (old.row if old else None), new.row
    pairs = [
        ("Event", was and was.id, now.id),
        ("Outcome", was and show.state(was.state), show.state(now.state)),
        ("Error", was and was.error, now.error),
        ("Took", was and show.duration(was.duration), show.duration(now.duration)),
        ("Runs under", was and f"{was.mode} v{was.version}", f"{now.mode} v{now.version}"),
    ]
    for name, before, after in pairs:
        text = after if before is None or before == after else f"{before or '—'} → {after or '—'}"
        style = palette.strong if before not in (None, after) else palette.text
        lines += fact(name, (text, style), palette, cells)
    return lines


def _run_lines(old: EventDetail | None, new: EventDetail, palette: Palette, cells: int) -> Lines:
    pairs = paired(runs(old) if old else [], runs(new))
    lines = section(f"Agents · {len(pairs)}", palette, cells)
    name_cells = min(max((len(safe(_name(pair), 40)) for pair in pairs), default=8), cells // 3)
    for before, after in pairs[:_RUNS]:
        sign, style = _sign(old, before, after, palette)
        told = [_told(run) for run in (before, after) if run is not None]
        text = " → ".join(told) if len(set(told)) > 1 else told[0]
        error = (after or before).error if (after or before) is not None else ""  # type: ignore[union-attr]
        start: list[Piece] = [
            (f" {sign} ", style), (fit(safe(_name((before, after)), 40), name_cells), palette.text),
            ("  ", palette.text),
        ]  # fmt: skip
        lines += folded(start, (safe(f"{text}  {error}".rstrip(), 400), style), cells - 1,
                        name_cells + 5)  # fmt: skip
    if len(pairs) > _RUNS:
        lines.append([(f" … {len(pairs) - _RUNS} more runs", palette.muted)])
    return lines


def _name(pair: tuple[SpanRow | None, SpanRow | None]) -> str:
    run = pair[0] or pair[1]
    return run.name if run is not None else ""


def _sign(
    old: EventDetail | None, before: SpanRow | None, after: SpanRow | None, palette: Palette
) -> tuple[str, Any]:
    if old is None:
        return " ", palette.text
    if before is None:
        return "+", palette.success
    if after is None:
        return "-", palette.error
    same = (before.status, before.error, before.detail) == (after.status, after.error, after.detail)
    return (" ", palette.muted) if same else ("~", palette.warning)


def _told(run: SpanRow) -> str:
    return " ".join(
        part for part in (show.state(run.status), show.duration(run.duration), run.detail) if part
    )


def _child_lines(old: EventDetail | None, new: EventDetail, palette: Palette, cells: int) -> Lines:
    after = children(new)
    if old is None:
        lines = section(f"Events it caused · {len(after)}", palette, cells)
        for name in after[:_RUNS]:
            lines.append([(f"   {safe(name, 80)}", palette.text)])
        return lines
    before = children(old)
    gone, came = _left(before, after), _left(after, before)
    said = f"{len(before)} → {len(after)}" if len(before) != len(after) else str(len(after))
    lines = section(f"Events it caused · {said}", palette, cells)
    lines += [[(f" - {safe(name, 80)}", palette.error)] for name in gone[:_RUNS]]
    lines += [[(f" + {safe(name, 80)}", palette.success)] for name in came[:_RUNS]]
    return lines


def _left(these: list[str], others: list[str]) -> list[str]:
    """What of these is left when each of the others has taken one like itself."""
    rest = list(others)
    left = []
    for name in these:
        if name in rest:
            rest.remove(name)
        else:
            left.append(name)
    return left


def outcome_plain(old: EventDetail | None, new: EventDetail) -> str:
    """The same as text, to be copied."""
    lines = [f"event {new.row.id}: {new.row.state} {show.duration(new.row.duration)}"]
    if new.row.error:
        lines.append(new.row.error)
    if old is None:
        return "\n".join([*lines, "the original is remembered no more"])
    lines.insert(0, f"event {old.row.id}: {old.row.state} {show.duration(old.row.duration)}")
    lines += ["edited:", *plain_lines(edits(old.event, new.event)), "agents:"]
    for before, after in paired(runs(old), runs(new)):
        told = " → ".join(_told(run) for run in (before, after) if run is not None)
        lines.append(f"  {_name((before, after))}  {told}")
    changes = state_changes(old, new)
    if changes is not None:
        lines += ["state at the end:", *plain_lines(changes)]
    lines.append("events it caused: " + json.dumps([children(old), children(new)]))
    return "\n".join(lines)

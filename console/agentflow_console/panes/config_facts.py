"""What runs: the mode, who takes part, and the rules it is done by."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from agentflow.telemetry.snapshot import AgentRow, Config, VersionRow
from agentflow_console import show
from agentflow_console.palette import Palette
from agentflow_console.panes.document import Lines
from agentflow_console.panes.prose import fact, paragraph, section, values
from agentflow_console.text import safe

_POLICIES = (
    ("Timeout", "orchestration", "timeout_seconds", "{} s"),
    ("At once", "orchestration", "max_concurrency", "{} agents"),
    ("Fails at", "orchestration", "failure_threshold", "{} of the agents failed"),
    ("Iterations", "orchestration", "max_iterations", "{} at most"),
    ("Retry", "error_routing", "retry", "{}"),
    ("Breaker", "error_routing", "circuit_breaker", "{}"),
    ("Queue", "runtime", "queue_size", "{} events at most"),
    ("Ordering", "runtime", "ordering", "{}"),
)
_PLACES = ("collaborative", "sequential", "loop", "others")


def config_lines(config: Config, agents: Sequence[AgentRow], palette: Palette, cells: int) -> Lines:
    """The configuration that runs, in a few facts."""
    refused = config.status != "ok"
    state = ("✗ refused: the version before runs on", palette.error) if refused else (
        "✓ what is in the file runs", palette.success
    )  # fmt: skip
    lines: Lines = [
        [
            (f" v{config.version} ", palette.running),
            (safe(config.name, 60), palette.strong),
            (f" · mode {safe(config.mode, 30)}", palette.text),
        ]
    ]
    lines += fact("File", config.path or "none: the plan was made in code", palette, cells)
    lines += fact("On disk", state, palette, cells)
    lines += section("Who takes part", palette, cells)
    lines += _parts(config, agents, palette, cells)
    policies = _policies(config, palette, cells)
    if policies:
        lines += [*section("Rules in the file", palette, cells), *policies]
    return lines


def _parts(config: Config, agents: Sequence[AgentRow], palette: Palette, cells: int) -> Lines:
    if not agents:
        return paragraph(("no agents yet", palette.muted), palette, cells)
    groups: dict[str, list[str]] = {}
    for row in sorted(agents, key=_step):
        groups.setdefault(row.place.partition(" ")[0] or "others", []).append(row.name)
    parts: dict[str, str] = {}
    for place, names in sorted(groups.items(), key=lambda group: _rank(group[0])):
        shown = " → ".join(names) if place == "sequential" else ", ".join(names)
        if len(names) > 40:
            shown = f"{', '.join(names[:40])} and {len(names) - 40} more"
        parts[place] = shown
    return values(parts, palette, cells)


def _step(row: AgentRow) -> int:
    """The place in the sequence; agents of other places keep their order."""
    number = row.place.rpartition(" ")[2]
    return int(number) if number.isdecimal() else 0


def _rank(place: str) -> int:
    return _PLACES.index(place) if place in _PLACES else len(_PLACES)


def _policies(config: Config, palette: Palette, cells: int) -> Lines:
    """What the file says about failing and waiting; nothing if it can't be read."""
    try:
        table = tomllib.loads(config.text)
    except tomllib.TOMLDecodeError:
        return []
    lines: Lines = []
    for name, group, key, said in _POLICIES:
        section_ = table.get(group)
        value = section_.get(key) if isinstance(section_, Mapping) else None
        if value is not None:
            lines += fact(name, said.format(_written(value)), palette, cells)
    return lines


def _written(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return str(value)


def version_lines(row: VersionRow, running: int, palette: Palette, cells: int) -> Lines:
    """One version, and what it changed."""
    name = f"v{row.number}" if row.number else "refused"
    runs = ", runs now" if row.number and row.number == running else ""
    lines: Lines = [
        [(f" {name}{runs}", palette.running if runs else palette.strong),
         (f"  {safe(row.cause, 60)} at {show.clock_short(row.time)}", palette.muted)]
    ]  # fmt: skip
    lines += paragraph(row.summary, palette, cells)
    for difference in row.differences:
        added, removed = difference.endswith("added"), difference.endswith("removed")
        style = palette.success if added else palette.error if removed else palette.text
        mark = "+" if added else "-" if removed else "~"
        lines += paragraph((f"{mark} {difference}", style), palette, cells)
    if not row.differences:
        lines += paragraph(("no differences were kept", palette.muted), palette, cells)
    if row.number and not runs:
        lines += [[], [(" ↵ rolls back to it", palette.muted)]]
    return lines

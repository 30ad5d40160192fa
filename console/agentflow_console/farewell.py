"""Farewell: what is to be said about the work when it stops, and when it has stopped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agentflow_console.journals import shown
from agentflow_console.text import safe, width

if TYPE_CHECKING:
    from agentflow.telemetry.snapshot import Blocked, Counts
    from agentflow_console.link.protocol import Link


def lines(link: Link) -> list[str]:
    """What to know when the link has been closed: why it ended, and what is left where."""
    said = [link.reason] if link.reason else []
    if link.owned and link.started and link.left is None:
        if not link.journal:
            said.append("what was not finished is lost: there is no journal")
        elif shown(link.journal) not in link.reason:
            said.append(f"what was not finished waits in {shown(link.journal)} for the next start")
    elif left := left_sentence(link.left, link.journal):
        said.append(left)
    return said


def left_sentence(left: int | None, journal: str) -> str:
    """Where the events are that were not finished; '' if there are none, or nobody knows."""
    if not left:
        return ""
    events, wait = ("1 event", "waits") if left == 1 else (f"{left:,} events", "wait")
    if journal:
        return f"{events} {wait} in {shown(journal)} for the next start"
    return f"{events} not finished and lost: there is no journal"


def progress(counts: Counts, agents: Sequence[str], seconds: float) -> list[str]:
    """How far a drain is, from the longest way to say it to the shortest.

    ``agents`` are those that are running, ``seconds`` how long it may take yet, 0 if
    nobody knows.
    """
    parts = [
        f"{number:,} {word}"
        for number, word in ((counts.queued, "queued"), (counts.running, "running"))
        if number
    ]
    doing = ", ".join(parts) or "all is done"
    at = f" at {', '.join(safe(name, 40) for name in agents)}" if agents and counts.running else ""
    held = f", {counts.held:,} held" if counts.held else ""
    within = _within(seconds)
    left = f"{counts.queued + counts.running:,} left"
    return [
        f"Stopping: {doing}{at}{held}{within}",
        f"Stopping: {doing}{held}{within}",
        f"Stopping: {doing}{within}",
        f"Stopping: {left}, {seconds:.0f} s" if seconds else f"Stopping: {left}",
    ]


def blocked_progress(blocked: Blocked, now: float, seconds: float) -> list[str]:
    """The same of a drain that does not go on, because code keeps the engine's loop."""
    who, within = safe(blocked.agent, 40) or "code", _within(seconds)
    since = f"{max(now - blocked.since, 0):.0f} s"
    return [
        f"Stopping: {who} blocks the engine for {since} at {safe(blocked.where, 120)}{within}",
        f"Stopping: {who} blocks the engine for {since}{within}",
        f"Stopping: {who} blocks the engine{within}",
        f"Stopping: {who} blocks the engine",
    ]


def _within(seconds: float) -> str:
    return f"; {seconds:.0f} s left" if seconds else ""


def second_quit(key: str, journal: str) -> list[str]:
    """What one more ``key`` would do, from the longest way to say it to the shortest."""
    if journal:
        return [
            f"{key} again: stop now, what is left stays in the journal",
            f"{key}: stop now, rest stays in journal",
            f"{key}: stop now",
        ]
    return [f"{key} again: stop now, what is left is lost", f"{key}: stop now, the rest is lost"]


def fitting(lefts: Sequence[str], rights: Sequence[str], cells: int) -> tuple[str, str]:
    """The two that stand side by side in so many cells and are shortened the least."""
    pairs = (
        (max(i, j), i + j, left, right)
        for i, left in enumerate(lefts)
        for j, right in enumerate(rights)
        if width(left) + width(right) + 2 <= cells
    )
    *_, left, right = min(pairs, default=(0, 0, lefts[-1], rights[-1]))
    return left, right

"""Checks of what lies on disk: the journal, and the room there is for it."""

from __future__ import annotations

from agentflow.durations import format_duration
from agentflow.telemetry.health.checks import Minute, graded, percent, size
from agentflow.telemetry.health.report import CRITICAL, DEGRADED, OK, Check, JournalFigures

ACK_DEGRADED = 0.25  # seconds, p99
COMMIT_DEGRADED = 1.0  # seconds
HANGS_DEGRADED, HANGS_CRITICAL = 3, 15  # seconds in a row
PENDING_DEGRADED = 10_000  # records
SIZE_DEGRADED = 0.9  # of the most it may have
DISK_DEGRADED, DISK_CRITICAL = 1e9, 1e8  # bytes that are free
DAMAGE_SHOWN = 600.0
"""Seconds from the start during which damage that was found then counts."""

_MEANING = "What was accepted is on disk, and comes back after a crash."


def journal(minute: Minute, uptime: float) -> Check:
    """Whether what is accepted gets on disk, and how fast. ``uptime`` is in seconds."""
    figures = minute[-1].journal
    if figures is None:
        return Check("journal", OK, "off", "what is open is lost when the process dies", 0.0, "s",
                     _MEANING, "")  # fmt: skip
    full = figures.size / figures.most if figures.most else 0.0
    status, value, advice = OK, "ok", ""
    detail = f"{figures.commits:,.0f} commits/s, p99 {format_duration(figures.ack_p99)}"
    if figures.state != "ok":
        status, value, detail = CRITICAL, figures.state, figures.reason
        advice = (
            "Nothing is accepted: make room on the disk, or raise journal.max_size."
            if figures.state == "full"
            else "Nothing is accepted and events are held: see to the disk, then start again."
        )
    elif figures.damage and uptime < DAMAGE_SHOWN:
        status, value, detail = DEGRADED, "damaged", figures.damage[0]
        advice = "The file was repaired and its damaged part set aside: look what is missing."
    elif (seconds := hanging(minute)) >= HANGS_DEGRADED:
        status, value = graded(seconds, HANGS_DEGRADED, HANGS_CRITICAL), f"hangs for {seconds} s"
        detail = f"{figures.pending:,} records wait to be written"
        advice = "The disk doesn't answer: see whether it is still there, and what it is busy with."
    elif full >= SIZE_DEGRADED:
        status, value = DEGRADED, f"{percent(full)} full"
        detail = f"{size(figures.size)} of {size(figures.most)}"
        advice = "At its limit it accepts nothing: lower journal.retention or raise max_size."
    elif figures.commits and (
        figures.last_commit >= COMMIT_DEGRADED or figures.ack_p99 >= ACK_DEGRADED
    ):
        status, value = DEGRADED, "slow"
        advice = "The disk is slow: see what else writes to it, or move journal.path."
    elif figures.pending >= PENDING_DEGRADED:
        status, value = DEGRADED, f"{figures.pending:,} behind"
        advice = "The disk can't keep up with what comes in: have less come in."
    return Check("journal", status, value, detail, round(figures.ack_p99, 6), "s", _MEANING, advice)


def hanging(minute: Minute) -> int:
    """For how many seconds nothing has been written though something waits for it."""
    seconds = 0
    for facts in reversed(minute):
        figures = facts.journal
        if figures is None or figures.commits or not figures.pending:
            break
        seconds += 1
    return seconds


def disk(figures: JournalFigures) -> Check:
    """How much room the disk has on which the journal is."""
    status = graded(-figures.free, -DISK_DEGRADED, -DISK_CRITICAL)
    return Check(
        "disk", status, f"{size(figures.free)} free", "where the journal is", figures.free,
        "bytes", "Room on the disk: without any, nothing is accepted.",
        "Make room, or lower journal.retention." if status != OK else "",
    )  # fmt: skip

"""Checks: from the facts to a verdict on each part of the system.

Each is a function of the last minute's facts, oldest first. The limits stand at the top.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from agentflow.durations import format_duration
from agentflow.telemetry.health.facts import Facts
from agentflow.telemetry.health.report import CRITICAL, DEGRADED, OK, Check

Minute = Sequence[Facts]
"""The facts of the last minute, one a second, oldest first; never empty."""

QUEUE_DEGRADED = 0.8
LAG_DEGRADED, LAG_CRITICAL = 0.25, 2.0
ERRORS_DEGRADED, ERRORS_CRITICAL = 0.05, 0.25
ERRORS_AT_LEAST = 3
RETRIES_DEGRADED, RETRIES_CRITICAL = 0.2, 1.0
RETRIES_AT_LEAST = 5
THREADS_DEGRADED, THREADS_CRITICAL = 3, 30  # seconds in a row
MEMORY_DEGRADED, MEMORY_CRITICAL = 0.8, 0.92
LAG_WINDOW = 10


def queue(minute: Minute) -> Check:
    """How full the queue is, and whether anything was refused."""
    now = minute[-1]
    waiting = max(now.queued, now.held)
    share = waiting / max(now.queue_size, 1)
    refused = now.refused - minute[0].refused
    status = CRITICAL if refused > 0 else DEGRADED if share >= QUEUE_DEGRADED else OK
    value = f"{share * 100:.0f} % full"
    detail = f"{waiting:,} of {now.queue_size:,} wait"
    if now.queued and not now.all_paused:
        detail += f", the oldest for {format_duration(now.oldest)}"
    if refused > 0:
        value = f"full, {refused:,} refused"
        detail += "; refused in the last minute"
    if now.held > now.queued:
        advice = "Paused agents' events fill it: resume the agents."
    else:
        advice = (
            "More comes in than gets done: raise runtime.max_concurrent_events, "
            "or have less come in."
        )
    return Check(
        "queue", status, value, detail, round(share * 100, 1), "%",
        "Events that wait, of those that may. A full queue makes senders wait and refuses.",
        advice if status != OK else "",
    )  # fmt: skip


def loop_lag(minute: Minute) -> Check:
    """How late the loop was at the worst."""
    worst = max(facts.lag for facts in minute[-LAG_WINDOW:])
    return Check(
        "loop lag", graded(worst, LAG_DEGRADED, LAG_CRITICAL), format_duration(worst),
        f"at the worst, in the last {LAG_WINDOW} s", round(worst, 6), "s",
        "By how much the engine's loop is late. While it is, nothing starts and nothing ends.",
        "A handler computes, or waits without await, on the loop: make it a plain function, "
        "which runs in a thread." if worst >= LAG_DEGRADED else "",
    )  # fmt: skip


def errors(minute: Minute) -> Check:
    """The share of events that failed."""
    failed, ended = minute[-1].dead - minute[0].dead, minute[-1].ended - minute[0].ended
    share = failed / ended if ended > 0 else 0.0
    status = OK if failed < ERRORS_AT_LEAST else graded(share, ERRORS_DEGRADED, ERRORS_CRITICAL)
    agent = most_failing(minute) if failed else ""
    detail = f"{failed:,} of {ended:,} events in the last minute"
    if agent:
        detail += f", most of them at {agent}"
    return Check(
        "errors", status, percent(share), detail, round(share * 100, 2), "%",
        "Events that ended without success: they are dead letters.",
        f"Look at the dead letters{f' of {agent}' if agent else ''}; replay them when the "
        "cause is gone." if status != OK else "",
    )  # fmt: skip


def retries(minute: Minute) -> Check:
    """How often events had to be tried again."""
    retried = sum(facts.retried for facts in minute)
    sampled = sum(facts.sampled for facts in minute)
    share = retried / sampled if sampled else 0.0
    status = OK if retried < RETRIES_AT_LEAST else graded(share, RETRIES_DEGRADED, RETRIES_CRITICAL)
    return Check(
        "retries", status, f"{share * 100:.0f} in 100 events", "in the last minute",
        round(share * 100, 2), "%",
        "Attempts that had to be repeated: they take slots and time from others.",
        "What the agents call answers only sometimes: look at their last errors."
        if status != OK else "",
    )  # fmt: skip


def breakers(minute: Minute) -> Check:
    """Which agents are cut off because they kept failing."""
    now = minute[-1]
    found = now.breakers
    status = OK
    if found:
        status = CRITICAL if len(found) * 2 >= now.agents > 1 else DEGRADED
    detail = ", ".join(
        f"{one.agent} (next try in {format_duration(one.retry_after)})" for one in found[:3]
    )
    return Check(
        "breakers", status, f"{len(found)} open" if found else "closed", detail + rest(found),
        len(found), "",
        "Circuit breakers: an open one refuses calls of an agent that kept failing.",
        f"Look at the last error of {found[0].agent}; the breaker closes by itself once calls "
        "succeed again." if found else "",
    )  # fmt: skip


def agents(minute: Minute) -> Check:
    """Which agents don't work because somebody said so."""
    now = minute[-1]
    status, value, detail, advice = OK, f"{now.agents:,} ready", "", ""
    if now.stopped:
        status = CRITICAL if len(now.stopped) >= now.agents else DEGRADED
        value = f"{len(now.stopped)} stopped"
        first = now.stopped[0]
        detail = f"{first.agent}: {first.reason}{rest(now.stopped, 1)}"
        advice = f"When the cause is gone, resume {first.agent}: its events are held until then."
    elif now.all_paused:
        status, value, detail = DEGRADED, "all paused", f"{now.held:,} events are held"
        advice = "Resume the runner: nothing starts until then."
    elif now.paused:
        status = DEGRADED if now.held else OK
        value = f"{len(now.paused)} paused"
        detail = ", ".join(now.paused[:3]) + rest(now.paused)
        if now.held:
            detail += f", {now.held:,} events held"
            advice = f"Resume {now.paused[0]}: its events wait for that."
    return Check(
        "agents", status, value, detail, len(now.paused) + len(now.stopped), "",
        "Agents that are paused by an operator, or stopped because they failed in a loop.",
        advice,
    )  # fmt: skip


def sessions(minute: Minute) -> Check:
    """Which sessions don't get on."""
    now = minute[-1]
    found = now.stuck
    detail = ""
    if found:
        first = found[0]
        detail = f"{first.session} for {format_duration(first.age)}"
        detail += f" at {first.agent}" if first.agent else ""
        detail += rest(found, 1)
    return Check(
        "sessions", worst_of(len(found), now.slots), f"{len(found)} stuck" if found else "moving",
        detail, len(found), "",
        "Sessions whose event is open for much longer than usual: later ones wait behind it.",
        "Look at the trace of the session; a timeout for the agent would end such runs."
        if found else "",
    )  # fmt: skip


def handlers(minute: Minute) -> Check:
    """Which runs of agents last suspiciously long."""
    now = minute[-1]
    found = now.handlers
    detail = advice = ""
    if found:
        first = found[0]
        detail = f"{first.agent} for {format_duration(first.age)}{rest(found, 1)}"
        advice = f"Look at what {first.agent} waits for; give it a timeout_seconds."
        if first.deaf:
            detail += ", though it was cancelled"
            advice = f"{first.agent} ignores its cancellation: it must not swallow CancelledError."
    return Check(
        "handlers", worst_of(len(found), now.slots),
        f"{len(found)} blocked" if found else "working",
        detail, len(found), "",
        "Runs of agents that last much longer than usual: each takes a slot from others.",
        advice,
    )  # fmt: skip


def threads(minute: Minute) -> Check:
    """Whether plain handlers wait for a thread."""
    waiting = minute[-1].waiting_for_thread
    seconds = 0
    for facts in reversed(minute):
        if not facts.waiting_for_thread:
            break
        seconds += 1
    status = graded(seconds, THREADS_DEGRADED, THREADS_CRITICAL)
    value = f"{waiting:,} handlers wait" if waiting else "free"
    return Check(
        "threads", status, value, f"for {seconds} s" if status != OK else "", waiting, "",
        "Threads for handlers that are plain functions: a handler waits while all are busy.",
        "Make the slow plain handlers async, or lower runtime.max_concurrent_events."
        if status != OK else "",
    )  # fmt: skip


def memory(minute: Minute, grown: float = 0.0) -> Check:
    """How much memory the process has; ``grown`` is by how many bytes it goes on growing."""
    now = minute[-1]
    share = now.memory / now.memory_limit if now.memory_limit else 0.0
    status = graded(share, MEMORY_DEGRADED, MEMORY_CRITICAL)
    detail = f"{share * 100:.0f} % of {size(now.memory_limit)}" if share else ""
    advice = "It will be killed when there is none left: lower queue_size or trace_capacity."
    if grown:
        status = DEGRADED if status == OK else status
        detail += f", {size(grown)} more than ten minutes ago"
        advice = "It goes on growing: look for handlers that keep what they have seen."
    return Check(
        "memory", status, size(now.memory), detail, now.memory, "bytes",
        "Memory of the process that runs the agents.", advice if status != OK else "",
    )  # fmt: skip


CHECKS: tuple[Callable[[Minute], Check], ...] = (
    queue, loop_lag, errors, retries, sessions, handlers, agents, breakers, threads,
)  # fmt: skip
"""The checks that need nothing but the last minute."""


# -- words and grades ---------------------------------------------------------------------


def graded(value: float, degraded: float, critical: float) -> str:
    """The status of a value that is the worse the higher it is."""
    return CRITICAL if value >= critical else DEGRADED if value >= degraded else OK


def worst_of(number: int, slots: int) -> str:
    """The status of so many stuck things, which is critical when they take all the slots."""
    return graded(number, 1, max(slots, 2))


def most_failing(minute: Minute) -> str:
    """The agent with the most failures in this time, "" if there are none."""
    failing: Counter[str] = Counter()
    for facts in minute:
        if facts.failing:
            failing.update(facts.failing)
    return next((agent for agent, _ in failing.most_common(1)), "")


def rest(found: Sequence[object], shown: int = 3) -> str:
    """How many more there are than are shown."""
    return f" and {len(found) - shown:,} more" if len(found) > shown else ""


def percent(share: float) -> str:
    """``4 %``, with a decimal where it says something."""
    share *= 100
    return f"{share:.1f} %" if 0 < share < 9.95 else f"{share:.0f} %"


def size(number: float) -> str:
    """Bytes as ``48 MB`` or ``1.2 GB``."""
    return f"{number / 1e6:,.0f} MB" if number < 999.5e6 else f"{number / 1e9:.1f} GB"

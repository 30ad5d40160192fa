"""Rows: what the engine's objects look like as plain data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from agentflow.engine.plan import Plan
from agentflow.engine.preview import in_one_line
from agentflow.frozen import MAX_DEPTH
from agentflow.resilience import DeadLetter
from agentflow.resilience.dead_letters import describe
from agentflow.telemetry.snapshot import (
    AgentRow,
    CanaryRow,
    DeadRow,
    EventRow,
    HookRow,
    ModeRow,
    ProblemRow,
    SideRow,
    VersionRow,
)
from agentflow.telemetry.trace import bounded

if TYPE_CHECKING:
    from agentflow.config import Problem
    from agentflow.engine.execution import Execution
    from agentflow.engine.guards import Guards
    from agentflow.engine.history import Version
    from agentflow.engine.hooks import Callback
    from agentflow.engine.runner import Runner
    from agentflow.engine.stops import Stop
    from agentflow.event import Event
    from agentflow.telemetry.metrics import Meter

PREVIEW = 200


def clean(text: str) -> str:
    """``text`` with lone surrogates written out: no encoding takes them as they are."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text


def plain(value: Any, depth: int = 0) -> Any:
    """``value`` as plain data that every encoding takes: what isn't, is written out as text."""
    kind = type(value)
    if kind is str:
        return clean(value)
    if kind is int:
        return value if -(2**63) <= value < 2**64 else clean(str(bounded(value)))
    if value is None or kind is bool or kind is float:
        return value
    if depth > MAX_DEPTH:
        return "…"
    if isinstance(value, Mapping):
        return {clean(str(key)): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item, depth + 1) for item in value]
    return clean(str(bounded(value)))


def one_line(value: Mapping[str, Any]) -> str:
    """``value`` as JSON in one line of at most PREVIEW characters."""
    if not value:
        return ""
    try:
        text = msgspec.json.encode(value).decode() if len(value) <= 20 else ""
    except (TypeError, ValueError, RecursionError, OverflowError):
        text = ""
    if not text:
        text = msgspec.json.encode(plain(bounded(value))).decode()
    return text if len(text) <= PREVIEW else text[: PREVIEW - 1] + "…"


def preview(event: Event) -> str:
    """The event's data in one line; big values are cut before they are written out."""
    return one_line(event.data if event.small else bounded(event.data))


def event_row(
    execution: Execution, guards: Guards, offset: float, now: float, stop: Stop | None
) -> EventRow:
    """An execution as it stands at ``now`` (monotonic seconds), stopped at ``stop`` if that is."""
    event = execution.event
    runs = execution.runs
    status = execution.status
    at = execution.at or (runs[-1][0] if runs else "")
    if status == "running":
        running = [agent for agent, _ in execution.running_agents(guards)]
        if running:
            at = running[0] if len(running) == 1 else f"{running[0]} +{len(running) - 1}"
    if stop is not None:
        at = f"breakpoint {stop.breakpoint}"
    return EventRow(
        execution.seq,
        clean(event.id),
        clean(event.session_id),
        execution.accepted + offset,
        clean(event.source),
        clean(event.route),
        clean(at),
        execution.mode,
        status,
        (execution.ended or now) - execution.accepted,
        execution.attempt,
        event.priority if event.steered else "normal",
        execution.version,
        clean(event.parent_event),
        preview(event),
        execution.error,
    )


def agent_rows(
    plan: Plan,
    in_flight: Mapping[str, int],
    held: Mapping[str, int],
    now: float,
    offset: float,
    but: Collection[str] | None = None,
) -> list[AgentRow]:
    """Every agent of the plan, the disabled ones too, in the order of the configuration.

    With ``but`` only those that a canary has beside these.
    """
    rows = []
    for agent in plan.agents.values():
        if but is not None and agent.name in but:
            continue
        vitals, meter = agent.vitals, agent.vitals.meter
        p50, p95, p99 = meter.latency.percentiles(0.5, 0.95, 0.99)
        running = in_flight.get(agent.name, 0)
        breaker = str(vitals.breaker.state)
        if vitals.stopped:
            state = "stopped"
        elif vitals.paused:
            state = "paused"
        elif breaker == "open":
            state = "open"
        else:
            state = "running" if running else "idle"
        rows.append(
            AgentRow(
                clean(agent.name),
                clean(agent.role),
                state,
                clean(agent.code.kind),
                plan.place_of(agent.name) if but is None else "canary",
                held.get(agent.name, 0),
                running,
                meter.latency.count,
                meter.errors,
                meter.rate.read(meter.latency.count, now),
                meter.latency.mean,
                p50,
                p95,
                p99,
                meter.last_error,
                vitals.ended + offset if vitals.ended else 0.0,
                breaker,
                meter.retries,
                meter.tokens_in,
                meter.tokens_out,
            )
        )
    if but is not None:
        return rows
    for name in sorted(plan.disabled):
        settings = plan.config.agents.get(name)
        rows.append(
            AgentRow(
                name, settings.role if settings else "", "disabled", "", "", 0, 0, 0, 0, 0.0, 0.0,
                0.0, 0.0, 0.0, "", 0.0, "closed", 0, 0, 0,
            )
        )  # fmt: skip
    named = dict.fromkeys([*plan.parallel, *plan.pipeline, plan.loop_agent])
    for name in named:
        if name and name not in plan.agents and name not in plan.disabled and plan.place_of(name):
            rows.append(
                AgentRow(
                    name, "", "missing", "", plan.place_of(name), 0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0,
                    0.0, "", 0.0, "closed", 0, 0, 0,
                )
            )  # fmt: skip
    return rows


def hook_row(callback: Callback, offset: float) -> HookRow:
    """A callback and what it has done."""
    meter = callback.meter
    (p95,) = meter.latency.percentiles(0.95)
    return HookRow(
        str(callback.hook),
        clean(callback.name),
        callback.fired,
        callback.vetoed,
        meter.errors,
        p95,
        meter.last_error,
        meter.last_time + offset if meter.last_time else 0.0,
    )


def mode_row(mode: str, meter: Meter, in_flight: int, now: float) -> ModeRow:
    """A mode over all the events that ran under it."""
    latency = meter.latency
    p50, p95, p99 = latency.percentiles(0.5, 0.95, 0.99)
    rate = meter.rate.read(latency.count, now)
    return ModeRow(mode, latency.count, meter.errors, in_flight, rate, latency.mean, p50, p95, p99)


def dead_row(letter: DeadLetter) -> DeadRow:
    """A dead letter."""
    event = letter.event
    return DeadRow(
        letter.number,
        letter.time,
        clean(event.id),
        clean(event.session_id),
        clean(letter.agent),
        clean(event.route),
        letter.attempts,
        letter.config_version,
        describe(letter.error),
        preview(event),
        letter.status,
    )


def version_row(version: Version) -> VersionRow:
    """A configuration that ran."""
    return VersionRow(
        version.number,
        version.time,
        version.config.orchestration.mode,
        version.cause,
        version.summary,
        version.differences,
        version.state,
    )


def canary_row(runner: Runner) -> CanaryRow:
    """What is being tried out, beside what runs."""
    canary = runner.dispatcher.canary
    assert canary is not None
    going = Counter(
        execution.version for execution in runner.dispatcher.begun() if execution.started
    )

    def side(plan: Plan) -> SideRow:
        meter = canary.meters[plan.version]
        latency = meter.latency
        p50, p95 = latency.percentiles(0.5, 0.95)
        rate = meter.rate.read(latency.count, runner.dispatcher.now())
        return SideRow(
            plan.version, plan.mode, clean(in_one_line(plan)), latency.count, meter.errors,
            going[plan.version], rate, latency.mean, p50, p95,
        )  # fmt: skip

    return CanaryRow(
        canary.share, canary.since, len(canary.known), clean(canary.cause), side(runner.plan),
        side(canary.plan),
    )  # fmt: skip


def problem_row(problem: Problem) -> ProblemRow:
    """A problem of the file."""
    return ProblemRow(
        problem.path,
        problem.line,
        problem.column,
        problem.key,
        problem.message,
        problem.suggestion,
        problem.severity,
    )

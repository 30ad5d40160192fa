"""Hand-made rows: a small system at one fixed moment."""

from __future__ import annotations

import math

from agentflow.control import EventDetail
from agentflow.telemetry.health import Anomaly, Check, Health, JournalFigures
from agentflow.telemetry.snapshot import (
    AgentRow,
    AlertRow,
    Config,
    Counts,
    DeadRow,
    EventRow,
    HookRow,
    LogRow,
    ModeRow,
    Point,
    ProblemRow,
    Snapshot,
    SpanRow,
    VersionRow,
)
from agentflow_console.testing import StillLink

NOW = 1_800_000_000.0  # 2027-01-15 08:00:00 UTC

MODULES = ("asyncio.queues", "json.decoder", "bad_coding", "encodings.utf_16", "email.parser")


def event(seq: int, state: str = "succeeded", **fields: object) -> EventRow:
    """One event; ``fields`` replace what it would be."""
    module = MODULES[seq % len(MODULES)]
    live = state in ("queued", "running", "held", "retrying")
    values: dict[str, object] = {
        "seq": seq,
        "id": f"0190a000-0000-7000-8000-{seq:012}",
        "session": f"s-{seq % 7}",
        "time": NOW - (1000 - seq) * 0.25,
        "source": "feed",
        "target": "analyzer",
        "at": {"queued": "", "held": "", "running": "enricher"}.get(state, "publisher"),
        "mode": "mixed",
        "state": state,
        "duration": 0.002 * (seq % 90 + 1) if not live else 1.5,
        "attempt": 1,
        "priority": "normal",
        "version": 3,
        "parent": "",
        "data": f'{{"module": "{module}"}}',
        "error": "SyntaxError: bad_coding.py:1" if state == "dead" else "",
    }
    return EventRow(**{**values, **fields})  # type: ignore[arg-type]


def agent(name: str, state: str = "running", **fields: object) -> AgentRow:
    """One agent that has worked a while."""
    values: dict[str, object] = {
        "name": name,
        "role": "",
        "state": state,
        "kind": f"handlers:{name}",
        "place": "collaborative",
        "held": 0,
        "in_flight": 1,
        "count": 4123,
        "errors": 0,
        "rate": 41.0,
        "mean": 0.03,
        "p50": 0.02,
        "p95": 0.088,
        "p99": 0.2,
        "last_error": "",
        "last_time": NOW - 3,
        "breaker": "closed",
        "retries": 0,
        "tokens_in": 0,
        "tokens_out": 0,
    }
    return AgentRow(**{**values, **fields})  # type: ignore[arg-type]


def agents() -> list[AgentRow]:
    """A few agents in every state."""
    idle = {"count": 0, "rate": 0.0, "in_flight": 0, "last_time": 0.0}
    return [
        agent("analyzer", in_flight=2),
        agent("enricher", rate=102.4, p95=0.31, errors=1, last_error="ValueError: no source"),
        agent("validator", "paused", held=44, rate=0.0, in_flight=0, place="sequential 1"),
        agent("formatter", place="sequential 2", p95=0.002),
        agent("publisher", "idle", place="sequential 3", **idle),
        agent("caller", "open", breaker="open", errors=17, retries=34, rate=0.0, in_flight=0),
        agent("notifier", "disabled", place="", **idle),
    ]


def hooks() -> list[HookRow]:
    """A callback on most of the hook points."""
    return [
        HookRow("BeforeEventHandling", "require_module", 8800, 3, 0, 0.00002, "", NOW - 1),
        HookRow("AfterEventHandling", "count_modules", 8790, 0, 0, 0.00012, "", NOW - 1),
        HookRow("BeforeAgentRun", "stopwatch", 31_234, 0, 0, 0.000009, "", NOW),
        HookRow("AgentError", "remember", 23, 0, 1, 0.0001, "KeyError: 'module'", NOW - 60),
    ]


def points(count: int = 300) -> list[Point]:
    """Some minutes of waves."""
    return [
        Point(
            time=NOW - count + index,
            accepted=400.0,
            settled=400 + 80 * math.sin(index / 20),
            dead=1.0 if index % 40 == 0 else 0.0,
            queued=int(60 + 60 * math.sin(index / 33)),
            held=44 if index > count - 60 else 0,
            running=6,
            p95=0.2 + 0.1 * math.sin(index / 15),
            lag=0.004,
        )
        for index in range(count)
    ]


def log(count: int = 60) -> list[LogRow]:
    """Lines of every level."""
    levels = ("info", "stdout", "warning", "error", "debug")
    return [
        LogRow(index, NOW - 60 + index, levels[index % 5], "enricher", f"line {index} of the log")
        for index in range(1, count + 1)
    ]


def events() -> tuple[list[EventRow], list[EventRow]]:
    """Live events, newest first, and settled ones, oldest first."""
    states = ("queued", "running", "running", "held", "retrying", "running")
    live = [event(seq, states[seq % len(states)]) for seq in range(1000, 990, -1)]
    settled = [event(seq, "dead" if seq % 9 == 0 else "succeeded") for seq in range(600, 991)]
    return live, settled


def snapshot(**fields: object) -> Snapshot:
    """The whole system; ``fields`` replace what it would be."""
    live, settled = events()
    versions = [
        VersionRow(2, NOW - 900, "sequential", "start", "first version", []),
        VersionRow(3, NOW - 12, "mixed", "saved", "mode sequential → mixed", []),
    ]
    dead = [
        DeadRow(
            number=number,
            time=row.time,
            event_id=row.id,
            session=row.session,
            agent="enricher",
            target="analyzer",
            attempts=3,
            version=3,
            error=row.error,
            data=row.data,
            status="dead",
        )
        for number, row in enumerate((row for row in settled if row.state == "dead"), 1)
    ]
    values: dict[str, object] = {
        "time": NOW,
        "counts": Counts(1000, 128, 44, 7, 777, 44),
        "rate": 412.3,
        "paused": False,
        "read_only": False,
        "mode": "mixed",
        "version": 3,
        "name": "stdlib-audit",
        "live": live,
        "live_total": len(live),
        "settled": settled,
        "settled_cursor": len(settled),
        "settled_missed": 0,
        "agents": agents(),
        "hooks": hooks(),
        "modes": [ModeRow("mixed", 821, 44, 7, 412.0, 0.1, 0.08, 0.2, 0.3)],
        "points": points(),
        "log": log(),
        "log_cursor": 60,
        "log_missed": 0,
        "audit": [],
        "audit_cursor": 0,
        "dead": dead,
        "dead_revision": 1,
        "config": config(versions),
        "config_revision": 1,
        "alerts": [],
        "pid": 4242,
        "memory": 48_000_000,
        "health": health(),
    }
    return Snapshot(**{**values, **fields})  # type: ignore[arg-type]


def check(name: str, status: str = "ok", **fields: object) -> Check:
    """One check of the report."""
    values: dict[str, object] = {
        "value": "fine", "detail": "", "number": 0.0, "unit": "", "meaning": "",
        "recommendation": "" if status == "ok" else f"See to the {name}.",
    }  # fmt: skip
    return Check(name, status, **{**values, **fields})  # type: ignore[arg-type]


def journal() -> JournalFigures:
    """A journal that works well."""
    return JournalFigures(
        "/home/someone/.agentflow/agentflow.db", "power", "ok", "", 3, 41.2, 412.0, 0.004,
        0.0041, 0.0093, 12_400_000, 1_024_000_000, 51_000_000_000,
    )  # fmt: skip


def health(status: str = "ok", *anomalies: Anomaly, score: int = 100) -> Health:
    """A report; a degraded or critical one is so because of its queue."""
    queue = check("queue", value="13 % full", detail="128 of 1,000 wait, the oldest for 0.3s")
    if status != "ok":
        queue = check(
            "queue", status, value="92 % full", detail="920 of 1,000 wait, the oldest for 3.2s",
            recommendation="More comes in than gets done: raise runtime.max_concurrent_events, "
            "or have less come in.",
        )  # fmt: skip
    checks = [
        queue,
        check("loop lag", value="4ms", detail="at the worst, in the last 10 s"),
        check("errors", value="0.4 %", detail="96 of 24,000 events in the last minute, most of "
              "them at enricher"),
        check("retries", value="2 in 100 events", detail="in the last minute"),
        check("sessions", value="moving"),
        check("handlers", value="working"),
        check("agents", value="7 ready"),
        check("breakers", value="closed"),
        check("threads", value="free"),
        check("memory", value="48 MB", detail="1 % of 8.2 GB"),
        check("journal", value="ok", detail="41 commits/s, p99 9ms"),
        check("disk", value="51.0 GB free", detail="where the journal is"),
    ]  # fmt: skip
    return Health(NOW, score, status, checks, list(anomalies), journal())


SLOW = "slow events: they take 1.4s (p95) where 200ms is usual. See where the time goes."


def anomaly(kind: str = "slow events", severity: str = "degraded", **fields: object) -> Anomaly:
    """Something that has lasted for a while."""
    values: dict[str, object] = {
        "since": NOW - 80, "what": "they take 1.4s (p95) where 200ms is usual", "agent": "",
        "session": "", "recommendation": "See where the time goes.",
    }  # fmt: skip
    return Anomaly(kind, severity, **{**values, **fields})  # type: ignore[arg-type]


def troubled() -> Health:
    """A report with something of everything."""
    stuck = anomaly(
        "stuck session", since=NOW - 42, session="s-41", agent="enricher",
        what="session s-41 has been open for 42.0s at enricher, where 300ms (p99) is usual",
        recommendation="Look at its trace; a timeout for the agent would end such runs.",
    )  # fmt: skip
    spike = anomaly(
        "rate spike", "notice", since=NOW - 12,
        what="500 events/s come in where 100/s are usual",
        recommendation="See on the Events screen who sends them.",
    )  # fmt: skip
    return health("degraded", anomaly(), stuck, spike, score=57)


def config(versions: list[VersionRow] | None = None, problem: str = "") -> Config:
    """The configuration that runs; ``problem`` makes the file on disk a refused one."""
    path = "/home/someone/agentflow.toml"
    problems = [ProblemRow(path, 14, 8, "orchestration.mode", problem, "mixed", "error")]
    return Config(
        "stdlib-audit", path, 3, "mixed", "", versions or [],
        problems if problem else [], "refused" if problem else "ok",
    )  # fmt: skip


def detail(row: EventRow, **data: object) -> EventDetail:
    """An event in full, with spans."""
    start = row.time

    def span(id: str, parent: str, kind: str, name: str, at: float, took: float, status: str):  # type: ignore[no-untyped-def]
        return SpanRow(id, parent, row.id, kind, name, start + at, took, status, "", "")

    spans = [
        span("1", "", "event", "analyzer", 0, 0.412, "ok"),
        span("2", "1", "orchestrate", "mixed", 0.001, 0.41, "ok"),
        span("3", "2", "agent", "analyzer", 0.002, 0.088, "ok"),
        span("4", "2", "agent", "enricher", 0.002, 0.31, "failed"),
        span("5", "2", "agent", "publisher", 0.32, -1, "running"),
    ]
    return EventDetail(
        row=row,
        event={
            "id": row.id,
            "target": row.target,
            "data": data or {"module": "json.decoder", "lines": 412, "imports": ["re", "sys"]},
            "metadata": {"priority": "normal", "session_id": row.session},
        },
        state={"size": 412, "grade": "B"},
        meta={"partial": "true"},
        error_trace='Traceback (most recent call last):\n  File "handlers.py", line 12, in parse',
        children=["0190a000-child"],
        spans=spans,
    )


def alert_rules() -> list[AlertRow]:
    """A rule in each state."""
    return [
        AlertRow("slow analyzer", "warning", "agent.analyzer.p95", "above 500ms for 30s", "firing",
                 NOW - 42, "612ms", 1, True,
                 "slow analyzer: agent.analyzer.p95 612ms, above 500ms for 30s, since 07:59:18"),
        AlertRow("backlog", "critical", "queue", "above 500 for 10s", "pending", NOW - 4, "612",
                 0, False, ""),
        AlertRow("publisher fails", "warning", "state:dead agent:publisher", "5 within 1m", "ok",
                 0.0, "2", 0, True, ""),
        AlertRow("journal slow", "info", "journal.ack_p99", "above 50ms", "ok", NOW - 600,
                 "9ms", 4, False, ""),
    ]  # fmt: skip


def link(**fields: object) -> StillLink:
    """A link to that system, which knows every event in full."""
    whole = snapshot(**fields)
    still = StillLink(whole)
    still.details = {row.id: detail(row) for row in [*whole.live, *whole.settled]}
    return still

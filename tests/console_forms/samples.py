"""Samples: one small system, dressed up as rows; fixed clock and ids."""

from __future__ import annotations

from agentflow.control import DeadDetail, EventDetail
from agentflow.telemetry.snapshot import (
    AgentRow,
    AuditRow,
    Config,
    Counts,
    DeadRow,
    EventRow,
    ProblemRow,
    SessionRow,
    SpanRow,
    VersionRow,
)
from agentflow_console.testing import StillLink

NOW = 1_763_726_671.0

NAMES = ("analyzer", "enricher", "validator", "synthesizer", "formatter", "publisher")
PLACES = ("collaborative", "collaborative", "collaborative", "sequential 1", "sequential 2",
          "sequential 3")  # fmt: skip

TOML = """\
[agent_flow]
name = "stdlib-audit"

[orchestration]
mode = "mixed"
collaborative_agents = ["analyzer", "enricher", "validator"]
sequential_agents = ["synthesizer", "formatter", "publisher"]
timeout_seconds = 30
max_concurency = 10

[agents.analyzer]
role = "measures a module"
handler = "handlers:analyze"
timeout = "10 s"

[agents.enricher]
role = "adds what others know"
handler = "handlers:enrich"
"""


def agent(name: str, place: str, state: str = "idle") -> AgentRow:
    """An agent that has done some work."""
    return AgentRow(
        name, f"the {name}", state, f"handlers:{name}", place, 0, 0, 40, 1, 4.1, 0.02, 0.018,
        0.088, 0.2, "", NOW, "closed", 0, 0, 0,
    )  # fmt: skip


def dead(number: int, agent: str, error: str, status: str = "dead") -> DeadRow:
    """A dead letter."""
    return DeadRow(
        number, NOW - 60 + number, f"0193-{number:04}", f"s-{number}", agent, agent, 3, 2, error,
        '{"module": "bad_coding"}', status,
    )  # fmt: skip


def dead_detail(row: DeadRow) -> DeadDetail:
    """The same in full."""
    event = {
        "id": row.event_id,
        "timestamp": "2025-11-21T12:04:31+00:00",
        "target": row.target,
        "source": "feed",
        "session_id": row.session,
        "data": {"module": "bad_coding", "path": "lib/test/bad_coding.py", "size": 412},
        "metadata": {"priority": "high", "origin": "feed"},
    }
    trace = (
        "Traceback (most recent call last):\n"
        '  File "handlers.py", line 31, in analyze\n'
        "    tree = ast.parse(source)\n"
        f"{row.error}\n"
    )
    return DeadDetail(row, event, row.error, trace)


SPANS = [
    SpanRow("1", "", "e1", "event", "analyzer", NOW, 0.412, "failed", "", ""),
    SpanRow("2", "1", "e1", "queued", "queued", NOW, 0.012, "ok", "", ""),
    SpanRow("3", "1", "e1", "orchestrate", "mixed", NOW + 0.012, 0.4, "failed", "", ""),
    SpanRow("4", "3", "e1", "agent", "analyzer", NOW + 0.012, 0.088, "ok", "", ""),
    SpanRow("5", "4", "e1", "attempt", "attempt 1", NOW + 0.012, 0.088, "ok", "", ""),
    SpanRow("6", "3", "e1", "agent", "enricher", NOW + 0.012, 0.31, "failed",
            "ValueError: no such module", ""),
    SpanRow("7", "6", "e1", "attempt", "attempt 1", NOW + 0.012, 0.1, "failed",
            "ValueError: no such module", ""),
    SpanRow("8", "6", "e1", "retrying", "back-off", NOW + 0.112, 0.1, "retrying", "", ""),
    SpanRow("9", "6", "e1", "attempt", "attempt 2", NOW + 0.212, 0.11, "failed",
            "ValueError: no such module", ""),
    SpanRow("10", "3", "e1", "held", "validator", NOW + 0.012, -1, "held", "", ""),
    SpanRow("11", "3", "e1", "agent", "synthesizer", NOW + 0.33, -1, "running", "", ""),
]  # fmt: skip


def config(*, refused: bool = False) -> Config:
    """Three versions, the third one runs; the file on disk is broken if ``refused``."""
    versions = [
        VersionRow(1, NOW - 600, "route", "start", "started", []),
        VersionRow(2, NOW - 300, "sequential", "saved", "mode route → sequential",
                   ["orchestration.mode: route → sequential",
                    "agents.publisher: added"]),
        VersionRow(3, NOW - 60, "mixed", "saved", "mode sequential → mixed",
                   ["orchestration.mode: sequential → mixed",
                    "orchestration.collaborative_agents: added"]),
    ]  # fmt: skip
    problems = [
        ProblemRow("agentflow.toml", 9, 1, "orchestration.max_concurency", "unknown key",
                   "did you mean 'max_concurrency'?", "error"),
        ProblemRow("agentflow.toml", 14, 11, "agents.analyzer.timeout",
                   "a duration like 30s is expected", "", "error"),
    ]  # fmt: skip
    if refused:
        versions.append(VersionRow(0, NOW - 5, "mixed", "saved", "refused: 2 problems", []))
    return Config(
        "stdlib-audit", "agentflow.toml", 3, "mixed", TOML, versions,
        problems if refused else [], "refused" if refused else "ok",
    )  # fmt: skip


def event(seq: int, state: str = "succeeded", error: str = "") -> EventRow:
    """An event."""
    return EventRow(
        seq, f"0193-{seq:04}", f"s-{seq}", NOW - 10 + seq / 10, "feed", "analyzer", "analyzer",
        "mixed", state, 0.02, 1, "normal", 3, "", '{"module": "ast"}', error,
    )  # fmt: skip


def event_detail(row: EventRow) -> EventDetail:
    """The same in full."""
    return EventDetail(
        row,
        {
            "id": row.id,
            "target": row.target,
            "source": "feed",
            "session_id": row.session,
            "data": {"module": "ast", "lines": 412},
            "metadata": {"origin": "feed", "parent_event": "0193-0000", "hop_count": "1"},
        },
        {"lines": 412},
        {},
        "",
        [],
        SPANS,
    )


def sample_link(**fields: object) -> StillLink:
    """A system with everything in it; ``fields`` replace parts of its snapshot."""
    letters = [
        dead(1, "analyzer", "SyntaxError: invalid syntax (bad_coding.py, line 1)"),
        dead(2, "enricher", "ValueError: no such module", "replayed"),
        dead(3, "validator", "UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff"),
    ]
    rows = [event(n) for n in range(1, 9)] + [event(9, "dead", letters[0].error)]
    audit = [
        AuditRow(1, NOW - 50, "ada", "pause", "validator", "validator paused", "done"),
        AuditRow(2, NOW - 40, "ada", "mode", "", "mixed", "done"),
        AuditRow(3, NOW - 30, "grace", "replay", "2", "edited data", "done"),
        AuditRow(4, NOW - 20, "grace", "drop", "9", "there is no dead letter 9", "refused"),
    ]
    values: dict[str, object] = {
        "time": NOW + 0.5,
        "counts": Counts(140, 12, 3, 2, 120, 3),
        "mode": "mixed",
        "version": 3,
        "name": "stdlib-audit",
        "live": [event(11, "running"), event(10, "queued")],
        "live_total": 2,
        "settled": rows,
        "settled_cursor": len(rows),
        "agents": [agent(name, place) for name, place in zip(NAMES, PLACES, strict=True)],
        "hooks": [],
        "modes": [],
        "audit": audit,
        "audit_cursor": 4,
        "dead": letters,
        "dead_revision": 1,
        "config": config(),
        "config_revision": 1,
    }
    link = StillLink(**{**values, **fields})
    link.dead_details = {row.number: dead_detail(row) for row in letters}
    link.details = {row.id: event_detail(row) for row in rows}
    link.spans = {f"s-{n}": SPANS for n in range(1, 12)}
    link.session_rows = [
        SessionRow(
            f"s-{n}", n, n % 2, int(n % 3 == 0), NOW - 60 + n, NOW - 59 + n, "analyzer", "mixed"
        )
        for n in range(11, 0, -1)
    ]
    return link

"""Snapshot: everything a screen shows, as plain frozen data.

The engine makes it, the link carries it, the console draws it. All of it is text,
numbers and lists, so that it can cross a process border (msgpack) unchanged.
Times are seconds since the epoch, durations seconds.
"""

from __future__ import annotations

import msgspec

from agentflow.telemetry.health.report import Health


class Row(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Base of the rows: sent as arrays, because field names cost more than values."""


class EventRow(Row, frozen=True):
    """One event, as it stands now."""

    seq: int  # order of acceptance, from 1
    id: str
    session: str
    time: float  # accepted
    source: str
    target: str  # the agent it asked for
    at: str  # where it is or last was: "analyzer", "analyzer +2" in parallel, "" in the queue
    mode: str
    state: str  # queued, running, held, retrying, succeeded, dead
    duration: float  # since acceptance; to the end, or to now while it lasts
    attempt: int
    priority: str
    version: int  # of the configuration it runs under
    parent: str  # id of the event that caused it, or ""
    data: str  # one line, at most 200 characters
    error: str  # "TypeName: message", at most 300 characters, or ""


class AgentRow(Row, frozen=True):
    """One agent."""

    name: str
    role: str
    state: str  # idle, running, paused, stopped (by its supervisor), open (its breaker), disabled,
    # missing (no code)
    kind: str  # "module:attribute", "llm ollama/gemma3:1b", or "code"
    place: str  # what the plan uses it for: "collaborative", "sequential 2", "loop", ""
    held: int
    in_flight: int
    count: int  # runs ended
    errors: int
    rate: float  # runs a second, over the last seconds
    mean: float
    p50: float
    p95: float
    p99: float
    last_error: str
    last_time: float  # when it last ended a run; 0 for never
    breaker: str  # closed, open, half-open
    retries: int
    tokens_in: int
    tokens_out: int


class HookRow(Row, frozen=True):
    """One callback on one hook point."""

    hook: str
    name: str
    fired: int
    vetoed: int
    errors: int
    p95: float
    last_error: str
    last_time: float


class ModeRow(Row, frozen=True):
    """One orchestration mode, over all events that ran under it."""

    mode: str
    count: int
    errors: int
    in_flight: int
    rate: float
    mean: float
    p50: float
    p95: float
    p99: float


class Point(Row, frozen=True):
    """One second of the system's life."""

    time: float
    accepted: float  # a second
    settled: float  # a second
    dead: float  # a second
    queued: int
    held: int
    running: int
    p95: float  # of the events that ended in that second
    lag: float  # by how much the engine's loop was late at the worst


class DeadRow(Row, frozen=True):
    """One dead letter. ``number`` is its handle for commands."""

    number: int
    time: float
    event_id: str
    session: str
    agent: str
    target: str
    attempts: int
    version: int
    error: str
    data: str
    status: str  # "dead", or what an operator did: "replayed", "dropped"


class LogRow(Row, frozen=True):
    """One line that a handler printed or logged, or that the engine says."""

    seq: int
    time: float
    level: str  # debug, info, warning, error, stdout, stderr
    source: str  # agent, logger or "engine"
    text: str


class AuditRow(Row, frozen=True):
    """One thing that an operator did. ``seq`` is its number, for ever if there is a journal."""

    seq: int
    time: float
    operator: str
    action: str
    target: str
    detail: str  # what the engine answered
    outcome: str  # "done", or "refused"
    why: str = ""  # the operator's own reason, if one was given
    undid: int = 0  # the row that this one took back
    change: str = ""  # what it changed in short: "mode route → mixed"
    about: str = ""  # what to look at: "event:ID", "agent:NAME", "version:3", "dead:7"


class BreakpointRow(Row, frozen=True):
    """Where events are stopped. ``number`` is its handle for commands."""

    number: int
    hook: str  # a hook point, or "any"
    agent: str  # a name or a glob, "" for any
    mode: str  # "" for any
    when: str  # the condition, "" for none
    stop_at: int  # the first hit that stops an event
    hits: int
    enabled: bool
    origin: str  # who set it: "operator" or "file"
    note: str  # why it stops nothing now, or ""


class StopRow(Row, frozen=True):
    """One event that is stopped at a breakpoint. ``number`` is its handle for commands."""

    number: int
    breakpoint: int
    stepped: bool  # whether it came here by a step from there
    hook: str
    agent: str
    seq: int
    event_id: str
    session: str
    target: str
    mode: str
    since: float
    attempt: int
    error: str
    data: str
    edited: bool
    skip: bool  # whether the callbacks of this point will not be called
    behind: int = 0  # events of its session that wait until it goes on


class VersionRow(Row, frozen=True):
    """One version of the configuration that ran, or was refused (number 0)."""

    number: int
    time: float
    mode: str
    cause: str  # "start", "saved", "operator", "undo of v3", "code"
    summary: str  # what changed, in one line
    differences: list[str]
    state: str = ""  # "canary" while it is tried out, "ended" if it never ran for all


class SideRow(Row, frozen=True):
    """How one of two versions that run side by side does since the canary began."""

    version: int
    mode: str
    agents: str  # the orchestration in one line
    events: int  # ended
    dead: int
    in_flight: int
    rate: float  # events ended a second
    mean: float
    p50: float
    p95: float


class CanaryRow(Row, frozen=True):
    """A version that is being tried out beside the one that runs."""

    share: float  # percent of the new sessions
    since: float
    known: int  # sessions that keep the old version
    cause: str
    old: SideRow
    new: SideRow


class ProblemRow(Row, frozen=True):
    """What is wrong in the file, and where."""

    path: str
    line: int
    column: int
    key: str
    message: str
    suggestion: str
    severity: str


class AlertRow(Row, frozen=True):
    """One alert rule of the file, as it stands."""

    name: str
    severity: str  # info, warning, critical
    watches: str  # the metric, or the filter
    limit: str  # "above 500ms for 30s"
    state: str  # ok, pending, firing
    since: float  # when what is wrong began; when it became ok; 0 for never otherwise
    value: str  # the last one, as it is written; "" for none
    transitions: int  # how often it was raised or cleared
    bell: bool
    sentence: str  # for the alert line; "" while it is not firing


class SpanRow(Row, frozen=True):
    """One stretch of a session's life, for the waterfall."""

    id: str
    parent: str
    event_id: str
    kind: str  # event, queued, orchestrate, agent, attempt, hook, held, retrying
    name: str
    start: float
    duration: float  # -1 while it lasts
    status: str  # ok, failed, running, held, retrying, queued, vetoed
    error: str
    detail: str  # a few words: what a callback changed, which event this is a replay of


class SpanCursor(Row, frozen=True):
    """How much of a session's spans somebody has."""

    engine: int = 0  # whose
    position: int = 0  # ended events


class SpanPage(Row, frozen=True):
    """More of a session's spans: of the events that have ended since a cursor, and those that last.

    Whatever was known of these events before is replaced; of all events, if the cursor was
    that of another engine. ``more`` says that there is more right now.
    """

    cursor: SpanCursor
    spans: list[SpanRow]
    more: bool = False


class SessionRow(Row, frozen=True):
    """One session, for the list on the Traces screen."""

    id: str
    events: int
    running: int
    dead: int
    start: float
    last: float
    target: str  # of its first event
    mode: str
    held: int = 0
    error: str = ""  # of its dead events, the different ones, at most 500 characters
    agents: list[str] = []  # that ran, at most 20
    targets: list[str] = []  # of its events, at most 20


class SessionPage(Row, frozen=True):
    """The sessions that a search has found, the latest first.

    ``matches`` counts those that are not among ``rows``, too; of ``total`` sessions that are
    remembered ``searched`` have been looked at: asking again goes on.
    """

    rows: list[SessionRow]
    matches: int
    total: int
    searched: int


class Blocked(Row, frozen=True):
    """Code that keeps the engine's loop from going round."""

    agent: str
    since: float
    where: str  # file:line in function
    stack: list[str]


class Counts(Row, frozen=True):
    """Where every accepted event is: accepted = queued + held + running + succeeded + dead."""

    accepted: int = 0
    queued: int = 0
    held: int = 0
    running: int = 0
    succeeded: int = 0
    dead: int = 0


class Cursor(msgspec.Struct, frozen=True):
    """What the screen has already: only what came after is sent."""

    event: int = 0  # highest settle order seen
    log: int = 0
    audit: int = 0
    point: float = 0.0
    dead: int = -1  # revision of the dead letters
    versions: int = -1  # revision of the configuration
    health: float = 0.0  # time of the last report
    breakpoints: int = -1  # revision of the breakpoints
    tables: bool = True  # whether agents, hooks and modes are wanted this time
    limit: int = 400  # most event rows wanted


class Config(msgspec.Struct, frozen=True):
    """What the engine runs, for the header and the Config screen."""

    name: str
    path: str
    version: int
    mode: str
    text: str
    versions: list[VersionRow]
    problems: list[ProblemRow]
    status: str  # "ok", "refused": whether the file on disk is what runs
    ask_why: bool = False  # whether operators are asked for a reason


class Snapshot(msgspec.Struct, frozen=True):
    """The engine at one moment, since a cursor. None stands for "as before"."""

    time: float
    counts: Counts
    rate: float  # events settled a second
    paused: bool
    read_only: bool
    mode: str
    version: int
    name: str
    live: list[EventRow]  # events not yet ended, newest first, at most ``limit``
    live_total: int
    settled: list[EventRow]  # ended since the cursor, oldest first, at most ``limit``
    settled_cursor: int
    settled_missed: int  # ended since the cursor but not sent: over ``limit`` or out of the ring
    agents: list[AgentRow] | None
    hooks: list[HookRow] | None
    modes: list[ModeRow] | None
    points: list[Point]
    log: list[LogRow]
    log_cursor: int
    log_missed: int
    audit: list[AuditRow]
    audit_cursor: int
    dead: list[DeadRow] | None
    dead_revision: int
    config: Config | None
    config_revision: int
    alerts: list[str]
    pid: int
    memory: int  # bytes of the engine's process
    blocked: Blocked | None = None
    pace: float = 0.0  # events a second the feed is held to; 0 for as fast as they go
    health: Health | None = None  # a new one every second
    recording: str = ""  # path of the recording that is being made, if one is
    whole: bool = False  # whether this is everything: what was sent before holds no more
    canary: CanaryRow | None = None  # what is being tried out; None for nothing
    alert_rules: list[AlertRow] = []  # those of the file, in its order
    engine_cost: float = 0.0  # share of a core that answering the console takes the engine
    breakpoints: list[BreakpointRow] | None = None
    breakpoints_revision: int = 0
    stops: list[StopRow] = []  # what is stopped now, oldest first
    on_quit: str = "release"  # what becomes of it when the engine stops: "release" or "keep"

"""Facts: what one look at the engine finds, as plain numbers and names."""

from __future__ import annotations

from collections import Counter

import msgspec

from agentflow.telemetry.health.report import JournalFigures


class OpenBreaker(msgspec.Struct, frozen=True):
    """An agent whose circuit breaker lets nothing, or only trials, through."""

    agent: str
    failures: int
    retry_after: float  # seconds until a call may get through


class Stopped(msgspec.Struct, frozen=True):
    """An agent that its supervisor has stopped, and why."""

    agent: str
    reason: str


class Stuck(msgspec.Struct, frozen=True):
    """An event that is open for much longer than its mode usually takes."""

    session: str
    agent: str
    age: float  # seconds it has been open
    usual: float  # p99 of its mode in seconds, 0 if too few have ended to tell


class Handler(msgspec.Struct, frozen=True):
    """An agent's run that lasts much longer than its runs usually do."""

    agent: str
    age: float  # seconds
    deaf: bool  # it was cancelled, and goes on all the same


class Facts(msgspec.Struct):
    """One second of the engine. Times are seconds, totals count from the start."""

    now: float  # monotonic
    time: float  # since the epoch
    accepted: int = 0
    ended: int = 0
    dead: int = 0
    refused: int = 0  # for want of room
    queued: int = 0
    held: int = 0
    running: int = 0
    queue_size: int = 1
    slots: int = 1
    oldest: float = 0.0  # how long the event has waited that waits longest for its turn
    lag: float = 0.0
    p95: float | None = None  # of the events that ended in this second
    sampled: int = 0  # ended events that were looked at
    retried: int = 0  # retries among them
    failing: Counter[str] = msgspec.field(default_factory=Counter)  # agents, among them
    agents: int = 0
    paused: list[str] = []  # agents
    all_paused: bool = False
    stopped: list[Stopped] = []
    breakers: list[OpenBreaker] = []
    stuck: list[Stuck] = []
    handlers: list[Handler] = []
    waiting_for_thread: int = 0
    memory: int = 0  # bytes, 0 for unknown
    memory_limit: int = 0  # bytes, 0 for unknown
    journal: JournalFigures | None = None
    pace: float = 0.0
    version: int = 1  # of the configuration

"""Trail: what is known of one event, from its acceptance until it is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from math import inf
from typing import TYPE_CHECKING, Any

import msgspec

from agentflow.agent import AgentResult
from agentflow.engine.work import Work
from agentflow.event import Event
from agentflow.telemetry.trace import Note, RunRecord

if TYPE_CHECKING:
    from agentflow.engine.guards import Guards
    from agentflow.recording.encoding import KeptOutput


class Trail(msgspec.Struct, eq=False, gc=False):
    """What is known of one accepted event: where it is, what ran for it, how it ended.

    Times are monotonic seconds. ``runs`` are the agent runs that ended, ``notes`` what
    else happened (hooks, holds, retries); together they are its trace. ``at`` is the
    agent it reached last, ``last`` when the latest thing happened (it saves reading the
    clock twice for one moment).

    Thousands of ended executions are kept, so the garbage collector is spared them: when
    one has ended it lets go of everything that could lead back to it.
    """

    event: Event
    seq: int
    rank: int
    accepted: float
    waiter: asyncio.Future[AgentResult] | None = None
    started: float = 0.0
    last: float = 0.0
    ended: float = 0.0
    label: tuple[str, int] = ("", 0)
    """Mode and configuration version, once it has started."""
    runs: tuple[RunRecord, ...] = ()
    view: Mapping[str, Any] | None = None
    """The state it ended with, bounded."""
    at: str = ""
    waits: str = ""
    """held, retrying or queued while it waits without a slot."""
    error: str = ""
    attempt: int = 1
    notes: list[Note] | None = None
    children: list[str] | None = None
    nested: bool = False
    """Whether it runs inside another one, in its slot and its time."""
    deadline: float = inf
    work: Work = None  # type: ignore[assignment]  # there while it runs off the express lane
    key: str = ""
    """What its idempotency keys begin with, if not with the event's id."""
    tries: int = 0
    """Attempts that lie behind it from before the engine's last start."""
    deaths: int = 0
    """How many of them ended with the process."""
    due: float = 0.0
    """When its retry is due, if it waited for one then (monotonic seconds)."""
    lease: int = -1
    """Its cell among the leases, while it runs."""
    outbox: list[Any] | None = None
    """Events that it caused, which go to the disk together with its end."""
    outputs: list[KeptOutput | None] | None = None
    """What the runs ended with, while a recording is made; None where that can be seen from
    what the next one was given."""
    emitted: list[tuple[str, str, float]] | None = None
    """Which of the children a handler emitted: id, agent, when its run began."""

    @property
    def status(self) -> str:
        """queued, running, held, retrying, succeeded or dead."""
        if self.ended:
            return "dead" if self.error else "succeeded"
        if self.waits:
            return self.waits
        return "running" if self.started else "queued"

    @property
    def mode(self) -> str:
        """The orchestration mode it runs or ran under; '' before it has started."""
        return self.label[0]

    @property
    def version(self) -> int:
        """The configuration version it runs or ran under; 0 before it has started."""
        return self.label[1]

    def key_of(self, agent: str) -> str:
        """The idempotency key of the agent's next run (or the one going on) for this event.

        The same again when the event is run again, another one for each round of a loop.
        """
        times = sum(run[0] == agent for run in self.runs)
        place = f"#{times + 1}" if times else ""
        return f"{self.key or self.event.id}/{agent}{place}"

    def keep_output(self, output: KeptOutput) -> None:
        """Remember what the latest of the runs has ended with."""
        outputs = self.outputs = self.outputs or []
        outputs += [None] * (len(self.runs) - 1 - len(outputs))
        outputs.append(output)

    def note(
        self, kind: str, name: str, start: float, end: float, status: str, error: str = ""
    ) -> None:
        """Add something out of the ordinary to the trace."""
        if self.notes is None:
            self.notes = []
        self.notes.append((kind, name, start, end, status, error))

    def running_agents(self, guards: Guards) -> list[tuple[str, float]]:
        """The agents at work for this event now, and since when (monotonic seconds)."""
        return [
            (agent, since)
            for guard in guards
            for agent, since, execution in guard.frames()
            if execution is self
        ]

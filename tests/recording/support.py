"""Engines that make recordings, and recordings made by hand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from agentflow import Config, Event, Runner, State
from agentflow.control import Control
from agentflow.engine.execution import Execution
from agentflow.recording import Recorder, Recording, VersionRecord
from agentflow.telemetry.snapshot import Counts, Cursor, Snapshot
from agentflow_console.testing import StillLink

Doing = Callable[[Runner], Awaitable[None]]

START = 1_700_000_000.0
"""When recordings made by hand begin."""


async def record(
    path: Path,
    agents: Mapping[str, Any],
    doing: Doing,
    *,
    toml: str = "",
    journal: Any = False,
    **options: Any,
) -> Runner:
    """Run an engine with these agents, record it at ``path`` and stop it."""
    runner = Runner(Config.from_toml(toml), journal=journal, recorder=Recorder(path, **options))
    for name, handler in agents.items():
        runner.register_agent(name, handler)
    Control(runner)
    async with runner:
        await doing(runner)
        await runner.join()
    return runner


def emitting(*events: Event) -> Doing:
    """Emits these, one after the other."""

    async def doing(runner: Runner) -> None:
        for event in events:
            await runner.emit(event)

    return doing


class ByHand:
    """A recording that is made by hand, second by second, with times that are known."""

    def __init__(self, path: Path, **options: Any) -> None:
        self.path = path
        self.recorder = Recorder(path, **options)
        self.recorder.open(START, START, [VersionRecord(1, START, "start", [], "x", "", None, {})])
        self.seq = 0
        self.snapshot: Snapshot = StillLink()._next

    def ended(
        self,
        at: float,
        *,
        session: str = "",
        took: float = 0.1,
        error: str = "",
        data: Mapping[str, Any] | None = None,
    ) -> Event:
        """An event has ended ``at`` seconds after the start."""
        self.seq += 1
        event = Event("worker", dict(data or {"n": self.seq}), session_id=session)
        execution = Execution(event, self.seq, 2, at - took)
        execution.started = at - took / 2
        execution.ended = execution.last = at
        execution.label = ("route", 1)
        execution.at = "worker"
        execution.error = error
        execution.runs = (("worker", at - took / 2, at, 1, error, event.data, None),)
        execution.view = event.data
        self.recorder.ended(execution, State(event.data))
        return event

    def write(self, *, last: bool = True) -> Path:
        """Have it all on disk; ``last`` closes the file."""
        writer = self.recorder._writer
        assert writer is not None
        writer._write_all()
        if last:
            self.recorder.close()
        return self.path

    def frame(self, at: float, **fields: Any) -> None:
        """The engine is looked at, ``at`` seconds after the start."""

        def take(cursor: Cursor) -> Snapshot:
            import msgspec

            given = {"counts": Counts(self.seq, 0, 0, 0, self.seq, 0), **fields}
            return msgspec.structs.replace(self.snapshot, time=START + at, **given)

        self.recorder._take = take
        self.recorder.tick()


def read(path: Path) -> Recording:
    """The recording at ``path``."""
    return Recording.open(path)

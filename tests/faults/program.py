"""The whole program without a screen, in a folder, with agents that leave traces."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

COMMAND = [sys.executable, "-P", "-m", "agentflow_console"]

CONFIG = """\
[runtime]
drain_timeout = 5
max_concurrent_events = 8
[error_routing.retry]
max_retries = 0
[agents.echo]
handler = "handlers:echo"
[agents.slow]
handler = "handlers:slow"
[agents.poison]
handler = "handlers:poison"
"""
HANDLERS = """\
import asyncio
import os
import pathlib
import signal


def trace(event, context):
    file = os.open("ran", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(file, f"{event.target} {event.data.get('n')} {event.id} {context.attempt}\\n".encode())
    os.close(file)


async def echo(event, state, context):
    trace(event, context)


async def slow(event, state, context):
    trace(event, context)
    while not pathlib.Path("go").exists():
        await asyncio.sleep(0.01)


async def poison(event, state, context):
    trace(event, context)
    os.kill(os.getpid(), signal.SIGKILL)
"""


class Ran(NamedTuple):
    """One run that an agent has left a trace of."""

    target: str
    n: str
    id: str
    attempt: int


class Done(NamedTuple):
    """What came of a run of the program."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Standard output."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def counts(self) -> dict[str, int]:
        """The counts of the last line."""
        counts: dict[str, int] = self.lines[-1]["counts"]
        return counts


class Program:
    """``agentflow-console --headless`` in a folder of its own."""

    def __init__(self, folder: Path, config: str = CONFIG, handlers: str = HANDLERS) -> None:
        self.folder = folder
        self.journal = folder / ".agentflow" / "agentflow.db"
        (folder / "agentflow.toml").write_text(config)
        (folder / "handlers.py").write_text(handlers)

    def write_events(self, events: Iterable[Mapping[str, Any] | str]) -> None:
        """The feed; text goes in as it is."""
        with (self.folder / "in.jsonl").open("w", encoding="utf-8") as file:
            for event in events:
                file.write(f"{event if isinstance(event, str) else json.dumps(event)}\n")

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Running."""
        return subprocess.Popen(
            [*COMMAND, "--headless", "--format", "json", *arguments],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def run(self, *arguments: str, environment: Mapping[str, str] | None = None) -> Done:
        """From start to end; no traceback, whatever comes of it."""
        with self.start(*arguments, env={**os.environ, **(environment or {})}) as process:
            out, err = process.communicate(timeout=60)
        assert "Traceback" not in err + out, err + out
        return Done(process.returncode, out, err)

    def ran(self) -> list[Ran]:
        """What the agents have run so far, by all processes."""
        file = self.folder / "ran"
        if not file.exists():
            return []
        rows = (line.split(" ") for line in file.read_text().splitlines())
        return [Ran(target, n, id, int(attempt)) for target, n, id, attempt in rows]

    def go(self) -> None:
        """Let the slow ones end."""
        (self.folder / "go").touch()

"""The program as a person runs it, in a folder with real files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    from .terminal import Terminal

CONFIG = """\
[agent_flow]
name = "test flow"

[agents.echo]
handler = "handlers:echo"

[agents.picky]
handler = "handlers:picky"

[agents.slow]
handler = "handlers:slow"

[error_routing.retry]
max_retries = 0
"""

HANDLERS = """\
import asyncio
import pathlib


async def echo(event, state):
    print("printed by the handler")
    return {"seen": event.data.get("n")}


async def picky(event, state):
    raise ValueError("not \\x1b[31mthis\\x1b[0m one")


async def slow(event, state):
    pathlib.Path("started").touch()
    while not pathlib.Path("go").exists():
        await asyncio.sleep(0.01)
"""

COMMAND = [sys.executable, "-P", "-m", "agentflow_console"]


class Done(NamedTuple):
    """What came of a run."""

    code: int
    out: str
    err: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        """Standard output as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def counts(self) -> dict[str, int]:
        """The counts of the last line."""
        counts: dict[str, int] = self.objects[-1]["counts"]
        return counts


class Program:
    """``agentflow-console`` in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "PYTHONDEVMODE": "", "TERM": "xterm"}
        self.write("agentflow.toml", CONFIG)
        self.write("handlers.py", HANDLERS)

    def write(self, name: str, text: str) -> Path:
        """A file in the folder."""
        path = self.folder / name
        path.write_text(text)
        return path

    def start(
        self, *arguments: str, command: Sequence[str] = COMMAND, **options: Any
    ) -> subprocess.Popen[str]:
        """The program, running."""
        return subprocess.Popen(
            [*command, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def run(self, *arguments: str, stdin: str = "") -> Done:
        """The program, from start to end."""
        with self.start(*arguments, stdin=subprocess.PIPE) as process:
            out, err = process.communicate(stdin, timeout=120)
        assert "Traceback" not in err, err
        return Done(process.returncode, out, err)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """The program in a folder with three agents."""
    return Program(tmp_path)


def lines(*events: Any) -> str:
    """Events as JSON lines; text goes in as it is."""
    return "".join(
        f"{event if isinstance(event, str) else json.dumps(event)}\n" for event in events
    )


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    """A list for terminals that must not survive the test."""
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()

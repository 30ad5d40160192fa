"""Real engines in real processes, on files of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from agentflow.telemetry.snapshot import Blocked
from agentflow_console.host_options import HostOptions
from agentflow_console.link.client import ChildLink
from agentflow_console.link.intensity import RestartIntensity
from agentflow_console.link.process import EngineProcess
from agentflow_console.link.protocol import Link
from agentflow_console.store import Store

CONFIG = """\
[agent_flow]
name = "test"

[runtime]
drain_timeout = 5

[agents.echo]
handler = "handlers:echo"

[agents.second]
handler = "handlers:second"
"""

HANDLERS = """\
import os


async def echo(event, state):
    print("echo of", event.data.get("n"))
    return {"version": 1}


async def crash(event, state):
    import ctypes
    ctypes.string_at(0)


async def stuck(event, state):
    with open(event.data["fifo"]) as fifo:  # blocks the loop until somebody writes
        fifo.read()


async def second(event, state):
    with open(event.data["path"], "a") as out:
        out.write(f"{event.data['n']}\\n")
"""


class Project:
    """A folder with an ``agentflow.toml`` and its handlers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "agentflow.toml"
        self.handlers = folder / "handlers.py"
        self.config.write_text(CONFIG)
        self.handlers.write_text(HANDLERS)

    def options(self, **fields: Any) -> HostOptions:
        """What to run it with."""
        return HostOptions(path=str(self.config), **fields)

    def add_agent(self, name: str) -> None:
        """Let the configuration name a handler that is in the file already."""
        self.config.write_text(
            f'{self.config.read_text()}\n[agents.{name}]\nhandler = "handlers:{name}"\n'
        )

    def replace(self, file: Path, old: str, new: str) -> None:
        """Save a file with other text, the way editors do: a new file over the old one."""
        text = file.read_text()
        assert old in text
        fresh = file.with_suffix(".new")
        fresh.write_text(text.replace(old, new))
        fresh.replace(file)


class Seen:
    """A link with the store that it feeds."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.store = Store()

    async def until(self, holds: Callable[[Store], Any]) -> Any:
        """Pull, as a screen does, until it holds, and what it gave. Raises TimeoutError."""
        async with asyncio.timeout(60):
            while True:
                self.store.apply(await self.link.pull(self.store.cursor))
                if result := holds(self.store):
                    return result
                await asyncio.sleep(0.01)

    async def until_blocked(self, holds: Callable[[Blocked | None], Any]) -> Any:
        """Wait until it holds of what blocks the engine, and give that."""
        async with asyncio.timeout(60):
            while not holds(self.link.blocked):  # noqa: ASYNC110 - it is a property, not an event
                await asyncio.sleep(0.01)
        return self.link.blocked

    async def inject(self, target: str, **data: Any) -> None:
        """Emit an event."""
        answer = await self.link.command("inject", event={"target": target, "data": data})
        assert answer.ok, answer.message


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project of two agents."""
    return Project(tmp_path)


class Links:
    """Links that are closed at the end of the test, however that comes."""

    def __init__(self) -> None:
        self._opened: list[ChildLink] = []

    def make(
        self,
        options: HostOptions,
        process: EngineProcess | None = None,
        intensity: RestartIntensity | None = None,
    ) -> ChildLink:
        """A link that has not been started."""
        link = ChildLink(options, process, intensity)
        self._opened.append(link)
        return link

    async def close(self) -> None:
        """Close them all."""
        for link in self._opened:
            await link.close(drain=False)


@pytest.fixture
async def links() -> AsyncIterator[Links]:
    """Makes links."""
    links = Links()
    yield links
    await links.close()


@pytest.fixture
async def engine(project: Project, links: Links) -> Seen:
    """A running engine of that project, in a process of its own."""
    link = links.make(project.options())
    await link.start()
    return Seen(link)

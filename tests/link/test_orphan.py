"""Orphans: an engine whose console is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from .conftest import Project

CONSOLE = """
import asyncio, sys
from agentflow_console.host_options import HostOptions
from agentflow_console.link.client import ChildLink
from agentflow_console.link.process import EngineProcess

async def main():
    options = HostOptions(path=sys.argv[1])
    process = EngineProcess(options)
    link = ChildLink(options, process)
    await link.start()
    for number in range(50):
        event = {"target": "second", "data": {"n": number, "path": sys.argv[2]}}
        await link.command("inject", event=event)
    print(process.pid, process.folder, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_an_engine_finishes_its_work_when_its_console_is_killed(
    project: Project, tmp_path: Path
) -> None:
    """A console that dies leaves the engine to drain, to end and to clean up."""
    done = tmp_path / "done"
    with subprocess.Popen(
        [sys.executable, "-P", "-c", CONSOLE, str(project.config), str(done)],
        stdout=subprocess.PIPE,
        text=True,
    ) as console:
        assert console.stdout is not None
        pid, folder = console.stdout.readline().split()
        engine = psutil.Process(int(pid))
        os.kill(console.pid, signal.SIGKILL)
        assert psutil.wait_procs([engine], timeout=15)[0] == [engine]
    assert done.read_text().split() == [str(number) for number in range(50)]
    assert not Path(folder).exists()

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
    options = HostOptions(path=sys.argv[1], journal="off")
    process = EngineProcess(options)
    link = ChildLink(options, process)
    await link.start()
    for number in range(int(sys.argv[3])):
        event = {"target": sys.argv[2], "data": {"n": number, "path": sys.argv[4]}}
        await link.command("inject", event=event)
    print(process.pid, process.folder, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def kill_console(project: Project, agent: str, events: int, path: Path) -> tuple[int, Path]:
    """Have a console inject events for ``agent`` and kill it: the engine's pid and folder."""
    arguments = [str(project.config), agent, str(events), str(path)]
    with subprocess.Popen(
        [sys.executable, "-P", "-c", CONSOLE, *arguments], stdout=subprocess.PIPE, text=True
    ) as console:
        assert console.stdout is not None
        pid, folder = console.stdout.readline().split()
        os.kill(console.pid, signal.SIGKILL)
    return int(pid), Path(folder)


def wait_for_end(pid: int) -> None:
    """Wait until the process is gone."""
    try:
        psutil.Process(pid).wait(timeout=60)
    except psutil.NoSuchProcess:
        pass


def test_an_engine_finishes_its_work_when_its_console_is_killed(
    project: Project, tmp_path: Path
) -> None:
    """A console that dies leaves the engine to drain, to end and to clean up."""
    done = tmp_path / "done"
    pid, folder = kill_console(project, "second", 50, done)
    wait_for_end(pid)
    assert done.read_text().split() == [str(number) for number in range(50)]
    assert not folder.exists()


def test_a_stuck_engine_does_not_outlive_its_console(project: Project, tmp_path: Path) -> None:
    """An engine whose loop never comes round again is ended some time after its console."""
    project.add_agent("stuck")
    project.replace(project.config, "drain_timeout = 5", "drain_timeout = 0.1")
    project.replace(project.handlers, 'event.data["fifo"]', 'event.data["path"]')
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    pid, _ = kill_console(project, "stuck", 1, fifo)
    wait_for_end(pid)
    assert not psutil.pid_exists(pid)

"""Embedding: the console on a runner of the user's own program, in this very process."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

from agentflow.control import Control
from agentflow.errors import RunnerAlreadyRunning
from agentflow_console.link.in_process import InProcessLink

if TYPE_CHECKING:
    from agentflow import Runner
    from agentflow_console.app import ConsoleApp


class Console:
    """The screens of one runner.

    A runner that is not running is started with the console and stopped, drained, when
    it closes; one that runs already is left running. ``fps`` 0 means the person's own
    setting, ``operator`` is the name in the audit ('' for that of the login). While the
    console is open SIGTERM, SIGINT and SIGHUP close it.
    """

    def __init__(
        self,
        runner: Runner,
        *,
        read_only: bool = False,
        theme: str = "",
        fps: int = 0,
        operator: str = "",
    ) -> None:
        self._runner = runner
        self._read_only = read_only
        self._theme = theme
        self._fps = fps
        self._operator = operator
        self._started = False

    def run(self) -> int:
        """Open the console and come back when it is closed. Gives its exit code."""
        return asyncio.run(self.run_async())

    async def run_async(self) -> int:
        """The same on a loop that runs already."""
        app = self._app()
        await app.run_async()
        words, code = app.last_words()
        for line in words:
            print(line, file=sys.stderr)
        return code

    def _app(self) -> ConsoleApp:
        os.environ.setdefault("TEXTUAL_FPS", "120")
        from agentflow_console.app import ConsoleApp

        runner = self._runner
        self._link = link = InProcessLink(
            Control(runner, read_only=self._read_only),
            start=self._start,
            stop=self._stop,
            drain_timeout=lambda: runner.config.runtime.drain_timeout,
            journal=lambda: str(runner.journal.path) if runner.journal is not None else "",
        )
        link.operator = self._operator or link.operator
        return ConsoleApp(link, read_only=self._read_only, theme=self._theme, fps=self._fps)

    async def _start(self) -> None:
        try:
            await self._runner.start()
            self._started = True
        except RunnerAlreadyRunning:
            self._link.owned = False  # it is the program's own, and stays so

    async def _stop(self, drain: bool) -> None:
        if self._started:
            await self._runner.stop(drain=drain)

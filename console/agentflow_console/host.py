"""Host: runs the engine of one TOML file, its feed and its reloads, wherever that is wanted."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentflow.config import Problem, load_config
from agentflow.config.watcher import watch
from agentflow.control import Control
from agentflow.engine import Runner
from agentflow.errors import AgentFlowError, ConfigError
from agentflow.telemetry.snapshot import ProblemRow
from agentflow_console.feeds import Port, demo_feed, lines_feed
from agentflow_console.host_options import HostOptions

if TYPE_CHECKING:
    from agentflow.config import Config

_WATCH_BEGINS = 0.5  # seconds until the watching of files is sure to have begun


class HostError(Exception):
    """The engine can't be started. The message is one clear sentence, or a line for each problem.

    ``problems`` is what is wrong with the configuration, if that is the reason.
    """

    def __init__(self, message: str, problems: Iterable[ProblemRow] = ()) -> None:
        self.problems = list(problems)
        super().__init__(message)


def problem_rows(problems: Iterable[Problem]) -> list[ProblemRow]:
    """Problems as rows that can cross a link."""
    return [
        ProblemRow(p.path, p.line, p.column, p.key, p.message, p.suggestion, p.severity)
        for p in problems
    ]


@contextmanager
def _as_host_error() -> Iterator[None]:
    try:
        yield
    except ConfigError as error:
        raise HostError(str(error), problem_rows(error.problems)) from error
    except AgentFlowError as error:
        raise HostError(str(error)) from error


class Host:
    """One engine and what keeps it going.

    ``open`` reads the file, ``start`` loads the handlers and sets everything going.
    ``on_code_changed`` is called with the paths when handler code is saved; without it
    the operator is told to restart. ``on_bad_line`` is told the number of a line of
    ``events`` that is no event, and why.
    """

    def __init__(self, options: HostOptions) -> None:
        self.options = options
        self.on_code_changed: Callable[[list[str]], None] | None = None
        self.on_bad_line: Callable[[int, str], None] = self._report_bad_line
        self.runner: Runner
        self.control: Control
        self._opened = 0.0
        self._code_refused = False
        self._handed_over = False
        self._port: Port | None = None
        self._feeding: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None

    @property
    def drain_timeout(self) -> float:
        """Seconds that a drain may take."""
        return self.runner.config.runtime.drain_timeout

    def open(self) -> None:
        """Read the file. Raises HostError."""
        self._opened = time.time()
        with _as_host_error():
            self._make_runner(self._load())
        self.runner.pace = self.options.pace

    def _make_runner(self, config: Config) -> None:
        self.runner = Runner.from_config(config)
        self.control = Control(self.runner, read_only=self.options.read_only)

    async def start(self) -> None:
        """Load the handlers and work; emit what there is to emit, and watch the files.

        On standby, only be ready to do so. Raises HostError.
        """
        with _as_host_error():
            await self.runner.start()
        if not self.options.standby:
            self._go_on(0)

    async def stop(self, drain: bool = True) -> None:
        """End it all, finishing what is queued first if ``drain``."""
        await self._end_tasks()
        await self.runner.stop(drain=drain, timeout=self.drain_timeout)

    async def fed(self) -> None:
        """Wait until the feed has nothing more. Raises OSError if its file can't be read."""
        if self._feeding is not None:
            await asyncio.wait([self._feeding])
            if not self._feeding.cancelled():
                self._feeding.result()

    def stop_feeding(self) -> None:
        """Emit nothing more."""
        if self._feeding is not None:
            self._feeding.cancel()

    def report(self, level: str, text: str) -> None:
        """Something for the operator, in the log and the alerts."""
        self.runner.report(level, text)

    def refuse_code(self, text: str) -> None:
        """Changed handler code can't be used: say so, and try again whatever code is saved."""
        self._code_refused = True
        self.runner.report("error", text)

    async def hand_over(self) -> dict[str, Any]:
        """Everything that is not finished, and how far the feed is. Nothing runs after that."""
        await self._end_tasks()
        position = self._port.position if self._port else 0
        left = await self.runner.hand_over()
        self._handed_over = True
        return {"runner": left, "fed": position}

    async def take_over(self, handover: dict[str, Any]) -> None:
        """Go on where another host stopped, or this one, if the other one could not."""
        if self._handed_over:
            self._make_runner(self.runner.config)
            await self.runner.start()
            self._handed_over = False
        await self.runner.take_over(handover["runner"])
        self._go_on(handover["fed"])

    def _go_on(self, position: int) -> None:
        loop = asyncio.get_running_loop()
        if self.options.demo or self.options.events:
            self._port = Port(self.runner, position)
            self._feeding = loop.create_task(self._feed(self._port), name="feed")
            self._feeding.add_done_callback(self._feed_ended)
        if self.options.watch:
            self._watching = loop.create_task(self._watch(), name="watch")

    async def _end_tasks(self) -> None:
        tasks = [task for task in (self._feeding, self._watching) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    # -- the feed ---------------------------------------------------------------------------

    async def _feed(self, port: Port) -> None:
        if self.options.demo:
            await demo_feed(port)
        else:
            await lines_feed(port, self.options.events, self.on_bad_line)

    def _feed_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.report("error", f"the feed ended: {type(error).__name__}: {error}")

    def _report_bad_line(self, number: int, what: str) -> None:
        self.report("warning", f"{self.options.events}:{number}: {what}")

    # -- the files --------------------------------------------------------------------------

    def _load(self) -> Config:
        overrides: Mapping[str, Any] = dict(self.options.overrides)
        if self.options.provider:
            overrides = {**overrides, "llm.provider": self.options.provider}
        return load_config(self.options.path, overrides=overrides)

    async def _watch(self) -> None:
        catching_up = asyncio.create_task(self._catch_up())
        try:
            await self._follow_changes()
        finally:
            catching_up.cancel()

    async def _catch_up(self) -> None:
        """Use what was saved between the reading of the files and the first watchful moment."""
        await asyncio.sleep(_WATCH_BEGINS)
        if _text_of(self.options.path) != self.runner.config.text:
            await self._reload()
        self._notice_code(_code_since(self._opened, self.options.path))

    async def _follow_changes(self) -> None:
        async for change in watch(self.options.path):
            try:
                if change.config:
                    await self._reload()
                if change.handlers:
                    self._notice_code(change.handlers)
            except Exception as error:  # a save must never end the watching
                self.report("error", f"the save could not be used: {error!r}")

    async def _reload(self) -> None:
        """Apply what was saved, or keep what runs and say why."""
        try:
            config = self._load()
            if config == self.runner.config and self.runner.history.refused_text is None:
                return
            await self.runner.apply(config, cause="saved")
        except ConfigError as error:
            self.runner.refuse(error.problems, _text_of(self.options.path))

    def _notice_code(self, paths: Iterable[Path]) -> None:
        """Only code that is in use matters: agents may write Python files too."""
        used = _code_in_use()
        changed = [str(path) for path in paths if self._code_refused or str(path.resolve()) in used]
        if not changed:
            return
        if self.on_code_changed is not None:
            self.on_code_changed(changed)
        else:
            names = ", ".join(Path(path).name for path in changed)
            self.report("warning", f"{names} changed: restart to run the new code")


def _code_in_use() -> set[str]:
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    return {file for file in files if file}


def _code_since(moment: float, config: str) -> list[Path]:
    """The code in use beside the configuration that was saved after that."""
    folder = Path(config).resolve().parent
    own = [Path(file) for file in _code_in_use() if Path(file).is_relative_to(folder)]
    return [file for file in own if _saved(file) > moment]


def _saved(file: Path) -> float:
    """When the file was saved last, 0 if it is not there."""
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0


def _text_of(path: str) -> str:
    """The file as far as it can be read, to be shown."""
    try:
        return Path(path).read_text("utf-8", "replace")
    except OSError:
        return ""

"""Host: runs the engine of one TOML file, its feed and its reloads, wherever that is wanted."""

from __future__ import annotations

import asyncio
import glob
import os
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
from agentflow.engine.recording import recorder_for
from agentflow.errors import AgentFlowError, ConfigError, JournalInUse, JournalUnusable
from agentflow.journal.place import make_journal
from agentflow.telemetry.snapshot import ProblemRow
from agentflow_console import journals
from agentflow_console.feeds import Feed, Port, Source, feed_of
from agentflow_console.host_options import HostOptions
from agentflow_console.link.control_socket import ControlSocket

if TYPE_CHECKING:
    from agentflow.config import Config

_NOTICED = 15.0  # seconds that what was recovered stays on the alert line
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
    except JournalInUse as error:
        raise HostError(journals.in_use(error)) from error
    except (AgentFlowError, ValueError) as error:
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
        self._place: journals.Place | None = None
        self._why_none = ""
        self._feed: Feed | None = None
        self._port: Port | None = None
        self._feeds: dict[str, int | None] = {}  # how far each is, None if it has no more
        self._feeding: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._socket: ControlSocket | None = None

    @property
    def drain_timeout(self) -> float:
        """Seconds that a drain may take."""
        return self.runner.config.runtime.drain_timeout

    @property
    def journal(self) -> str:
        """Path of the journal, the future one if on standby; '' if there is none."""
        return "" if self.runner.journal is None else str(self.runner.journal.path)

    def open(self) -> None:
        """Read the file. Raises HostError."""
        self._opened = time.time()
        with _as_host_error():
            config = self._load()
            self._place = self._find_place(config)
            self._make_runner(config)
        self.runner.pace = self.options.pace

    def _find_place(self, config: Config) -> journals.Place | None:
        """Where the journal will be. If it was not asked for, it is only a good idea."""
        place = journals.place_of(config, self.options.journal)
        if place is not None and not self.options.standby:
            try:
                journals.make_folder(place.path)
            except OSError as error:
                if place.asked:
                    raise JournalUnusable(str(place.path), error.strerror or str(error)) from error
                self._why_none = f"{journals.shown(place.path)}: {error.strerror or error}"
                return None
        return place

    def _make_runner(self, config: Config) -> None:
        place = self._place
        journal = make_journal(config, place.path) if place else None
        self.runner = Runner.from_config(
            config,
            journal=journal or False,
            recorder=recorder_for(config, journal) or False,
        )
        self.control = Control(self.runner, read_only=self.options.read_only)
        options = self.options
        self._feed = feed_of(options.events, options.demo, self._bad_line)
        if self._feed is not None:
            self._feed.attach(self.runner)

    async def start(self) -> None:
        """Load the handlers and work, with what the journal has kept first; emit what there is
        to emit, and watch the files.

        On standby, only be ready to do so. Raises HostError.
        """
        with _as_host_error():
            await self._start()
        if not self.options.standby:
            self._look_recovered()
            await self._begin(0)

    async def _start(self) -> None:
        place = self._place
        fresh = place is not None and not place.asked and not place.path.exists()
        try:
            await self.runner.start(recover=not self.options.standby)
        except JournalUnusable as error:
            if not fresh:
                raise
            self._why_none = str(error)
            self._place = self.runner.journal = None
            self.runner.recorder = recorder_for(self.runner.config, None)
            await self.runner.start()

    async def stop(self, drain: bool = True) -> None:
        """End it all, finishing what is queued first if ``drain``."""
        await self._end_tasks()
        await self.runner.stop(drain=drain, timeout=self.drain_timeout)
        await self._close_socket()

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
        left = await self.runner.hand_over()
        await self._close_socket()
        self._handed_over = True
        feeds = self._feeds if self._port is None else {}
        alerts = self.control.alert_rules.pack()
        said = {"fed": self._fed(), "feeds": feeds, "journal": self.journal, "alerts": alerts}
        return {"runner": left, **said}

    def _fed(self) -> int | None:
        """How far the feed is; None if it has no more."""
        feeding = self._feeding
        if feeding is None or (feeding.done() and not feeding.cancelled()):
            return None
        return 0 if self._port is None else self._port.position

    async def take_over(self, handover: dict[str, Any]) -> None:
        """Go on where another host stopped, or this one, if the other one could not.

        It is the other one's journal that goes on, whatever the file says by now.
        """
        path = handover["journal"]
        self._place = journals.Place(Path(path), True) if path else None
        if self._handed_over:
            self._make_runner(self.runner.config)
            await self.runner.start(recover=False)
            self._handed_over = False
        elif self.journal != path:
            journal = make_journal(self.runner.config, Path(path)) if path else None
            self.runner.journal = journal
            self.runner.recorder = recorder_for(self.runner.config, journal)
        await self.runner.take_over(handover["runner"])
        self.control.alert_rules.unpack(handover["alerts"])
        self._feeds = handover["feeds"]
        await self._begin(handover["fed"])

    async def _begin(self, fed: int | None) -> None:
        """Emit what there is to emit behind the first ``fed`` events, and watch the files."""
        loop = asyncio.get_running_loop()
        await self._open_socket()
        if self._feed is not None and fed is not None:
            self._feeding = loop.create_task(self._emit_all(self._feed, fed), name="feed")
            self._feeding.add_done_callback(self._feed_ended)
        if self.options.watch:
            self._watching = loop.create_task(self._watch(), name="watch")

    async def _open_socket(self) -> None:
        """Let the command line reach this engine: it looks for its socket at the journal."""
        journal = self.runner.journal
        if journal is None:
            return
        path = journal.path
        listening = ControlSocket(
            self.control,
            path.with_name(f"{path.name}.{os.getpid()}.sock"),
            drain_timeout=self.drain_timeout,
        )
        for stale in path.parent.glob(f"{glob.escape(path.name)}.*.sock"):
            stale.unlink(missing_ok=True)  # of a killed process: the journal is ours now
        try:
            await listening.open()
            journal.announce(str(listening.path))
        except OSError as error:
            self.report("warning", f"the command line can't reach this engine: {error}")
        else:
            self._socket = listening

    async def _close_socket(self) -> None:
        if self._socket is not None:
            await self._socket.close()
            self._socket = None

    def _look_recovered(self) -> None:
        """See what the start found, and tell the operator; also if there is no journal at all."""
        if self._why_none:
            self._tell(
                "warning", f"without a journal, a kill loses what is queued: {self._why_none}"
            )
        recovered = self.runner.recovered
        if recovered is None:
            return
        for damage in recovered.damage:  # the log has it by now
            self.runner.notice(damage, _NOTICED)
        sentence = journals.recovered_sentence(recovered)
        if sentence:
            self._tell("info" if recovered.clean else "warning", sentence)
        for name, (position, finished) in recovered.feeds.items():
            # One that was cut short after its last event is not begun again: the rest of it
            # is what was recovered.
            self._feeds[name] = position if not finished else None if sentence else 0

    def _tell(self, level: str, text: str) -> None:
        """Say something in the log, and on the alert line for some seconds."""
        self.runner.report(level, text)
        self.runner.notice(text, _NOTICED)

    async def _end_tasks(self) -> None:
        tasks = [task for task in (self._feeding, self._watching) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    # -- the feed ---------------------------------------------------------------------------

    async def _emit_all(self, feed: Feed, fed: int) -> None:
        source = await feed.identify()
        position = self._feeds.get(source.name, fed)
        if position is None:
            self._tell("info", "the feed had come to its end; what it left is done now")
            return
        if position:
            self._tell("info", _goes_on(source, position))
        self._port = Port(self.runner, source.name if self.runner.journal else "", position)
        await feed.run(self._port)
        await self._port.finish()
        if repeated := self._port.repeated:
            self.report(
                "info", f"{repeated:,} of the feed's events were accepted before: not run again"
            )

    def _feed_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.report("error", f"the feed ended: {type(error).__name__}: {error}")

    def _bad_line(self, number: int, what: str) -> None:
        self.on_bad_line(number, what)  # whoever that is by then

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


def _goes_on(source: Source, fed: int) -> str:
    if source.total:
        return f"the feed goes on at {min(fed + 1, source.total):,} of {source.total:,}"
    return f"the feed goes on at event {fed + 1:,}"


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

"""The feed: one event for each module of the standard library, at a pace one can watch."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from agentflow import CallbackArgs, Event, HookPoint
from agentflow_console.demo.report import REPORT, report_path, take_in
from agentflow_console.demo.source import STDLIB
from agentflow_console.feeds import Port, Source

if TYPE_CHECKING:
    from agentflow import Runner

TARGET = "complexity"
"""Who gets the event when the mode is route; the other modes have their own lists."""

_LEFT_OUT = {"site-packages", "dist-packages", "__pycache__"}

logger = logging.getLogger("stdlib-audit")


def modules(root: Path = STDLIB) -> list[Path]:
    """Every Python file of the library itself, relative to ``root``, in a fixed order.

    Shuffled, always in the same way: so packages take turns, and the files that do not
    parse, which sit together in a few test folders, are spread over the whole run.
    """
    found = sorted(path.relative_to(root) for path in root.rglob("*.py"))
    found = [path for path in found if _LEFT_OUT.isdisjoint(path.parts)]
    random.Random(0).shuffle(found)
    return found


def module_name(path: Path) -> str:
    """``json/decoder.py`` is json.decoder, ``json/__init__.py`` is json."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def package_of(path: Path) -> str:
    """The package at the top that the module belongs to, or the module itself."""
    return path.parts[0] if len(path.parts) > 1 else path.stem


def event_for(path: Path) -> Event:
    """The event that asks for one module's audit; its session is the package."""
    return Event(
        TARGET,
        {"module": module_name(path), "path": str(path)},
        {"priority": priority(path)},
        source="stdlib",
        session_id=package_of(path),
    )


def priority(path: Path) -> str:
    """high for the packages themselves, low for tests, normal for everything else."""
    if {"test", "tests", "idle_test"}.intersection(path.parts):
        return "low"
    return "high" if path.name == "__init__.py" else "normal"


class DemoFeed:
    """Every module of the library, at the pace that the operator has chosen.

    When there is no room in the queue, or the runner is paused, the feed waits.
    """

    def __init__(self) -> None:
        self._paths: list[Path] = []
        self._progress = Progress()

    def attach(self, runner: Runner) -> None:
        """Hang in what must see every event, also those that an earlier run has left."""
        runner.register_callback(HookPoint.AGENT_ERROR, "note-unreadable", note_unreadable)
        runner.register_callback(HookPoint.AFTER_EVENT_HANDLING, "progress", self._progress)

    async def identify(self) -> Source:
        """Another Python has other modules: its feed is another one."""
        self._paths = await asyncio.to_thread(modules)
        names = "\n".join(map(str, self._paths)).encode("utf-8", "surrogateescape")
        digest = hashlib.blake2b(names, digest_size=8).hexdigest()
        return Source(f"demo {digest}", len(self._paths))

    async def run(self, port: Port) -> None:
        """Emit all of it."""
        done: set[str] = set()
        if port.skip:  # the report tells which of those were audited
            await asyncio.to_thread(REPORT.open, report_path())
            done = REPORT.modules
        self._progress.expect(self._paths, done)
        for path in self._paths:
            await port.emit_paced(event_for(path))


class Progress:
    """An AfterEventHandling callback that says when all modules of a package are done.

    Silent until it is told what to expect.
    """

    def __init__(self) -> None:
        self._left: dict[str, set[str]] = {}
        self._total: dict[str, int] = {}
        self._early: set[str] = set()

    def expect(self, paths: Iterable[Path], done: Iterable[str] = ()) -> None:
        """These are all the modules; some of them are ``done``."""
        left: dict[str, set[str]] = defaultdict(set)
        for path in paths:
            left[package_of(path)].add(module_name(path))
        self._total = {package: len(names) for package, names in left.items()}
        known = self._early.union(done)
        self._left = {package: names - known for package, names in left.items()}

    def __call__(self, args: CallbackArgs) -> None:
        """Strike the module off; a second time, or another event, changes nothing."""
        package, module = args.event.session_id, args.event.data.get("module")
        if not self._total and module is not None:
            self._early.add(module)
        left = self._left.get(package, set())
        if module in left:
            left.remove(module)
            if not left:
                logger.info("%s: all %d modules done", package, self._total[package])


async def note_unreadable(args: CallbackArgs) -> None:
    """An AgentError callback: the report names the modules that could not be audited."""
    module = args.event.data.get("module")
    if module and args.error is not None:
        reason = f"{type(args.error).__name__}: {args.error}"
        await asyncio.to_thread(take_in, (module, reason))

"""The feed: one event for each module of the standard library, at a pace one can watch."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from agentflow import CallbackArgs, Event, HookPoint
from agentflow_console.demo.report import REPORT
from agentflow_console.demo.source import STDLIB

if TYPE_CHECKING:
    from agentflow_console.feeds import Port

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


async def feed(port: Port) -> None:
    """Emit every event, at the pace that the operator has chosen.

    When there is no room in the queue, or the runner is paused, the feed waits.
    """
    paths = await asyncio.to_thread(modules)
    port.register_callback(HookPoint.AGENT_ERROR, "note-unreadable", note_unreadable)
    port.register_callback(HookPoint.AFTER_EVENT_HANDLING, "progress", Progress(paths))
    for path in paths:
        await port.emit_paced(event_for(path))


class Progress:
    """An AfterEventHandling callback that says when all modules of a package are done."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._left: dict[str, set[str]] = defaultdict(set)
        for path in paths:
            self._left[package_of(path)].add(module_name(path))
        self._total = {package: len(names) for package, names in self._left.items()}

    def __call__(self, args: CallbackArgs) -> None:
        """Strike the module off; a second time, or another event, changes nothing."""
        package, module = args.event.session_id, args.event.data.get("module")
        left = self._left.get(package, set())
        if module in left:
            left.remove(module)
            if not left:
                logger.info("%s: all %d modules done", package, self._total[package])


def note_unreadable(args: CallbackArgs) -> None:
    """An AgentError callback: the report names the modules that could not be audited."""
    module = args.event.data.get("module")
    if module and args.error is not None:
        REPORT.add_unreadable(module, f"{type(args.error).__name__}: {args.error}")

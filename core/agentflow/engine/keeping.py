"""Keeping: the life of a runner's journal, from what it finds at the start to the last word."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from agentflow.config import Config, diff
from agentflow.engine.handover import version_fields, version_of
from agentflow.engine.history import LIMIT, Version
from agentflow.engine.journaling import Intake
from agentflow.engine.restoring import Restoring
from agentflow.journal import Journal, Recovery
from agentflow.journal.place import default_path, make_journal

if TYPE_CHECKING:
    from agentflow.engine.runner import Runner

_PAUSED = "paused"
_BREAKPOINTS = "breakpoints"


def journal_for(config: Config, *, default: Path | None = None) -> Journal | None:
    """The journal that ``config`` asks for, else one at ``default``, else None.

    A path in the configuration is seen from its file. The file is not touched yet.
    """
    settings = config.journal
    if settings.enabled is False or settings.durability == "none":
        return None
    path = default
    if settings.path:
        path = Path(config.path).parent / settings.path
    elif path is None and settings.enabled:
        path = default_path(config.path)
    if path is None:
        return None
    return make_journal(config, path)


class Keeping:
    """Opens the journal of a runner, goes on with what is in it, and closes it."""

    def __init__(self, runner: Runner, journal: Journal) -> None:
        self.journal = journal
        self._runner = runner
        self._restoring: Restoring
        self._paused_before: tuple[bool, list[str]] = (False, [])
        self._breakpoints_before = b""

    async def start_again(self) -> None:
        """Take the journal and go on with everything in it: events, versions, audit, pauses.

        Raises JournalInUse and JournalUnusable.
        """
        runner = self._runner
        recovery = await self._open()
        history, telemetry = runner.history, runner.telemetry
        versions = [version for fields in recovery.versions if (version := version_of(fields))]
        if versions:
            history.versions = versions[-LIMIT:]
            history.revision += 1
            # The numbers go on; a configuration that means the same keeps its own.
            last = history.current
            same = last is not None and not diff(last.config, runner.config)
            runner.version = last.number if last and same else history.last_number + 1
        telemetry.go_on_with_audit(recovery.audit)
        self._breakpoints_before = recovery.facts.get(_BREAKPOINTS, b"")
        paused = recovery.facts.get(_PAUSED)
        if paused is not None:
            self._paused_before = msgspec.msgpack.decode(paused, type=tuple[bool, list[str]])

    async def go_on(self) -> None:
        """Take the journal over from a runner that has handed over.

        Raises JournalInUse and JournalUnusable.
        """
        await self._open()
        self._runner.recovered = None  # this is no new start

    async def _open(self) -> Recovery:
        runner, journal = self._runner, self.journal
        dispatcher = runner.dispatcher
        began = dispatcher.now()
        if journal.inline:
            recovery = journal.open(dispatcher.clock.time())
        else:
            recovery = await asyncio.to_thread(journal.open, dispatcher.clock.time())
        intake = Intake(journal, dispatcher, runner.subscribers.publish, runner.report)
        self._restoring = Restoring(journal, dispatcher, runner.config, runner.report)
        journal.start(asyncio.get_running_loop(), intake.deliver, self._changed)
        dispatcher.intake = intake
        runner.recovered = self._restoring.begin(recovery, dispatcher.now() - began)
        for sentence in recovery.damage:
            runner.report("error", sentence)
        return recovery

    def read_on(self) -> None:
        """Read what has not been read yet, now that the runner works."""
        self._restoring.go_on()

    def stop_reading(self) -> None:
        """What has not been read yet is for the next start."""
        self._restoring.stop()

    async def close(self) -> None:
        """Write what is left and let the journal go."""
        self.stop_reading()
        if self.journal.inline:
            self.journal.close()
        else:
            await asyncio.to_thread(self.journal.close)
        await asyncio.sleep(0)  # what was committed last is told now
        self._runner.dispatcher.intake = None

    def keep_version(self, version: Version) -> None:
        """Keep a configuration that has begun to run."""
        self.journal.version(version_fields(version))

    def keep_pauses(self) -> None:
        """Keep what is paused now, for the next start; what was stopped begins afresh then."""
        runner = self._runner
        agents = [
            name
            for name, agent in runner.agents.items()
            if agent.vitals.paused and not agent.vitals.stopped
        ]
        self.journal.put(_PAUSED, msgspec.msgpack.encode((runner.paused, agents)))

    def keep_breakpoints(self) -> None:
        """Keep the breakpoints, for a next start that finds events stopped at them."""
        self.journal.put(_BREAKPOINTS, msgspec.msgpack.encode(self._runner.breakpoints.pack()))

    def set_again(self) -> None:
        """Set the breakpoints of the last run, if what was stopped there was to be kept."""
        kept, self._breakpoints_before = self._breakpoints_before, b""
        packed = msgspec.msgpack.decode(kept) if kept else {"on_quit": ""}
        runner = self._runner
        if (packed["on_quit"] or runner.config.breakpoints.on_quit) != "keep" or not kept:
            return
        number = runner.breakpoints.unpack(packed)
        if number:
            are = "breakpoint is" if number == 1 else "breakpoints are"
            runner.report("warning", f"{number} {are} still set from before the start")

    def pause_again(self) -> None:
        """Pause what was paused, by an operator, when the last run ended."""
        runner = self._runner
        everything, agents = self._paused_before
        again = [name for name in agents if name in runner.agents]
        if everything:
            runner.pause()
        for name in again:
            runner.pause(name)
        if everything or again:
            what = ["the runner"] * everything + again
            runner.report("warning", f"still paused from before the start: {', '.join(what)}")

    def _changed(self, state: str, reason: str) -> None:
        """The disk is full, or has failed, or works again."""
        runner = self._runner
        if state == "ok":
            runner.report("info", "the journal works again: events are accepted")
        elif state == "full":
            runner.report("error", f"nothing is accepted for want of room: {reason}")
        else:
            # What ended now could not be kept, and would run again after the next start.
            runner.pause()
            runner.report("error", f"{reason}; events are held until a new start")

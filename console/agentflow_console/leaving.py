"""Leaving: the engine finishes what it can while the screen shows how far it is.

Whoever wants to leave says so once, by a key or a signal: then the engine drains. Saying
it again stops it at once. What is left then waits in the journal, if there is one.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from agentflow.telemetry.snapshot import Cursor
from agentflow_console import crash, farewell
from agentflow_console.link.protocol import LinkError
from agentflow_console.operate import Operating
from agentflow_console.signals import Signals
from agentflow_console.text import safe

if TYPE_CHECKING:
    from agentflow_console.driver import TerminalState

_TELL = 2.0  # seconds between two lines about a drain that no screen shows


class Leaving(Operating):
    """The part of the app that ends it, wanted or not, and gives the terminal back."""

    leave_with = 0
    """The exit code of leaving: 2 when the engine could not be started."""
    leaving = ""
    """How far leaving is: "" for not at all, "draining", or "at once"."""

    _over = False  # the screens are gone

    def leave_replay(self) -> bool:
        """Go back from a replay to the engine; False if there is none to go back to."""
        return False

    # -- wanted ------------------------------------------------------------------------------

    def action_leave(self) -> None:
        """Quit; asks first about events that no drain can save. Out of a replay to the engine."""
        if not self.leaving and self.leave_replay():
            return
        lost = 0 if self.leaving or self._is_asking() else self._would_be_lost()
        if lost:
            self._tell("asked", f"{lost:,} held would be lost: q quits, esc stays")
        else:
            self.leave()

    async def action_quit(self) -> None:
        """Textual's own way out: the same."""
        self.action_leave()

    def action_help_quit(self) -> None:
        """What Textual does for ctrl+c, which many people press to leave: the same."""
        self.action_leave()

    def leave(self) -> None:
        """Leave when the engine has finished what it has; the second time don't wait for that."""
        if self.leaving == "at once":
            self.exit(self.leave_with, return_code=self.leave_with)
            return
        self.leaving = "at once" if self.leaving else "draining"
        self._news = None
        while len(self.screen_stack) > 1:
            self.pop_screen()  # what is going on is said below dialogs
        self.run_worker(self._close(drain=self.leaving == "draining"), name="leaving")
        self.refresh_lines()

    async def _close(self, *, drain: bool) -> None:
        await self.link.close(drain=drain)
        self.exit(self.leave_with, return_code=self.leave_with)

    def _would_be_lost(self) -> int:
        """How many events wait for a person, and are kept nowhere else."""
        link, snapshot = self.link, self.store.snapshot
        if snapshot is None or link.status != "connected" or link.journal or not link.owned:
            return 0
        counts = snapshot.counts
        if snapshot.paused:
            return counts.held + counts.queued
        # What is stopped at a breakpoint goes on at the end, and what waits behind it too.
        going_on = {stop.event_id: 1 + stop.behind for stop in snapshot.stops}
        return max(counts.held - sum(going_on.values()), 0)

    def _is_asking(self) -> bool:
        return self._news is not None and self._news.kind == "asked"

    def cancel_question(self) -> bool:
        """Take back the question that is on the alert line; False if there is none."""
        if not self._is_asking():
            return False
        self._news = None
        self.refresh_lines()
        return True

    # -- told from outside -------------------------------------------------------------------

    def signalled(self, number: int, count: int) -> None:
        """A signal says that this is to end."""
        if self._over or not self.is_running:
            if count > 1:
                self._hastening = asyncio.ensure_future(self.link.close(drain=False))
        elif number == signal.SIGHUP:
            self._without_screen()
        else:
            self.leave()

    def terminal_gone(self) -> None:
        """Nobody sees the screen any more. From any thread."""
        if self._loop is not None and not self._over:
            self._loop.call_soon_threadsafe(self._without_screen)

    def _without_screen(self) -> None:
        """End the screens; the engine drains all the same."""
        self.leaving = self.leaving or "draining"
        self.exit(self.leave_with, return_code=self.leave_with)

    # -- the end -----------------------------------------------------------------------------

    async def run_async(self, **options: Any) -> int | None:
        """Run to the end; the engine has ended too, unless it has a process of its own and the
        screens have crashed: then it finishes what it has without anybody watching.
        """
        from agentflow_console.driver import TerminalState

        terminal = TerminalState()
        with Signals(self.signalled, partial(_give_up, terminal)):
            try:
                await super().run_async(**options)
            except Exception as error:
                self._exception = self._exception or error
            finally:
                self._over = True
                if not getattr(self._driver, "restored", True):
                    terminal.restore()
            if self._exception is None or not self.link.process:
                await self._end_engine()
        return self.return_value

    async def _end_engine(self) -> None:
        telling = asyncio.create_task(self._tell_progress())
        try:
            await self.link.close(drain=self.leaving != "at once")
        except Exception as error:
            self._exception = self._exception or error
        finally:
            telling.cancel()

    async def _tell_progress(self) -> None:
        """Say on the terminal how far the engine is, when there are no screens to say it."""
        while self.link.status != "closed":
            await asyncio.sleep(_TELL)
            try:
                snapshot = await self.link.pull(Cursor(limit=0))
                agents = [row.name for row in snapshot.agents or [] if row.in_flight]
                lines = farewell.progress(snapshot.counts, agents, self.link.seconds_left)
                print(lines[0], file=sys.stderr, flush=True)
            except (LinkError, OSError):
                return  # there is no engine any more, or no terminal

    def last_words(self) -> tuple[list[str], int]:
        """What is left to say when the screens are gone, for stderr; and the exit code."""
        code = self.return_code or 0
        if self._exception is not None:
            code, said = 1, crash.report(self._exception, self.link)
        else:
            said = farewell.lines(self.link)
            if self.link.reason and not code:
                code = 1 if self.link.started else 2
        # What an engine said last may hold anything at all.
        return [safe(line) for line in "\n".join(said).splitlines()], code

    def _fatal_error(self) -> None:
        # Textual would draw the traceback with all local values, for the terminal.
        self._close_messages_no_wait()

    def _print_error_renderables(self) -> None:
        self._exit_renderables.clear()  # ``last_words`` says it


def _give_up(terminal: TerminalState) -> None:
    """Nothing moves here any more, and somebody wants to have the terminal back."""
    terminal.restore()
    os._exit(1)

"""Viewing: the part of the app that shows a recording in place of a running engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from agentflow.errors import RecordingUnusable
from agentflow.telemetry.snapshot import AuditRow, DeadRow, EventRow, LogRow, SessionRow, SpanRow
from agentflow_console.forms.opening import Opening
from agentflow_console.link.kinds import as_recorded
from agentflow_console.rooms import Rooms
from agentflow_console.text import safe

if TYPE_CHECKING:
    from agentflow_console.link.protocol import Link
    from agentflow_console.link.recorded import RecordedLink
    from agentflow_console.scrubber import Scrubber

_AGO = 60.0  # seconds before the end at which a replay begins that nothing was selected for


class Viewing(Rooms, Opening):
    """Opens a recording, moves in it, and goes back to the engine. For ``ConsoleApp``."""

    clock: Callable[[], float]
    scrubber: Scrubber

    _behind: tuple[Link, Callable[[], float]] | None = None
    _due = False

    @property
    def replay(self) -> RecordedLink | None:
        """The recording that is shown, if one is."""
        return as_recorded(self.link)

    # -- opening and leaving ----------------------------------------------------------------

    def action_view_again(self) -> None:
        """Replay from where the selected row was; in a replay, take hold of the scrubber."""
        if self.replay is not None:
            if self.room is not None and not self.room.ready:
                # It takes the keyboard when it is there.
                self.room.waiting.append(self.scrubber.focus)
            else:
                self.scrubber.focus()
            return
        snapshot = self.store.snapshot
        path = snapshot.recording if snapshot is not None else ""
        if not path:
            self.say("Nothing is recorded here: [recording] in the configuration says whether.")
            return
        from agentflow.recording import Recording
        from agentflow_console.link.recorded import RecordedLink

        try:
            recording = Recording.open(Path(path))
        except RecordingUnusable as error:
            self.say(safe(str(error), 300), ok=False)
            return
        at = self._time_of_selected()
        link = RecordedLink(recording, at=recording.span.end - _AGO if at is None else at)
        link.status = "connected"
        self._behind = (self.link, self.clock)
        self._show(link, lambda: link.at)
        self.say("This is the recording; q goes back to the engine, V takes hold of the time.")

    def leave_replay(self) -> bool:
        """Go back to the engine; False if there is none."""
        link = self.replay
        if link is None or self._behind is None:
            return False
        behind, clock = self._behind
        self._behind = None
        link.status = "closed"
        link.recording.close()
        self._show(behind, clock)
        return True

    def _show(self, link: Link, clock: Callable[[], float]) -> None:
        self.link, self.clock = link, clock
        self.frozen = False
        self.store.forget()
        if self.replay is not None:
            self._look()
        elif self.room is not None:
            self.room.focus_pane()
        self.refresh_lines()

    def _time_of_selected(self) -> float | None:
        row = self.room.selected if self.room is not None else None
        if isinstance(row, SessionRow | SpanRow):
            return row.start
        if isinstance(row, EventRow | DeadRow | LogRow | AuditRow):
            return row.time
        return None

    def _replaying(self) -> bool:
        return self.replay is not None

    def _why_refused(self) -> str:
        from agentflow.control.replaying import REFUSED

        return REFUSED if self.replay is not None else super()._why_refused()

    # -- moving -----------------------------------------------------------------------------

    def seek(self, at: float) -> None:
        """Show another moment."""
        if self.replay is not None:
            self.replay.seek(at)
            self._look_soon()

    def action_replay_step(self, direction: int) -> None:
        """One event back or on."""
        if (link := self._replayed()) is None:
            return
        if link.step(direction):
            self._look_soon()
        else:
            self.say("Nothing ended after that." if direction > 0 else "Nothing ended before that.")

    def action_replay_speed(self, steps: int) -> None:
        """Slower or faster."""
        if (link := self._replayed()) is not None:
            link.faster(steps)
            self.refresh_lines()

    def toggle_replay(self) -> None:
        """Play, or stop."""
        if (link := self._replayed()) is not None:
            link.toggle()
            self._look_soon()

    def _replayed(self) -> RecordedLink | None:
        if self.replay is None:
            self.say("This is no replay; V opens one, from the selected row on.")
        return self.replay

    def _look_soon(self) -> None:
        """Look once for all the moves that come before the next turn."""
        if not self._due:
            self._due = True
            self.call_later(self._look)

    def _look(self) -> None:
        self._due = False
        link = self.replay
        if link is None or link.status == "closed":
            return
        from agentflow_console.link.protocol import LinkError

        try:
            self.store.apply(link.look(self.store.cursor))
        except LinkError as error:
            self.say(safe(str(error), 300), ok=False)
            return
        self.paint_now()
        self.refresh_lines()

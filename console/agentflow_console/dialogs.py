"""Dialogs: what opens over the screens: forms, help, the palette."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.worker import Worker

from agentflow.control import DeadDetail, EventDetail
from agentflow.telemetry.snapshot import DeadRow
from agentflow_console.link.protocol import LinkError
from agentflow_console.operate import Operating

if TYPE_CHECKING:
    from agentflow_console.commands import Command
    from agentflow_console.forms.palette import Entry
    from agentflow_console.keymap import KeyMap


class Dialogs(Operating):
    """The part of the app that opens them. Each is imported when it is wanted."""

    keys: KeyMap

    def choose_theme(self, name: str, *, keep: bool) -> None:
        """Show a theme; ``keep`` remembers it."""
        raise NotImplementedError

    def open_in(self, room_id: str, key: Any) -> None:
        """Show a screen with the row of this key open."""
        raise NotImplementedError

    @property
    def _room_id(self) -> str:
        return self.room.room if self.room else "overview"

    # -- looking -----------------------------------------------------------------------------

    def action_show_help(self) -> None:
        from agentflow_console.screens.help import HelpScreen

        self.push_screen(HelpScreen(self._room_id, self.keys, read_only=self.read_only))

    def action_trace_event(self) -> None:
        session = self.selected_session()
        if session:
            self.open_in("traces", session)
        else:
            self.say("Select an event to see the trace of its session.")

    def action_open_palette(self) -> None:
        from agentflow_console.forms import palette

        entries = [
            *palette.command_entries(self._room_id, self.keys),
            *palette.agent_entries((row.name, row.state) for row in self.store.agents),
            *palette.theme_entries((name, "") for name in sorted(self.available_themes)),
        ]
        self.push_screen(palette.PaletteScreen(entries), self._run_entry)

    async def _run_entry(self, entry: Entry | None) -> None:
        if entry is None:
            return
        if entry.command.id == "agent.pause" and entry.arguments:
            self.action_pause_agent(*entry.arguments)
        elif entry.command.id == "theme.choose" and entry.arguments:
            self.choose_theme(entry.arguments[0], keep=True)
        else:
            await self._run_command(entry.command)

    async def _run_command(self, command: Command) -> None:
        from agentflow_console.commands import GLOBAL, PANE

        room = self.room
        where: Any = room
        if command.scope == GLOBAL:
            where = self
        elif command.scope == PANE and room is not None:
            where = room.pane
        if where is not None:
            await self.run_action(command.action, where)

    def action_choose_theme(self) -> None:
        from agentflow_console.forms import palette

        before = self.theme
        entries = palette.theme_entries((name, "") for name in sorted(self.available_themes))
        at = next((entry for entry in entries if entry.arguments == (before,)), None)

        def passing(entry: Entry | None) -> None:
            self.choose_theme(entry.arguments[0] if entry else before, keep=False)

        screen = palette.PaletteScreen(entries, placeholder="theme", passing=passing, at=at)
        self.push_screen(screen, self._run_entry)

    # -- changing ----------------------------------------------------------------------------

    def _may_change(self) -> bool:
        if self.read_only:
            self.say("Read-only: nothing can be changed here.", ok=False)
        return not self.read_only

    def action_inject(self) -> None:
        if self._may_change():
            self._open_inject(None)

    def _open_inject(self, event: dict[str, Any] | None) -> None:
        from agentflow_console.forms.inject import InjectScreen

        names = [row.name for row in self.store.agents]
        target = self.selected_agent() if event is None else ""
        self.push_screen(InjectScreen(self.command, names, event, target=target))

    def action_edit_event(self) -> Worker[None] | None:
        if not self._may_change():
            return None
        if not self.selected_event_id():
            self.say("Select an event to inject an edited copy of it.")
            return None
        return self.run_worker(self._edit_event(), group="inspect", exit_on_error=False)

    async def _edit_event(self) -> None:
        detail = await self._selected_detail()
        if detail is None:
            self.say("The engine no longer has this event in full.", ok=False)
        else:
            self._open_inject(detail.event)

    async def _selected_detail(self) -> EventDetail | DeadDetail | None:
        row = self.room.selected if self.room else None
        try:
            if isinstance(row, DeadRow):
                return await self.link.dead_letter(row.number)
            return await self.link.event(self.selected_event_id())
        except LinkError:
            return None

    def action_choose_mode(self) -> None:
        from agentflow_console.forms.mode import ModeScreen

        snapshot = self.store.snapshot
        if snapshot is not None and self._may_change():
            self.push_screen(
                ModeScreen(self.command, snapshot.mode, self.store.agents, snapshot.counts)
            )

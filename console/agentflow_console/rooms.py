"""Rooms: the screens, of which one is shown; each is made when it is first wanted."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from textual.containers import Container

from agentflow_console.commands import SCREENS
from agentflow_console.leaving import Leaving

if TYPE_CHECKING:
    from agentflow_console.palette import Palette
    from agentflow_console.panes.table import TablePane
    from agentflow_console.screens.base import Room

ROOMS = {
    "overview": "overview:Overview",
    "events": "events:Events",
    "agents": "agents:Agents",
    "hooks": "hooks:Hooks",
    "traces": "traces:Traces",
    "metrics": "metrics:Metrics",
    "config": "config:Config",
    "dead_letters": "dead_letters:DeadLetters",
    "audit": "audit:Audit",
    "log": "log:Log",
    "breakpoints": "breakpoints:Breakpoints",
    "whatif": "whatif:WhatIf",
}
"""Where the class of each screen is, by its id in ``commands.SCREENS``; imported when wanted."""

assert set(ROOMS) == {screen.id for screen in SCREENS}


class Rooms(Leaving):
    """The part of the app that shows one screen at a time, and finds the way back."""

    palette: Palette

    def __init__(self) -> None:
        super().__init__()
        self.place = Container(id="rooms")
        """Where the screens are."""
        self.rooms: dict[str, Room] = {}
        self.room: Room | None = None
        self._cold = list(ROOMS.values())

    def warm_up(self) -> None:
        """Import one more screen, so that its key need not wait for that later."""
        if self._cold:
            import_module(f"agentflow_console.screens.{self._cold.pop(0).partition(':')[0]}")

    @property
    def sides(self) -> bool:
        """Whether panes have sides: below 100 columns the text needs the cells."""
        return self.size.width >= 100

    def paint_now(self) -> None:
        """Have the visible screen look at the store at once."""
        raise NotImplementedError

    def preview_filter(self, table: TablePane[Any], text: str) -> str:
        """Filter a pane without remembering it; returns what is wrong with the filter."""
        raise NotImplementedError

    def action_go(self, room_id: str) -> None:
        """Show a screen; it is made the first time that it is wanted."""
        old = self.room
        if old is not None and old.room == room_id:
            old.focus_pane()
            return
        room = self.rooms.get(room_id)
        if room is None:
            room = self.rooms[room_id] = _make_room(room_id)
            self.place.mount(room)
        if old is not None:
            old.display = False
            old.came_from = ""
            old.left()
        room.display = True
        self.room = room
        if room.ready:
            self.enter(room)
        self.refresh_lines()

    def enter(self, room: Room) -> None:
        """Its panes are there: style, fill and focus them. A new room calls it when mounted."""
        if room is not self.room:
            return
        look = (self.palette, self.size)
        if room.styled_for != look:
            room.styled_for = look
            room.restyle(self.palette, sides=self.sides)
        room.entered()
        self.paint_now()
        waiting, room.waiting = room.waiting, []
        for callback in waiting:
            self.call_after_refresh(callback)

    def open_in(self, room_id: str, key: Any) -> None:
        """Show a screen with the row of this key open."""
        self._go_and(room_id, lambda room: room.select(key))

    def show_events(self, filter_text: str) -> None:
        """Show the events that a filter lets through."""

        def filter_them(room: Room) -> None:
            if room.table is not None:
                room.filter_before = room.table.filter_text
                self.preview_filter(room.table, filter_text)

        self._go_and("events", filter_them)

    def _go_and(self, room_id: str, then: Callable[[Room], object]) -> None:
        """Show a screen and do something with it once it is there."""
        came_from = self.room.room if self.room else ""
        self.action_go(room_id)
        room = self.rooms[room_id]
        room.came_from = came_from if came_from != room_id else ""
        if room.ready:
            self.call_after_refresh(then, room)
        else:
            room.waiting.append(partial(then, room))


def _make_room(room_id: str) -> Room:
    module, _, name = ROOMS[room_id].partition(":")
    return cast("Room", getattr(import_module(f"agentflow_console.screens.{module}"), name)())

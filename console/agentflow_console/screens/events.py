"""Events: the queue and the stream, and one event in full."""

from __future__ import annotations

from typing import Any

from agentflow.control import EventDetail
from agentflow.telemetry.snapshot import EventRow
from agentflow_console.latest import Latest
from agentflow_console.panes.event_detail import event_lines, event_plain
from agentflow_console.panes.events import LIVE_STATES, EventsPane
from agentflow_console.panes.table import TablePane
from agentflow_console.screens.listing import Listing


class Events(Listing):
    """The list, and everything about the selected event."""

    room = "events"
    title = "Events"

    def __init__(self) -> None:
        super().__init__()
        self._detail: EventDetail | None = None
        self._for = ""
        self._shown: object = None
        self._inspector: Latest[str, EventDetail | None] | None = None

    def make_list(self) -> TablePane[Any]:
        return EventsPane(id="events-list")

    def describe(self, row: EventRow | None) -> None:
        cells = self.detail_cells
        if not cells:
            return
        palette = self.console.palette
        if row is None:
            text = " No event is selected."
            self.detail.show("", "Event", [[(text, palette.muted)]])
            return
        if self._inspector is None:
            self._inspector = Latest(self, self.console.link.event, self._got)
        self._inspector.want(row.id, live=row.state in LIVE_STATES)
        known = self._detail if self._for == row.id else None
        if (row, id(known), cells, palette) == self._shown:
            return
        self._shown = (row, id(known), cells, palette)
        lines = event_lines(row, known, palette, cells)
        self.detail.show(row.id, f"Event {row.seq}", lines)

    def _got(self, event_id: str, detail: EventDetail | None) -> None:
        self._for, self._detail = event_id, detail
        if detail is not None:
            self.detail.plain_of = lambda: event_plain(detail)
        self.describe(self.list.selected)

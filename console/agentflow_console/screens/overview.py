"""Overview: the live panes side by side, as many as the width has room for."""

from __future__ import annotations

import time
from typing import Any

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from agentflow.control import EventDetail
from agentflow.telemetry.snapshot import AgentRow, EventRow, HookRow
from agentflow_console.latest import Latest
from agentflow_console.panes.agents import AgentsPane
from agentflow_console.panes.base import Pane
from agentflow_console.panes.events import LIVE_STATES, EventsPane
from agentflow_console.panes.hooks import HooksPane
from agentflow_console.panes.metrics import MetricsPane
from agentflow_console.panes.table import TablePane
from agentflow_console.panes.waterfall import Waterfall
from agentflow_console.screens.base import Room
from agentflow_console.store import Store

_WIDE, _TWO = 140, 100
_LINGER = 2.0  # seconds that the trace of an event which ended stays, while following


class Overview(Room):
    """140 columns and more: everything. From 100: agents over events. Below: one at a time."""

    DEFAULT_CSS = """
    Overview #left { width: 62; }
    Overview #right { width: 1fr; }
    Overview #agents { height: 5fr; }
    Overview #hooks { height: 3fr; }
    Overview #metrics { height: 9; }
    Overview #events { height: 3fr; }
    Overview #trace { height: 2fr; }
    Overview.-stacked #columns { layout: vertical; }
    Overview.-stacked #left, Overview.-stacked #right { width: 1fr; height: 2fr; }
    Overview.-stacked #right { height: 5fr; }
    Overview.-single #left, Overview.-single #right { width: 1fr; height: 1fr; }
    Overview.-single Pane { height: 1fr; }
    """
    room = "overview"
    title = "Overview"

    def __init__(self) -> None:
        super().__init__()
        self._inspector: Latest[str, EventDetail | None] | None = None
        self._traced: EventRow | None = None
        self._detail: EventDetail | None = None
        self._since = 0.0  # when the traced event was chosen, or was seen to have ended
        self._single = "events"  # the pane that is shown where there is room for one

    def compose(self) -> ComposeResult:
        self._events = EventsPane(id="events")
        self._waterfall = Waterfall(id="trace")
        with Horizontal(id="columns"):
            with Vertical(id="left"):
                yield AgentsPane(id="agents")
                yield HooksPane(id="hooks")
                yield MetricsPane(id="metrics")
            with Vertical(id="right"):
                yield self._events
                yield self._waterfall

    # -- which panes there are ---------------------------------------------------------------

    def choose_panes(self) -> None:
        cells = self.app.size.width
        every = self._panes
        focused = self.pane
        if self.zoomed:
            shown = [pane for pane in every if pane is (focused or every[0])]
        elif cells >= _WIDE:
            shown = every
        elif cells >= _TWO:
            shown = [pane for pane in every if pane.id in ("agents", "events")]
        else:
            shown = [pane for pane in every if pane.id == self._single]
        for number, pane in enumerate(every, 1):
            pane.display = pane in shown
            alone = len(shown) == 1 and not self.zoomed
            pane.more = f" · {number} of {len(every)}, tab goes on" if alone else ""
        for side in self.query("#left, #right"):
            side.display = any(pane.display for pane in side.query(Pane))
        self.set_class(len(shown) > 1 and cells < _WIDE, "-stacked")
        self.set_class(len(shown) == 1, "-single")

    def focus_pane(self, step: int = 0) -> None:
        if step and self.has_class("-single"):
            every = self._panes
            names = [pane.id for pane in every]
            current = self.pane.id if self.pane else self._single
            self._single = names[(names.index(current) + step) % len(names)] or "events"
            every[names.index(self._single)].display = True
            every[names.index(self._single)].focus(scroll_visible=False)
            self.call_after_refresh(self._rearrange)
            return
        if not step and self.pane is not self.app.focused:
            self.query_one(f"#{self._single}").focus(scroll_visible=False)
            return
        super().focus_pane(step)

    def _rearrange(self) -> None:
        self.choose_panes()
        self.call_after_refresh(self.console.paint_now)

    # -- the trace of the selected event -------------------------------------------------------

    def refresh_from(self, store: Store, now: float, *, force: bool = False) -> None:
        super().refresh_from(store, now, force=force)
        self._trace(store, now)

    def on_table_pane_moved(self, event: TablePane.Moved) -> None:
        event.stop()
        if self.console.frozen:
            self._trace(self.console.store, time.perf_counter())

    def _trace(self, store: Store, now: float) -> None:
        pane = self._waterfall
        if not pane.shown:
            return
        row = self._choose(store, now)
        if row is None:
            pane.show_nothing("Select an event to see where its time went.")
            return
        if self._inspector is None:
            self._inspector = Latest(self, self.console.link.event, self._got)
        self._inspector.want(row.id, live=row.state in LIVE_STATES)

    def _choose(self, store: Store, now: float) -> EventRow | None:
        """The selected event; while following, one stays until it has ended and was seen."""
        events = self._events
        if not events.following:
            self._traced = events.selected
            return self._traced
        traced = store.events.get(self._traced.seq) if self._traced else None
        if traced is not None and traced.state in LIVE_STATES:
            self._since = now
        if traced is None or now - self._since > _LINGER:
            running = (row for row in events.rows if row.state == "running")
            traced = next(running, None) or events.selected or traced
            self._since = now
        self._traced = traced
        return traced

    def _got(self, event_id: str, detail: EventDetail | None) -> None:
        row = self._traced
        if row is None or row.id != event_id:
            return
        pane = self._waterfall
        if detail is None:
            pane.show_nothing("The engine keeps no trace of this event any more.")
            return
        heading = f"Trace of {detail.row.seq} · {detail.row.target or detail.row.at}"
        pane.show_spans(event_id, heading, detail.spans, self.console.store_time)

    # -- going deeper --------------------------------------------------------------------------

    def open_row(self, row: Any) -> None:
        if isinstance(row, EventRow):
            self.console.open_in("events", row.seq)
        elif isinstance(row, AgentRow):
            self.console.open_in("agents", row.name)
        elif isinstance(row, HookRow):
            self.console.open_in("hooks", (row.hook, row.name))

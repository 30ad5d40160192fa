"""Agents: everyone who works here, and one of them in full."""

from __future__ import annotations

from itertools import islice
from typing import Any, ClassVar

from textual.binding import BindingType

from agentflow.telemetry.snapshot import AgentRow
from agentflow_console import show
from agentflow_console.bindings import bindings
from agentflow_console.panes.agents import ORDERS, AgentsPane
from agentflow_console.panes.base import Piece
from agentflow_console.panes.document import Lines, folded
from agentflow_console.panes.events import route, took
from agentflow_console.screens.listing import Listing
from agentflow_console.text import fit, safe

_NAME = 11
_EVENTS = 12  # events in the detail


class Agents(Listing):
    """The list, and the selected agent; ↵ on that leads to its events."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("agents")
    room = "agents"
    title = "Agents"
    always_beside = False

    def __init__(self) -> None:
        super().__init__()
        self._shown: object = None

    def make_list(self) -> AgentsPane:
        return AgentsPane(full=True, id="agents-list")

    def action_sort(self) -> None:
        """Sort by the next of the orders."""
        pane = self.list
        assert isinstance(pane, AgentsPane)
        pane.order = ORDERS[(ORDERS.index(pane.order) + 1) % len(ORDERS)]
        self.console.paint_now()

    def open_row(self, row: Any) -> None:
        if self.opened and self.detail.has_focus:
            self.console.show_events(f"agent:{row.name}")
        else:
            super().open_row(row)

    def describe(self, row: AgentRow | None) -> None:
        cells = self.detail_cells
        if not cells:
            return
        palette = self.console.palette
        revision = self.console.store.events.revision
        if (row, revision, cells, palette) == self._shown:
            return
        self._shown = (row, revision, cells, palette)
        if row is None:
            self.detail.show("", "Agent", [[(" No agent is selected.", palette.muted)]])
            return
        facts = [
            ("Role", row.role), ("Code", row.kind), ("Place", row.place or "not in the plan"),
            ("Breaker", row.breaker),
            ("Runs", f"{row.count}, {row.errors} failed, {row.retries} retries, "
                     f"{row.in_flight} now, {row.held} held"),
            ("Rate", f"{show.rate(row.rate)} a second"),
            ("Took", f"mean {show.duration(row.mean)} · p50 {show.duration(row.p50)} · "
                     f"p95 {show.duration(row.p95)} · p99 {show.duration(row.p99)}"),
            ("Tokens", f"{row.tokens_in} in, {row.tokens_out} out"
                       if row.tokens_in or row.tokens_out else ""),
            ("Last run", show.clock(row.last_time) if row.last_time else "never"),
        ]  # fmt: skip
        lines: Lines = [
            [
                (" " + show.state(row.state), palette.state(row.state)),
                ("  " + safe(row.name, 80), palette.strong),
            ]
        ]
        for name, value in facts:
            if value:
                start: list[Piece] = [(" " + fit(name, _NAME), palette.muted)]
                lines += folded(start, (safe(value), palette.text), cells, _NAME + 1)
        if row.last_error:
            lines += [[], [(" Last error", palette.heading)]]
            lines += folded([(" ", palette.text)], (safe(row.last_error), palette.error), cells, 1)
        lines += self._events(row)
        self.detail.show(row.name, f"Agent {safe(row.name, 60)}", lines)

    def _events(self, row: AgentRow) -> Lines:
        palette = self.console.palette
        name = row.name
        found = islice(
            (
                event
                for event in reversed(self.console.store.events.rows())
                if name == event.target or name == event.at.partition(" +")[0]
            ),
            _EVENTS,
        )
        lines: Lines = [[], [(" Its latest events", palette.heading)]]
        for event in found:
            lines.append(
                [
                    (f" {event.seq:>7}  ", palette.muted),
                    (fit(show.state(event.state), 12), palette.state(event.state)),
                    (fit(took(event), 6, ">") + "  ", palette.text),
                    (route(event), palette.text),
                ]
            )
        if len(lines) == 2:
            return [*lines, [(" None in memory asked for it, and none is at it.", palette.muted)]]
        return [*lines, [(" ↵ shows them all", palette.muted)]]

"""Breaking: the part of the app that sets and removes breakpoints from whatever row is selected."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from textual.app import App

from agentflow.telemetry.snapshot import (
    BreakpointRow,
    DeadRow,
    EventRow,
    HookRow,
    SpanRow,
    StopRow,
)

if TYPE_CHECKING:
    from agentflow_console.screens.base import Room
    from agentflow_console.store import Store

_POINTS = (
    "BeforeEventHandling", "AfterEventHandling", "BeforeAgentRun", "AfterAgentRun", "AgentError",
)  # fmt: skip


class Place(NamedTuple):
    """Where a breakpoint goes: a hook point ("any" for all) and an agent ("" for any)."""

    hook: str
    agent: str = ""

    def __str__(self) -> str:
        hook = "any hook" if self.hook == "any" else self.hook
        return f"{hook} of {self.agent}" if self.agent else hook


class Breaking(App[int]):
    """``b`` on a row: a breakpoint where the row is about, or none there any more."""

    store: Store
    room: Room | None

    if TYPE_CHECKING:
        change: Callable[..., None]
        say: Callable[..., None]
        refused: Callable[[], bool]
        selected_agent: Callable[[], str]
        _moving: Callable[[], bool]

    def breakpoint_place(self, row: Any) -> Place | None:
        """Where a breakpoint would go that is set from this row; None if that says nothing."""
        if isinstance(row, HookRow):
            return Place(row.hook if row.hook in _POINTS else "any")
        if isinstance(row, SpanRow) and row.kind == "hook":
            point = row.name.partition(" ")[0]
            return Place(point) if point in _POINTS else None
        agent = self.selected_agent()
        if not agent:
            return None
        failed = isinstance(row, DeadRow) or (isinstance(row, SpanRow) and row.status == "failed")
        return Place("AgentError" if failed else "BeforeAgentRun", agent)

    def action_toggle_breakpoint(self) -> None:
        """Set a breakpoint where the selected row is about, or remove the one that is there."""
        row = self.room.selected if self.room else None
        if isinstance(row, EventRow) and self._moving():
            return
        if self.refused():
            return
        number = _number_of(row)
        if number is None:
            place = self.breakpoint_place(row)
            if place is None:
                self.say("Select an agent, a hook, an event or a dead letter to break at.")
                return
            number = self._set_at(place)
            if number is None:
                self.change("break", saying=f"break at {place}", hook=place.hook, agent=place.agent)
                return
        self.change("unbreak", saying=f"remove breakpoint {number}", number=number)

    def _set_at(self, place: Place) -> int | None:
        """The number of the plain breakpoint that is set just there."""
        for row in self.store.breakpoints:
            if (row.hook, row.agent) == place and not (row.when or row.mode):
                return row.number
        return None


def _number_of(row: object) -> int | None:
    """The breakpoint that a row is about."""
    if isinstance(row, BreakpointRow):
        return row.number
    return row.breakpoint if isinstance(row, StopRow) else None

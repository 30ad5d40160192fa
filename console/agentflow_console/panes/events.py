"""The events: the queue, what runs, and what has ended, newest first."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from agentflow.telemetry.snapshot import EventRow
from agentflow_console import show
from agentflow_console.panes.base import Piece
from agentflow_console.panes.columns import Column
from agentflow_console.panes.table import TablePane, grouped
from agentflow_console.store import Filter
from agentflow_console.text import safe

if TYPE_CHECKING:
    from agentflow_console.store import Store

LIVE_STATES = frozenset(("queued", "running", "held", "retrying"))
"""The states of an event that has not ended."""

LIVE_STATES = frozenset(("queued", "running", "held", "retrying"))
"""The states of an event that has not ended."""

_PRECISE = 90  # cells from which the time is given to the millisecond


class EventsPane(TablePane[EventRow]):
    """A view on the ring of events, through the filter."""

    period = 0.05
    columns: tuple[Column, ...] = (
        Column("SEQ", 6, ">", drop=4),
        Column("TIME", 12, drop=3),
        Column("TARGET → NOW AT", 18, share=1, most=28),
        Column("STATE", 11),
        Column("DUR", 5, ">"),
        Column("DATA", 12, share=5, drop=5),
    )
    follows = True
    filterable = True
    filter_id = "events"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._seen: object = None
        self._total = 0
        self._precise = True

    def key(self, row: EventRow) -> Hashable:
        return row.seq

    def make_filter(self, text: str) -> tuple[Filter, str]:
        chosen = Filter.parse(text)
        return chosen, chosen.error

    def fetch(self, store: Store) -> Sequence[EventRow] | None:
        seen = (store.events.revision, self.filter_text)
        if seen == self._seen:
            return None
        self._seen = seen
        self._total = len(store.events)
        return store.events.matching(self.filter)[::-1]

    def index_of(self, key: Hashable) -> int | None:
        rows = self.rows
        index = bisect_left(rows, -key, key=lambda row: -row.seq)  # type: ignore[operator]
        return index if index < len(rows) and rows[index].seq == key else None

    def heading(self) -> str:
        return "Events · follow" if self.following else "Events"

    def note(self) -> str:
        if not self.filter_text:
            return ""
        found = f"{grouped(len(self.rows))}/{grouped(self._total)} match"
        return f"{found} · /{safe(self.filter_text, 60)}"

    def empty(self) -> str:
        if self.filter_text:
            return f"No event matches /{self.filter_text}\n/ changes the filter, esc clears it"
        return "No events yet.\ni injects one."

    def cells(self, row: EventRow) -> list[Piece]:
        palette = self.palette
        text, muted = palette.text, palette.muted
        ended = row.state in ("succeeded", "dead")
        style = palette.state(row.state)
        return [
            (str(row.seq), muted),
            (show.clock(row.time) if self._precise else show.clock_short(row.time), muted),
            (route(row), text),
            (show.state(row.state), style),
            (took(row), text if ended else muted),
            (safe(row.error, 300), palette.dead) if row.error else (safe(row.data, 300), muted),
        ]

    def forget(self) -> None:
        super().forget()
        self._precise = self.body_width >= _PRECISE
        time = Column("TIME", 12 if self._precise else 8, drop=3)
        self.columns = (self.columns[0], time, *self.columns[2:])

    def copy_text(self) -> str:
        row = self.selected
        if row is None:
            return ""
        return f"{row.seq} {row.id} {route(row)} {row.state} {row.error or row.data}"


def route(row: EventRow) -> str:
    """Where an event was meant to go and, if that is elsewhere, where it is."""
    target, at = safe(row.target, 60), safe(row.at, 60)
    if row.state == "held" and at.startswith("breakpoint "):
        return f"{at} · {target}" if target else at
    if row.state == "held" and not at:
        at = "held"
    if not at or at == target:
        return target or "—"
    return f"{target} → {at}" if target else at


def took(row: EventRow) -> str:
    """How long an event took; while it lasts, how long so far, once that is worth saying."""
    if row.state in ("succeeded", "dead"):
        return show.duration(row.duration)
    if row.state == "queued" or row.duration < 1:
        return "…"
    return show.duration(row.duration)

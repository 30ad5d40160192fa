"""The agents: who works, who waits, who fails, how fast."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from agentflow.telemetry.snapshot import AgentRow
from agentflow_console import show
from agentflow_console.panes.base import Piece
from agentflow_console.panes.columns import Column
from agentflow_console.panes.table import TablePane
from agentflow_console.text import safe

if TYPE_CHECKING:
    from agentflow_console.store import Store

_URGENCY = {
    "stopped": 0, "open": 0, "missing": 0, "paused": 1, "running": 2, "idle": 2, "disabled": 3,
}  # fmt: skip

ORDERS = ("state", "name", "held", "rate", "p95", "fail")
"""What agents can be sorted by."""

_KEYS = {
    "name": lambda row: row.name,
    "held": lambda row: (-row.held, row.name),
    "rate": lambda row: (-row.rate, row.name),
    "p95": lambda row: (-row.p95, row.name),
    "fail": lambda row: (-row.errors, row.name),
    # Running and idle count as one, or rows would change places several times a second.
    "state": lambda row: (_URGENCY.get(row.state, 2), row.state == "idle" and not row.count),
}


class AgentsPane(TablePane[AgentRow]):
    """Every agent of the plan."""

    columns: tuple[Column, ...] = (
        Column("AGENT", 10, share=3, most=28),
        Column("STATE", 10),
        Column("HELD", 4, ">", drop=2),
        Column("EV/S", 5, ">"),
        Column("P95", 5, ">"),
        Column("FAIL", 4, ">"),
        Column("LAST", 4, ">", drop=1),
    )
    wide = (
        Column("AGENT", 12, share=2, most=30),
        Column("STATE", 10),
        Column("PLACE", 14, drop=5, share=1, most=18),
        Column("HELD", 5, ">"),
        Column("NOW", 4, ">", drop=4),
        Column("RUNS", 5, ">", drop=3),
        Column("EV/S", 5, ">"),
        Column("MEAN", 5, ">", drop=6),
        Column("P50", 5, ">", drop=7),
        Column("P95", 5, ">"),
        Column("P99", 5, ">", drop=7),
        Column("FAIL", 5, ">"),
        Column("RETRY", 5, ">", drop=6),
        Column("BREAKER", 9, drop=8),
        Column("LAST", 4, ">", drop=2),
        Column("LAST ERROR", 16, drop=9, share=6),
    )
    filterable = True
    filter_id = "agents"

    def __init__(self, *, full: bool = False, id: str | None = None) -> None:
        super().__init__(id=id)
        self.full = full
        if full:
            self.columns = self.wide
        self.order = "state"
        self._seen: object = None
        self._now = 0.0
        self.total = 0

    def key(self, row: AgentRow) -> Hashable:
        return row.name

    def fetch(self, store: Store) -> Sequence[AgentRow] | None:
        now = store.snapshot.time if store.snapshot else 0.0
        seen = (store.agents.revision, self.order, self.filter_text, int(now))
        if seen == self._seen:
            return None
        self._seen, self._now, self.total = seen, now, len(store.agents)
        rows = [row for row in store.agents if self.passes(row)]
        rows.sort(key=_KEYS[self.order])
        self.forget_rows()
        return rows

    def haystack(self, row: AgentRow) -> str:
        return f"{row.name} {row.role} {row.state} {row.kind} {row.place} {row.last_error}"

    def heading(self) -> str:
        return f"Agents {self.total} · by {self.order}"

    def empty(self) -> str:
        if self.filter_text:
            return f"No agent matches /{self.filter_text}\n/ changes the filter, esc clears it"
        return "No agents yet.\nAdd a table [agents.NAME] to agentflow.toml and save."

    def cells(self, row: AgentRow) -> list[Piece]:
        palette = self.palette
        text, muted = palette.text, palette.muted
        off = row.state in ("disabled",)
        name: Piece = (safe(row.name, 60), palette.faint if off else text)
        state: Piece = (show.state(row.state), palette.state(row.state))
        held: Piece = (str(row.held), palette.held if row.held else muted)
        speed: Piece = (show.rate(row.rate), text if row.rate else muted)
        failed: Piece = (show.count(row.errors), palette.dead if row.errors else muted)
        last: Piece = (
            show.ago(max(self._now - row.last_time, 0)) if row.last_time else "—",
            muted,
        )

        def took(seconds: float) -> Piece:
            return (show.duration(seconds) if row.count else "—", text if row.count else muted)

        if not self.full:
            return [name, state, held, speed, took(row.p95), failed, last]
        breaker = (row.breaker, palette.state(row.breaker))
        retries: Piece = (show.count(row.retries), text if row.retries else muted)
        return [
            name, state, (safe(row.place, 40) or "—", muted), held,
            (str(row.in_flight), palette.running if row.in_flight else muted),
            (show.count(row.count), text), speed, took(row.mean), took(row.p50), took(row.p95),
            took(row.p99), failed, retries, breaker, last,
            (safe(row.last_error, 300), palette.dead),
        ]  # fmt: skip

    def copy_text(self) -> str:
        row = self.selected
        return "" if row is None else f"{row.name} {row.state} {row.last_error}".strip()

"""The sessions: what belongs together, the latest first."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from agentflow.telemetry.snapshot import SessionRow
from agentflow_console import show
from agentflow_console.panes.base import Piece
from agentflow_console.panes.columns import Column
from agentflow_console.panes.table import TablePane, grouped
from agentflow_console.text import crop_left, safe

if TYPE_CHECKING:
    from agentflow_console.store import Store


class SessionsPane(TablePane[SessionRow]):
    """The sessions that were seen last. ``put`` gives it what the engine answered."""

    columns = (
        Column("SESSION", 8, share=2, most=38),
        Column("STATE", 12),
        Column("EVENTS", 6, ">", drop=3),
        Column("TIME", 5, ">"),
        Column("FIRST", 8, drop=4, share=1, most=24),
        Column("LAST", 8, drop=2),
    )
    filterable = True
    filter_id = "traces"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._known: list[SessionRow] = []
        self._filtered = ""
        self._silent = True  # nothing was heard of the engine so far

    def put(self, rows: Sequence[SessionRow], wanted: SessionRow | None = None) -> None:
        """Show these sessions, and the ``wanted`` one if it isn't among them.

        Rows are there at once, even while the pane itself is hidden behind a waterfall.
        """
        self._silent = False
        known = list(rows)
        if wanted is not None and all(row.id != wanted.id for row in known):
            known.insert(0, wanted)
        if known != self._known or not known:
            self._known = known
            self.show(self._passing())

    def _passing(self) -> list[SessionRow]:
        self._filtered = self.filter_text
        return [row for row in self._known if self.passes(row)]

    def key(self, row: SessionRow) -> Hashable:
        return row.id

    def fetch(self, store: Store) -> Sequence[SessionRow] | None:
        return None if self._filtered == self.filter_text else self._passing()

    def haystack(self, row: SessionRow) -> str:
        states = " ".join(
            word for word, count in (("running", row.running), ("dead", row.dead)) if count
        )
        return f"{row.id} {row.target} {row.mode} {states or 'ok'}"

    def heading(self) -> str:
        return f"Sessions {grouped(len(self._known))}" if self._known else "Sessions"

    def empty(self) -> str:
        if self._silent:
            return "The engine has not said anything yet."
        if self.filter_text:
            return f"No session matches /{self.filter_text}\n/ changes the filter, esc clears it"
        return "No sessions yet.\ni injects an event, and its session appears here."

    def cells(self, row: SessionRow) -> list[Piece]:
        palette = self.palette
        word, text = state_of(row)
        return [
            (self._shown_id(row), palette.text),
            (text, palette.state(word)),
            (show.count(row.events), palette.text),
            (show.duration(row.last - row.start), palette.text),
            (safe(row.target, 60), palette.muted),
            (show.clock_short(row.last), palette.muted),
        ]

    def _shown_id(self, row: SessionRow) -> str:
        """Generated ids of one moment differ at their end: that is what is kept of them."""
        text = safe(row.id, 80)
        generated = len(text) == 36 and text.count("-") == 4
        return crop_left(text, self._widths[0]) if generated and self._widths else text

    def copy_text(self) -> str:
        row = self.selected
        return "" if row is None else row.id


def state_of(row: SessionRow) -> tuple[str, str]:
    """The state of a session, and glyph, word and number to show for it."""
    if row.running:
        return "running", f"● {row.running} running"
    if row.dead:
        return "dead", f"✗ {row.dead} dead"
    return "ok", "✓ ok"

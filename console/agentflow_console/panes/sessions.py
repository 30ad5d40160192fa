"""The sessions: what belongs together, the latest first."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from agentflow.filters import SESSIONS, Filter
from agentflow.telemetry.snapshot import SessionPage, SessionRow
from agentflow_console import show
from agentflow_console.panes.base import Piece
from agentflow_console.panes.columns import Column
from agentflow_console.panes.table import TablePane, grouped
from agentflow_console.text import crop_left, safe

if TYPE_CHECKING:
    from agentflow_console.store import Store


_PAGE = 200  # rows that are fetched at once; the next ones before the cursor gets there


class SessionsPane(TablePane[SessionRow]):
    """The sessions that were seen last. ``put`` gives it what the engine answered."""

    columns = (
        Column("SESSION", 8, share=2, most=38),
        Column("STATE", 12),
        Column("EVENTS", 6, ">", drop=3),
        Column("TIME", 5, ">"),
        Column("FIRST", 8, drop=4, share=1, most=24),
        Column("LAST", 8, drop=2),
        Column("ERROR", 12, drop=5, share=1),
    )
    filterable = True
    filter_id = "traces"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._page = SessionPage([], 0, 0, 0)
        self._known: list[SessionRow] = []
        self._filtered = ""
        self._silent = True  # nothing was heard of the engine so far

    # -- the search, which the engine does over all sessions that it remembers --------------

    def make_filter(self, text: str) -> tuple[Filter, str]:
        found = Filter.parse(text, SESSIONS)
        return found, found.error

    @property
    def wanted(self) -> tuple[str, int]:
        """What to ask the engine for: a filter, and how many rows at most."""
        return self.filter_text, _PAGE * (2 + self._index // _PAGE)

    @property
    def complete(self) -> bool:
        """Whether the engine has looked at every session."""
        return self._page.searched >= self._page.total

    def put(
        self, asked: tuple[str, int], page: SessionPage, wanted: SessionRow | None = None
    ) -> None:
        """Show these sessions, and the ``wanted`` one if it isn't among them.

        ``asked`` is the ``wanted`` that this is the answer to: one to another filter is late.
        Rows are there at once, even while the pane itself is hidden behind a waterfall.
        """
        if asked[0] != self.filter_text:
            return
        self._silent = False
        self._filtered = asked[0]
        known = list(page.rows)
        if wanted is not None and all(row.id != wanted.id for row in known):
            known.insert(0, wanted)
        if known != self._known or page != self._page or not known:
            self._known, self._page = known, page
            self.show(known)

    def add(self, wanted: SessionRow) -> None:
        """Show this one too, if it isn't there."""
        if all(row.id != wanted.id for row in self._known):
            self._known = [wanted, *self._known]
            self.show(self._known)

    def key(self, row: SessionRow) -> Hashable:
        return row.id

    def fetch(self, store: Store) -> Sequence[SessionRow] | None:
        """Until the engine's answer to another filter is there, what is known goes through it."""
        if self._filtered == self.filter_text:
            return None
        self._filtered = self.filter_text
        return [row for row in self._known if self.passes(row)]

    def heading(self) -> str:
        if self._silent:
            return "Sessions"
        total = self._page.total
        if not self.filter_text:
            return f"Sessions {grouped(total)}" if total else "Sessions"
        more = "" if self.complete else "…"
        return f"Sessions {grouped(self._page.matches)}/{grouped(total)}{more}"

    def empty(self) -> str:
        if self._silent:
            return "The engine has not said anything yet."
        if self.filter_text:
            looked = "" if self.complete else " so far"
            return (
                f"No session matches /{safe(self.filter_text, 200)}{looked}\n"
                "/ changes the filter, esc clears it"
            )
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
            (safe(row.error, 200), palette.dead),
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
    if row.held and row.held == row.running:
        return "held", f"‖ {row.held} held"
    if row.running:
        return "running", f"● {row.running} running"
    if row.dead:
        return "dead", f"✗ {row.dead} dead"
    return "ok", "✓ ok"

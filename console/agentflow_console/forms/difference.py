"""Difference: what came out when an event was sent again, over whatever screen there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import ModalScreen

from agentflow.control import EventDetail
from agentflow_console.bindings import bindings
from agentflow_console.commands import READ
from agentflow_console.latest import Latest
from agentflow_console.palette import make_palette
from agentflow_console.panes.document import DocumentPane
from agentflow_console.panes.outcome_lines import ENDED, outcome_lines, outcome_plain
from agentflow_console.text import safe

if TYPE_CHECKING:
    from agentflow_console.link.protocol import Link

_LOOKS = 0.25  # seconds between two looks at a replay that goes on


class DifferenceScreen(ModalScreen[None]):
    """An event and its replay, by their ids, compared; it follows a replay to its end."""

    DEFAULT_CSS = """
    DifferenceScreen { align: center middle; }
    DifferenceScreen DocumentPane { width: 120; max-width: 100%; height: 40; max-height: 100%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings(READ)

    def __init__(self, link: Link, original: str, replay: str) -> None:
        super().__init__()
        self._link = link
        self._original, self._replay = original, replay
        self._old: EventDetail | None = None
        self._new: EventDetail | None = None
        self._known = False

    def compose(self) -> ComposeResult:
        yield DocumentPane()

    def on_mount(self) -> None:
        pane = self.query_one(DocumentPane)
        pane.restyle(make_palette(self.app.theme_variables, ansi=self.app.current_theme.ansi))
        pane.focus()
        self._olds = Latest(self, self._link.event, self._got_old)
        self._news = Latest(self, self._link.event, self._got_new, again=_LOOKS * 2)
        self._look()
        self.set_interval(_LOOKS, self._look)

    def on_resize(self) -> None:
        self.call_after_refresh(self._fill)

    def _look(self) -> None:
        self._olds.want(self._original)
        going_on = self._new is None or self._new.row.state not in ENDED
        self._news.want(self._replay, live=going_on)

    def _got_old(self, _: str, detail: EventDetail | None) -> None:
        self._old, self._known = detail, True
        self._fill()

    def _got_new(self, _: str, detail: EventDetail | None) -> None:
        self._new = detail or self._new
        self._fill()

    def _fill(self) -> None:
        pane = self.query_one(DocumentPane)
        old, new = self._old, self._new
        if not self._known or not pane.body_width:
            return
        if new is None:
            said = " The engine has no such event any more, or not yet."
            pane.show("", "Difference", [[(said, pane.palette.muted)]])
            return
        pane.plain_of = lambda: outcome_plain(old, new)
        heading = f"What came out · replay of {safe(self._original[-8:])}"
        pane.show(self._replay, heading, outcome_lines(old, new, pane.palette, pane.body_width))

    def action_copy(self) -> None:
        """All of it as text."""
        text = self.query_one(DocumentPane).copy_text()
        self.app.copy_to_clipboard(text)

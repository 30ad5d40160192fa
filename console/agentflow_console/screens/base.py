"""Room: what every screen is. The app shows one at a time and mounts it when it is first wanted.

A room is a widget between the header and the footer, not a Textual screen: forms and dialogs
are those, and lie over it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from textual.widget import Widget

from agentflow_console.bindings import bindings
from agentflow_console.commands import SCREEN
from agentflow_console.palette import Palette
from agentflow_console.panes.base import Pane
from agentflow_console.panes.table import TablePane

if TYPE_CHECKING:
    from textual.binding import BindingType

    from agentflow_console.app import ConsoleApp
    from agentflow_console.store import Store


class Room(Widget):
    """One screen: panes side by side, one of them with the keyboard.

    Subclasses set ``room`` (the id in ``commands.SCREENS``) and ``title``, compose their panes,
    and answer ``open_row`` and ``go_back``. Commands of one screen only are ``bindings(room)``
    in the subclass' ``BINDINGS``, and their actions are methods there.
    """

    DEFAULT_CSS = """
    Room { width: 1fr; height: 1fr; layout: vertical; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings(SCREEN)

    room = ""
    title = ""
    zoomed = False
    came_from = ""
    """The screen that opened this one; esc goes back there."""
    filter_before: str | None = None
    """The filter to bring back then, if that screen set another one."""
    ready = False
    """Whether its panes are there; before that it is neither painted nor styled."""

    def __init__(self) -> None:
        super().__init__()
        self.styled_for: object = None
        """The palette and the size that its panes are styled for."""
        self._panes: list[Pane] = []
        self.waiting: list[Callable[[], object]] = []
        """What to do once its panes are there."""

    @property
    def console(self) -> ConsoleApp:
        """The app: its ``link``, ``store``, and ``command`` to change the system."""
        return self.app  # type: ignore[return-value]

    # -- life ------------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Filters that a person left are there again."""
        for table in self.query(TablePane):
            if table.filter_id:
                table.filter_by(self.console.settings.filters.get(table.filter_id, ""))
        self._panes = list(self.query(Pane))
        self.ready = True
        self.call_after_refresh(self.console.enter, self)

    def entered(self) -> None:
        """It is on the screen now."""
        self.focus_pane()

    def left(self) -> None:
        """Another room is on the screen now."""

    def refresh_from(self, store: Store, now: float, *, force: bool = False) -> None:
        """Called for each frame while the room is visible and the view is not frozen."""
        for pane in self.panes():
            pane.refresh_from(store, now, force=force)

    def restyle(self, palette: Palette, *, sides: bool) -> None:
        """Another theme or another width."""
        self.choose_panes()
        for pane in self._panes:
            pane.restyle(palette, sides=sides)

    # -- panes -----------------------------------------------------------------------------

    @property
    def new(self) -> bool:
        """Whether a visible pane has not looked at the store yet."""
        return any(pane.new for pane in self.panes())

    def panes(self) -> list[Pane]:
        """The panes that are visible, in the order of the tab key."""
        return [pane for pane in self._panes if pane.display]

    @property
    def pane(self) -> Pane | None:
        """The pane with the keyboard, or the one that would get it."""
        panes = self.panes()
        focused = self.screen.focused
        return focused if focused in panes else (panes[0] if panes else None)

    @property
    def table(self) -> TablePane[Any] | None:
        """The focused pane, if it is a table."""
        return self.pane if isinstance(self.pane, TablePane) else None

    @property
    def selected(self) -> Any:
        """The row under the cursor of the focused table, or None."""
        return self.table.selected if self.table else None

    def focus_pane(self, step: int = 0) -> None:
        """Give the keyboard to the focused pane, or the one ``step`` further on."""
        panes = self.panes()
        if panes:
            index = panes.index(self.pane) if self.pane in panes else 0
            panes[(index + step) % len(panes)].focus(scroll_visible=False)

    def select(self, key: Any) -> None:
        """Put the cursor of its main table on the row with this key, and open it."""

    # -- what a room answers -----------------------------------------------------------------

    def open_row(self, row: Any) -> None:
        """Go deeper into a row."""

    def go_back(self) -> bool:
        """Close what was opened last; False when there is nothing to close."""
        return False

    # -- actions of every room ---------------------------------------------------------------

    def action_filter(self) -> None:
        table = self.table
        if table is not None and table.filterable:
            self.console.edit_filter(table)
        else:
            self.console.say("This pane has no filter; tab goes to the next one.")

    def action_open(self) -> None:
        if self.selected is not None:
            self.open_row(self.selected)

    def action_back(self) -> None:
        if self.console.cancel_question():
            return
        if self.zoomed:
            self.action_zoom()
        elif self.came_from:
            self._go_back_there()
        elif not self.go_back() and self.table is not None and self.table.filter_text:
            self.console.filter_pane(self.table, "")

    def _go_back_there(self) -> None:
        """To the screen that led here, which leaves no filter behind that nobody typed."""
        came_from = self.came_from
        self.go_back()
        if self.filter_before is not None and self.table is not None:
            self.console.preview_filter(self.table, self.filter_before)
        self.filter_before = None
        self.console.action_go(came_from)

    def action_freeze(self) -> None:
        self.console.action_freeze()

    def action_copy(self) -> None:
        text = self.pane.copy_text() if self.pane else ""
        if text:
            self.app.copy_to_clipboard(text)
            self.console.say(f"Copied {len(text)} characters.")
        else:
            self.console.say("There is nothing to copy here.")

    def action_zoom(self) -> None:
        """The focused pane alone, or all of them again."""
        self.zoomed = not self.zoomed
        self.choose_panes()
        self.call_after_refresh(self.console.paint_now)

    def choose_panes(self) -> None:
        """Show the panes that this width has room for, or only the zoomed one."""
        around = set(self.pane.ancestors_with_self) if self.pane and self.zoomed else set()
        for widget in self.query("*").results(Widget):
            aside = bool(around) and widget not in around and widget.parent in around
            widget.set_class(aside, "-aside")

    def action_next_pane(self) -> None:
        self.focus_pane(1)

    def action_previous_pane(self) -> None:
        self.focus_pane(-1)

    def on_table_pane_opened(self, event: TablePane.Opened) -> None:
        event.stop()
        self.action_open()

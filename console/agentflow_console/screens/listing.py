"""Listing: a screen of one list and the detail of its selected row."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.containers import Container

from agentflow_console.palette import Palette
from agentflow_console.panes.document import DocumentPane
from agentflow_console.panes.table import TablePane
from agentflow_console.screens.base import Room
from agentflow_console.store import Store

_BESIDE, _STACKED = 140, 100


class Listing(Room):
    """From 140 columns list and detail side by side; from 100 the open detail under the list;
    below, one or the other. ↵ opens, esc closes.
    """

    DEFAULT_CSS = """
    Listing .split { layout: horizontal; width: 1fr; height: 1fr; }
    Listing .list { width: 3fr; }
    Listing .detail { width: 2fr; }
    Listing.-stacked .split { layout: vertical; }
    Listing.-stacked .list, Listing.-stacked .detail { width: 1fr; }
    Listing.-single .list, Listing.-single .detail { width: 1fr; }
    """
    always_beside: ClassVar[bool] = True
    """Whether the detail is there before it is opened, where the width allows."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = False

    def make_list(self) -> TablePane[Any]:
        """The list."""
        raise NotImplementedError

    def describe(self, row: Any) -> None:
        """Fill the detail with what there is to say about the row (None for no row)."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        self.list = self.make_list()
        self.list.add_class("list")
        self.detail = DocumentPane(id="detail")
        self.detail.add_class("detail")
        with Container(classes="split"):
            yield self.list
            yield self.detail

    # -- which of them is shown ----------------------------------------------------------------

    def choose_panes(self) -> None:
        cells = self.app.size.width
        beside = cells >= _BESIDE and (self.opened or self.always_beside)
        both = not self.zoomed and (beside or (cells >= _STACKED and self.opened))
        alone = self.detail if self._detail_alone() else self.list
        self.list.display = both or alone is self.list
        self.detail.display = both or alone is self.detail
        self.set_class(both and cells < _BESIDE, "-stacked")
        self.set_class(not both, "-single")

    def _detail_alone(self) -> bool:
        if self.zoomed:
            return self.detail.has_focus
        return self.opened

    def _changed(self) -> None:
        self.choose_panes()
        self.call_after_refresh(self._settle)

    def _settle(self) -> None:
        (self.detail if self.opened else self.list).focus(scroll_visible=False)
        self.describe(self.list.selected)
        self.console.paint_now()

    # -- what the room answers -----------------------------------------------------------------

    @property
    def selected(self) -> Any:
        return self.list.selected

    def entered(self) -> None:
        (self.detail if self.opened else self.list).focus(scroll_visible=False)

    def refresh_from(self, store: Store, now: float, *, force: bool = False) -> None:
        super().refresh_from(store, now, force=force)
        self.describe(self.list.selected)

    def restyle(self, palette: Palette, *, sides: bool) -> None:
        super().restyle(palette, sides=sides)
        self.describe(self.list.selected)

    def on_table_pane_moved(self, event: TablePane.Moved) -> None:
        event.stop()
        self.describe(self.list.selected)

    def on_resize(self) -> None:
        self.describe(self.list.selected)

    def open_row(self, row: Any) -> None:
        self.opened = True
        self._changed()

    def select(self, key: Any) -> None:
        if not self.list.select(key) and self.list.filter_text:
            self.console.filter_pane(self.list, "")
            self.list.select(key)
        self.open_row(self.list.selected)

    def go_back(self) -> bool:
        if not self.opened:
            return False
        self.opened = False
        self._changed()
        return True

    @property
    def detail_cells(self) -> int:
        """Cells of a line of the detail; 0 while it is not on the screen."""
        return self.detail.body_width if self.detail.shown else 0

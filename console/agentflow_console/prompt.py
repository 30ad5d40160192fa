"""FilterLine: where a filter is typed. The pane shows what matches while it is typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input

from agentflow_console.line import Line
from agentflow_console.panes.base import Piece
from agentflow_console.panes.table import grouped
from agentflow_console.text import crop, safe

if TYPE_CHECKING:
    from agentflow_console.app import ConsoleApp
    from agentflow_console.panes.table import TablePane

_HINT = "bare text, /regex/, field:glob, -field:glob, dur>100ms"


class FilterLine(Horizontal):
    """One line for one pane's filter; gone again after enter or esc."""

    DEFAULT_CSS = """
    FilterLine { height: 1; width: 1fr; background: $surface; }
    FilterLine Line { width: auto; }
    FilterLine #filter-name { width: 10; }
    FilterLine #filter-result { width: 34; }
    FilterLine.-short #filter-result { width: 22; }
    FilterLine Input { width: 1fr; background: $surface; border: none; height: 1; padding: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", show=False),
        Binding("up", "recall(-1)", "Older filter", show=False),
        Binding("down", "recall(1)", "Newer filter", show=False),
    ]

    def __init__(self, table: TablePane[Any]) -> None:
        super().__init__(id="filter")
        self._table = table
        self._before = table.filter_text
        self._recalled = 0

    @property
    def _main(self) -> ConsoleApp:
        return cast("ConsoleApp", self.app)

    def compose(self) -> ComposeResult:
        yield Line(id="filter-name")
        yield Input(self._before, placeholder=_HINT, compact=True, id="filter-input")
        yield Line(id="filter-result")

    def on_mount(self) -> None:
        palette = self._main.palette
        self.set_class(self.app.size.width < 100, "-short")
        for line in self.query(Line):
            line.restyle(palette)
        name = self._table.filter_id
        self.query_one("#filter-name", Line).say([(f" {name} /", palette.key)])
        field = self.query_one(Input)
        field.focus()
        self._apply(field.value)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._apply(event.value)

    def _apply(self, text: str) -> None:
        error = self._main.preview_filter(self._table, text)
        palette = self._main.palette
        result = self.query_one("#filter-result", Line)
        found: Piece
        if error:
            found = (crop(safe(error), max(result.size.width - 1, 20)) + " ", palette.error)
        else:
            found = (f"{grouped(len(self._table.rows))} match ", palette.bar_muted)
        result.say([], [found])

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        error = self._main.filter_pane(self._table, event.value)
        if not error:
            self._close()

    def action_cancel(self) -> None:
        self._main.filter_pane(self._table, self._before)
        self._close()

    def action_recall(self, step: int) -> None:
        """Walk through the filters that were used before."""
        past = self._main.past_filters
        if not past:
            return
        self._recalled = min(max(self._recalled - step, 0), len(past))
        field = self.query_one(Input)
        field.value = past[-self._recalled] if self._recalled else self._before
        field.cursor_position = len(field.value)

    def _close(self) -> None:
        self._table.focus(scroll_visible=False)
        self.remove()

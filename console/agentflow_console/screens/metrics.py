"""Metrics: rates, queue and latency over the last minutes, and where the time goes."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Grid

from agentflow_console.bindings import bindings
from agentflow_console.panes.base import Pane
from agentflow_console.panes.metrics import SERIES, SPANS, MetricsPane, PlotPane
from agentflow_console.panes.modes import ModesPane
from agentflow_console.screens.base import Room

_BIG = ("events/s", "queue", "p95", "failed/s")
_ROOMY = 30  # lines from which tall plots are worth it


class Metrics(Room):
    """Four tall plots and the modes; on a small screen one line for each series."""

    DEFAULT_CSS = """
    Metrics .plots { grid-size: 2; grid-gutter: 0; height: 1fr; width: 1fr; }
    Metrics.-stacked .plots { grid-size: 1; }
    Metrics ModesPane { height: 8; }
    Metrics.-zoomed ModesPane { height: 1fr; }
    Metrics .lines { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("metrics")
    room = "metrics"
    title = "Metrics"

    def compose(self) -> ComposeResult:
        with Grid(classes="plots"):
            for number, series in enumerate(one for one in SERIES if one.title in _BIG):
                yield PlotPane(series, id=f"plot-{number}")
        with Container(classes="lines"):
            yield MetricsPane(id="metrics-lines")
        yield ModesPane(id="modes")

    def choose_panes(self) -> None:
        size = self.app.size
        roomy = size.width >= 100 and size.height >= _ROOMY
        focused = self.pane
        self.set_class(self.zoomed, "-zoomed")
        for pane in self.query(Pane):
            tall = isinstance(pane, PlotPane)
            wanted = (tall and roomy) or (isinstance(pane, MetricsPane) and not roomy)
            wanted = wanted or isinstance(pane, ModesPane)
            pane.display = pane is focused if self.zoomed and focused else wanted
        for box in self.query(".plots, .lines"):
            box.display = any(pane.display for pane in box.query(Pane))
        self.query_one(".plots").styles.grid_size_columns = 1 if self.zoomed else 2

    def action_span(self, step: int) -> None:
        """Look back over a longer or shorter time."""
        panes = [*self.query(PlotPane), *self.query(MetricsPane)]
        index = min(max(SPANS.index(panes[0].span) + step, 0), len(SPANS) - 1)
        for pane in panes:
            pane.span = SPANS[index]
            pane.refresh_body()
        self.console.paint_now()

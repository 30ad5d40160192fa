"""Metrics: how the system is, its rates, queue and latency over time, and where time goes."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Grid

from agentflow_console.bindings import bindings
from agentflow_console.panes.base import Pane
from agentflow_console.panes.health import HealthPane
from agentflow_console.panes.metrics import SERIES, SPANS, MetricsPane, PlotPane
from agentflow_console.panes.modes import ModesPane
from agentflow_console.screens.base import Room

_BIG = ("events/s", "queue", "p95", "failed/s")
_WIDE, _TWO = 140, 100
_ROOMY = 30  # lines from which tall plots are worth it
_LOW = 20  # lines below which there is no room for the modes


class Metrics(Room):
    """140 columns and more: health beside four tall plots and the modes. From 100: over them.
    Below, and where there are few lines, one line for each series.
    """

    DEFAULT_CSS = """
    Metrics .columns { layout: horizontal; width: 1fr; height: 1fr; }
    Metrics .charts { layout: vertical; width: 1fr; height: 1fr; }
    Metrics .plots { grid-size: 2; grid-gutter: 0; height: 1fr; width: 1fr; }
    Metrics .lines { height: 1fr; width: 1fr; }
    Metrics HealthPane { width: 66; height: 1fr; }
    Metrics ModesPane { height: 8; }
    Metrics.-stacked .columns { layout: vertical; }
    Metrics.-stacked HealthPane { width: 1fr; height: 13; }
    Metrics.-stacked ModesPane { height: 5; }
    Metrics.-small HealthPane { width: 1fr; height: 1fr; }
    Metrics.-small .charts { height: auto; }
    Metrics.-small .lines { height: 8; }
    Metrics.-small ModesPane { height: 4; }
    Metrics.-zoomed HealthPane { width: 1fr; height: 1fr; }
    Metrics.-zoomed .charts, Metrics.-zoomed .lines, Metrics.-zoomed ModesPane { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("metrics")
    room = "metrics"
    title = "Metrics"

    def compose(self) -> ComposeResult:
        with Container(classes="columns"):
            yield HealthPane(id="health")
            with Container(classes="charts"):
                with Grid(classes="plots"):
                    for number, series in enumerate(one for one in SERIES if one.title in _BIG):
                        yield PlotPane(series, id=f"plot-{number}")
                with Container(classes="lines"):
                    yield MetricsPane(id="metrics-lines")
                yield ModesPane(id="modes")

    def choose_panes(self) -> None:
        size = self.app.size
        roomy = size.width >= _TWO and size.height >= _ROOMY
        focused = self.pane
        for pane in self.query(Pane):
            wanted = isinstance(pane, PlotPane) is roomy
            if isinstance(pane, HealthPane):
                wanted = True
            elif isinstance(pane, ModesPane):
                wanted = size.height >= _LOW
            pane.display = pane is focused if self.zoomed and focused else wanted
        for box in self.query(".plots, .lines, .charts"):
            box.display = any(pane.display for pane in box.query(Pane))
        self.query_one(".plots").styles.grid_size_columns = 1 if self.zoomed else 2
        self.set_class(self.zoomed, "-zoomed")
        self.set_class(size.width < _WIDE or not roomy, "-stacked")
        self.set_class(not roomy, "-small")

    def action_span(self, step: int) -> None:
        """Look back over a longer or shorter time."""
        panes = [*self.query(PlotPane), *self.query(MetricsPane)]
        index = min(max(SPANS.index(panes[0].span) + step, 0), len(SPANS) - 1)
        for pane in panes:
            pane.span = SPANS[index]
            pane.refresh_body()
        self.console.paint_now()

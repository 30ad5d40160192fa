"""Metrics: how the system is, its rates, queue and latency over time, and where time goes."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Grid

from agentflow_console.bindings import bindings
from agentflow_console.panes.alert_rules import AlertRulesPane
from agentflow_console.panes.base import Pane
from agentflow_console.panes.console import ConsolePane
from agentflow_console.panes.health import HealthPane
from agentflow_console.panes.metrics import SERIES, SPANS, MetricsPane, PlotPane
from agentflow_console.panes.modes import ModesPane
from agentflow_console.screens.base import Room

_BIG = ("events/s", "queue", "p95", "failed/s")
_WIDE, _TWO = 140, 100
_ROOMY = 30  # lines from which tall plots are worth it
_LOW = 20  # lines below which there is no room for the modes


class Metrics(Room):
    """140 columns and more: health, alerts and the console beside four tall plots and the modes.
    From 100: one of the three over the plots, tab shows the next. Below, and where there are few
    lines, one line for each series.
    """

    DEFAULT_CSS = """
    Metrics .columns { layout: horizontal; width: 1fr; height: 1fr; }
    Metrics .charts { layout: vertical; width: 1fr; height: 1fr; }
    Metrics .plots { grid-size: 2; grid-gutter: 0; height: 1fr; width: 1fr; }
    Metrics .lines { height: 1fr; width: 1fr; }
    Metrics .reports { layout: vertical; width: 66; height: 1fr; }
    Metrics HealthPane { height: 1fr; }
    Metrics AlertRulesPane { height: 7; }
    Metrics ConsolePane { height: 9; }
    Metrics ModesPane { height: 8; }
    Metrics.-stacked .columns { layout: vertical; }
    Metrics.-stacked .reports { width: 1fr; height: 13; }
    Metrics.-stacked .reports Pane { height: 1fr; }
    Metrics.-stacked ModesPane { height: 5; }
    Metrics.-small .reports { height: 1fr; }
    Metrics.-small .charts { height: auto; }
    Metrics.-small .lines { height: 8; }
    Metrics.-small ModesPane { height: 4; }
    Metrics.-zoomed .reports { width: 1fr; height: 1fr; }
    Metrics.-zoomed .reports Pane { height: 1fr; }
    Metrics.-zoomed .charts, Metrics.-zoomed .lines, Metrics.-zoomed ModesPane { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("metrics")
    room = "metrics"
    title = "Metrics"

    def __init__(self) -> None:
        super().__init__()
        self._wide = True
        self._report = "health"  # the one that is shown where there is room for one

    def compose(self) -> ComposeResult:
        with Container(classes="columns"):
            with Container(classes="reports"):
                yield HealthPane(id="health")
                yield AlertRulesPane(id="alerts")
                yield ConsolePane(id="console")
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
        self._wide = roomy and size.width >= _WIDE
        focused = self.pane
        reports = self.query_one(".reports").query(Pane)
        for pane in self.query(Pane):
            wanted = isinstance(pane, PlotPane) is roomy
            if pane in reports:
                wanted = self._wide or pane.id == self._report
            elif isinstance(pane, ModesPane):
                wanted = size.height >= _LOW
            pane.display = pane is focused if self.zoomed and focused else wanted
        for number, pane in enumerate(reports, 1):
            alone = not self._wide and not self.zoomed
            pane.more = f" · {number} of {len(reports)}, tab goes on" if alone else ""
        for box in self.query(".plots, .lines, .charts, .reports"):
            box.display = any(pane.display for pane in box.query(Pane))
        self.query_one(".plots").styles.grid_size_columns = 1 if self.zoomed else 2
        self.set_class(self.zoomed, "-zoomed")
        self.set_class(not self._wide, "-stacked")
        self.set_class(not roomy, "-small")

    def focus_pane(self, step: int = 0) -> None:
        """Where one report has the place of all, tab goes through them."""
        if step and not self._wide and not self.zoomed:
            every = list(self.query_one(".reports").query(Pane))
            every += [pane for pane in self.panes() if pane not in every]
            current = every.index(self.pane) if self.pane in every else 0
            following = every[(current + step) % len(every)]
            if not following.display:
                self._report = following.id or "health"
                following.display = True
                following.focus(scroll_visible=False)
                self.call_after_refresh(self._rearrange)
                return
            following.focus(scroll_visible=False)
            return
        super().focus_pane(step)

    def _rearrange(self) -> None:
        self.choose_panes()
        self.call_after_refresh(self.console.paint_now)

    def action_span(self, step: int) -> None:
        """Look back over a longer or shorter time."""
        panes = [*self.query(PlotPane), *self.query(MetricsPane)]
        index = min(max(SPANS.index(panes[0].span) + step, 0), len(SPANS) - 1)
        for pane in panes:
            pane.span = SPANS[index]
            pane.refresh_body()
        self.console.paint_now()

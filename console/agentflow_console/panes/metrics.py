"""Metrics over time: one line of blocks for each, or a tall plot for a whole screen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentflow.telemetry.snapshot import Point
from agentflow_console import show
from agentflow_console.panes.base import Pane, Piece
from agentflow_console.panes.plot import axis_top, bars, braille, thin
from agentflow_console.text import fit

if TYPE_CHECKING:
    from agentflow_console.store import Store


@dataclass(frozen=True, slots=True)
class Series:
    """One number over time."""

    title: str
    of: Callable[[Point], float]
    write: Callable[[float], str]
    style: str  # name of a style of the palette
    least: float  # what the axis reaches at least, so that a quiet system looks quiet


SERIES = (
    Series("events/s", lambda point: point.settled, show.rate, "primary", 10),
    Series("queue", lambda point: point.queued, show.count, "accent", 10),
    Series("running", lambda point: point.running, show.count, "running", 10),
    Series("p95", lambda point: point.p95, show.duration, "success", 0.01),
    Series("failed/s", lambda point: point.dead, show.rate, "dead", 5),
    Series("held", lambda point: point.held, show.count, "held", 10),
    Series("loop lag", lambda point: point.lag, show.duration, "warning", 0.05),
)
"""What the engine measures once a second."""

SPANS = (60, 300, 900, 3600)
"""Time spans to look back, in seconds."""

_LABEL, _VALUE = 9, 6


class MetricsPane(Pane):
    """Every series on one line: name, blocks, the value now."""

    period = 0.5

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.span = 300
        self.points: list[Point] = []
        self._seen = -1

    def look(self, store: Store, now: float) -> None:
        if store.points.revision != self._seen:
            self._seen = store.points.revision
            self.points = list(store.points)
            self.refresh_body()

    def heading(self) -> str:
        return f"Metrics · last {self.span // 60} min"

    def recent(self) -> list[Point]:
        """The points of the time span."""
        if not self.points:
            return []
        since = self.points[-1].time - self.span
        return [point for point in self.points if point.time > since]

    def draw_body(self, y: int, cells: int) -> list[Piece]:
        palette = self.palette
        if not self.points:
            text = "No measurements yet; the first one comes after a second." if y == 0 else ""
            return [(f" {text}"[:cells], palette.muted)]
        if y >= len(SERIES):
            return []
        series = SERIES[y]
        values = [series.of(point) for point in self.recent()]
        columns = cells - _LABEL - _VALUE - 4
        if columns < 4:
            return [
                (" " + fit(series.title, _LABEL), palette.muted),
                (fit(series.write(values[-1]), _VALUE, ">"), palette.text),
            ]
        style = getattr(palette, series.style)
        flat = not any(values)
        top = axis_top(max(*values, series.least))
        return [
            (" " + fit(series.title, _LABEL), palette.muted),
            (bars(thin(values, columns), columns, top), palette.faint if flat else style),
            (" " + fit(series.write(values[-1]), _VALUE, ">") + " ", palette.text),
        ]

    def copy_text(self) -> str:
        if not self.points:
            return ""
        last = self.points[-1]
        return "\n".join(f"{series.title} {series.write(series.of(last))}" for series in SERIES)


class PlotPane(Pane):
    """One series as a tall plot with an axis."""

    period = 0.5

    def __init__(self, series: Series, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.series = series
        self.title = series.title
        self.span = 300
        self._seen: object = None
        self._values: list[float] = []
        self._lines: list[str] = []
        self._top = 1.0
        self._shape = (0, 0)

    def look(self, store: Store, now: float) -> None:
        seen = (store.points.revision, self.span)
        if seen == self._seen and self._shape == (self.body_width, self.body_height):
            return
        self._seen = seen
        points = store.points
        since = (points[-1].time if points else 0.0) - self.span
        self._values = [self.series.of(point) for point in points if point.time > since]
        self._plot()
        self.refresh_body()

    def forget(self) -> None:
        self._plot()

    def _plot(self) -> None:
        self._shape = (self.body_width, self.body_height)
        columns = self.body_width - 8
        lines = self.body_height - 1
        self._top = axis_top(max([*self._values, self.series.least]))
        self._lines = (
            braille(self._stretched(columns * 2), columns, lines, self._top)
            if columns > 2 and lines > 0
            else []
        )

    def _stretched(self, columns: int) -> list[float]:
        """The values on a time axis of ``span`` seconds: a second may be several columns."""
        share = max(min(len(self._values) * columns // self.span, columns), 1)
        values = thin(self._values, share)
        if not values or len(values) >= share:
            return values
        return [values[index * len(values) // share] for index in range(share)]

    def note(self) -> str:
        if not self._values:
            return ""
        write = self.series.write
        mean = sum(self._values) / len(self._values)
        return (
            f"now {write(self._values[-1])} · mean {write(mean)} · max {write(max(self._values))}"
        )

    def draw_body(self, y: int, cells: int) -> list[Piece]:
        palette = self.palette
        count = len(self._lines)
        if y < count:
            mark = ""
            if y == 0:
                mark = self.series.write(self._top)
            elif y == count - 1:
                mark = "0"
            elif y == count // 2 and count > 4:
                mark = self.series.write(self._top / 2)
            style = getattr(palette, self.series.style)
            return [
                (fit(mark, 6, ">"), palette.muted),
                ("│", palette.faint),
                (self._lines[y], style),
            ]
        if y == count and count:
            start = f"-{self.span // 60} min"
            return [
                ("      └", palette.faint),
                (start, palette.muted),
                ("─" * max(cells - 8 - len(start) - 4, 0), palette.faint),
                (" now", palette.muted),
            ]
        return []

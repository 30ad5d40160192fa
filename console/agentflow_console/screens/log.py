"""Log: what was printed and logged, and one line in full."""

from __future__ import annotations

from agentflow.telemetry.snapshot import LogRow
from agentflow_console import show
from agentflow_console.panes.document import Lines, folded
from agentflow_console.panes.log import LogPane
from agentflow_console.screens.listing import Listing
from agentflow_console.text import safe


class Log(Listing):
    """The list; a line that is too long for it opens."""

    room = "log"
    title = "Log"
    always_beside = False

    def __init__(self) -> None:
        super().__init__()
        self._shown: object = None

    def make_list(self) -> LogPane:
        return LogPane(id="log-list")

    def describe(self, row: LogRow | None) -> None:
        cells = self.detail_cells
        if not cells:
            return
        palette = self.console.palette
        if row is None:
            self.detail.show("", "Line", [[(" No line is selected.", palette.muted)]])
            return
        if (row.seq, cells, palette) == self._shown:
            return
        self._shown = (row.seq, cells, palette)
        style = palette.state(row.level)
        lines: Lines = [
            [
                (f" {show.clock(row.time)}  ", palette.muted),
                (safe(row.level, 12), style),
                ("  " + safe(row.source, 80), palette.muted),
            ],
            [],
        ]
        for line in row.text[:20_000].splitlines():
            lines += folded([(" ", palette.text)], (safe(line), style), cells, 1)
        self.detail.show(row.seq, "Log line", lines)

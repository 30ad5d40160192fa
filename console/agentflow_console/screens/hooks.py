"""Hooks: the callbacks on the hook points, and one of them in full."""

from __future__ import annotations

from agentflow.telemetry.snapshot import HookRow
from agentflow_console import show
from agentflow_console.panes.base import Piece
from agentflow_console.panes.document import Lines, folded
from agentflow_console.panes.hooks import HooksPane
from agentflow_console.screens.listing import Listing
from agentflow_console.text import fit, safe

_WHEN = {
    "BeforeEventHandling": "Once for each event, before anything runs. Raising vetoes the event.",
    "AfterEventHandling": "Once for each event, after its outcome is known.",
    "BeforeAgentRun": "Before each run of an agent. Raising keeps that agent from running.",
    "AfterAgentRun": "After each run of an agent, whether it failed or not.",
    "AgentError": "Once for each run of an agent that failed for good.",
    "AllHooks": "At every hook point, after the callbacks of that point.",
}
_NAME = 11


class Hooks(Listing):
    """The list, and the selected callback."""

    room = "hooks"
    title = "Hooks"
    always_beside = False

    def __init__(self) -> None:
        super().__init__()
        self._shown: object = None

    def make_list(self) -> HooksPane:
        return HooksPane(full=True, id="hooks-list")

    def describe(self, row: HookRow | None) -> None:
        cells = self.detail_cells
        if not cells:
            return
        palette = self.console.palette
        if (row, cells, palette) == self._shown:
            return
        self._shown = (row, cells, palette)
        if row is None:
            self.detail.show("", "Hook", [[(" No callback is selected.", palette.muted)]])
            return
        facts = [
            ("Hook point", row.hook),
            ("When", _WHEN.get(row.hook, "")),
            ("Fired", f"{row.fired} times, {row.vetoed} vetoes, {row.errors} errors"),
            ("Took", f"p95 {show.duration(row.p95)}" if row.fired else ""),
            ("Last fired", show.clock(row.last_time) if row.last_time else "never"),
        ]
        lines: Lines = [[(" " + safe(row.name, 80), palette.strong)]]
        for name, value in facts:
            if value:
                start: list[Piece] = [(" " + fit(name, _NAME), palette.muted)]
                lines += folded(start, (safe(value), palette.text), cells, _NAME + 1)
        if row.last_error:
            lines += [[], [(" Last error", palette.heading)]]
            lines += folded([(" ", palette.text)], (safe(row.last_error), palette.error), cells, 1)
        self.detail.show((row.hook, row.name), f"Hook {safe(row.name, 60)}", lines)

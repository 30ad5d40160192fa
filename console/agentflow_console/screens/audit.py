"""Audit: what operators did."""

from __future__ import annotations

from agentflow.telemetry.snapshot import AuditRow
from agentflow_console.panes.audit import AuditPane, audit_lines
from agentflow_console.screens.listing import Listing


class Audit(Listing):
    """The list, and the selected action in full."""

    room = "audit"
    title = "Audit"
    always_beside = False

    def make_list(self) -> AuditPane:
        return AuditPane(id="audit-list")

    def describe(self, row: AuditRow | None) -> None:
        cells = self.detail_cells
        if not cells:
            return
        palette = self.console.palette
        if row is None:
            self.detail.show("", "Action", [[(" Nothing is selected.", palette.muted)]])
        else:
            self.detail.show(row.seq, "Action", audit_lines(row, palette, cells))

"""Audit: what operators did, and the way to what it was about."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType

from agentflow.control import Answer
from agentflow.telemetry.snapshot import AuditRow
from agentflow_console.bindings import bindings
from agentflow_console.link.protocol import LinkError
from agentflow_console.panes.audit import AuditPane, audit_lines
from agentflow_console.screens.listing import Listing

_ROOMS = {
    "agent": "agents", "version": "config", "dead": "dead_letters", "breakpoint": "breakpoints",
}  # fmt: skip


class Audit(Listing):
    """The list, and the selected action in full; ↵ there goes to what it was about."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("audit")
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
            return
        undone = next((one.seq for one in self.console.store.audit if one.undid == row.seq), 0)
        lines = audit_lines(row, palette, cells, undone=undone)
        self.detail.show(row.seq, f"Action {row.seq}", lines)

    def open_row(self, row: AuditRow | None) -> None:
        if row is None or not self.opened:
            super().open_row(row)
        else:
            self._go_to(row)

    def _go_to(self, row: AuditRow) -> None:
        """Show the event, the version or the agent that an action was about."""
        kind, _, name = row.about.partition(":")
        if kind == "event":
            self.run_worker(self._go_to_event(name), group="go", exclusive=True)
        elif kind in _ROOMS:
            self.console.open_in(_ROOMS[kind], name if kind == "agent" else int(name))
        else:
            self.console.say("There is nothing to go to: it was about the whole system.")

    async def _go_to_event(self, event_id: str) -> None:
        try:
            detail = await self.console.link.event(event_id)
        except LinkError as error:
            self.console.say(str(error), ok=False)
            return
        if detail is None:
            self.console.say("The engine no longer has that event.", ok=False)
        else:
            self.console.open_in("traces", (detail.row.session, event_id))

    def action_export(self) -> None:
        """Write the actions that the list shows into a file."""
        rows = sorted(self.list.rows, key=lambda row: row.seq)
        if not rows:
            self.console.say("There is nothing to export.")
            return
        from agentflow_console.forms.export import AuditExportScreen

        def exported(answer: Answer | None) -> None:
            if answer is not None:
                self.console.say(answer.message, ok=answer.ok)

        self.app.push_screen(AuditExportScreen(rows), exported)

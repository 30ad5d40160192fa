"""What-if: recorded sessions run under another configuration, beside what was recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from textual.binding import BindingType
from textual.worker import Worker

from agentflow.control import Answer
from agentflow_console.bindings import bindings
from agentflow_console.link.kinds import as_recorded
from agentflow_console.link.protocol import Link
from agentflow_console.panes.whatif import VerdictsPane, report_pieces, summary_pieces
from agentflow_console.recordings import ENDING
from agentflow_console.screens.listing import Listing
from agentflow_console.text import safe
from agentflow_console.whatif.running import RUNNING, Run, Verdict


class WhatIf(Listing):
    """Sessions and verdicts at the left, the selected one side by side at the right."""

    DEFAULT_CSS = """
    WhatIf .list { width: 46; }
    WhatIf .detail { width: 1fr; }
    WhatIf.-stacked .list { height: 1fr; }
    WhatIf.-stacked .detail { height: 3fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("whatif")
    room = "whatif"
    title = "What-if"

    def __init__(self) -> None:
        super().__init__()
        self._current: Run | None = None
        self._worker: Worker[None] | None = None
        self._described: object = None
        self._session = ""

    def make_list(self) -> VerdictsPane:
        self._verdicts = VerdictsPane(id="verdicts")
        return self._verdicts

    # -- what is shown -----------------------------------------------------------------------

    def describe(self, row: Verdict | None) -> None:
        cells, run, palette = self.detail_cells, self._current, self.console.palette
        if not cells:
            return
        described = (row, run, run.state if run else "", cells, palette)
        if described == self._described:  # this is asked for at every frame
            return
        self._described = described
        if run is None:
            self.detail.show("", "Side by side", [[(" Nothing was run yet.", palette.muted)]])
            return
        totals = summary_pieces(run, palette, cells)
        if row is None:
            self.detail.show("", "All sessions", totals)
            return
        lines = report_pieces(row.report(), palette, cells)
        rule = [("─" * cells, palette.faint)]
        lines += [[], rule, [(" All sessions", palette.heading)], *totals]
        self.detail.show(row.session, f"Session {safe(row.session, 60)}", lines)

    def _progress(self) -> None:
        """There is more to show: the next frame shows it."""
        run = self._current
        if run is not None and run.state != RUNNING:
            words = run.error or _said(run)
            self.console.say(words, ok=not run.error)

    # -- running -------------------------------------------------------------------------------

    def select(self, key: Any) -> None:
        """Ask what to run for the session ``key``."""
        self._session = str(key)
        self.action_ask()

    def action_ask(self) -> None:
        """Open the form."""
        from agentflow_console.forms.whatif import WhatIfScreen

        console = self.console
        config = console.store.config
        form = WhatIfScreen(
            self._start,
            session=self._session,
            recording=_recording_of(console.link),
            config=config.path if config is not None and Path(config.path).is_file() else "",
            agents=[row.name for row in console.store.agents],
            read_only=console.read_only,
        )
        self.app.push_screen(form)

    async def _start(self, name: str, *, arguments: list[str], **_: Any) -> Answer:
        self.action_cancel_run()
        run = self._current = self._verdicts.run = Run(arguments, self._progress)
        self.opened = False
        self.choose_panes()
        self._worker = self.run_worker(run.go(), group="whatif", exclusive=True)
        return Answer(True, "The run has begun.")

    def action_cancel_run(self) -> None:
        """End the run that is under way."""
        if self._worker is not None and self._worker.is_running:
            self._worker.cancel()


def _recording_of(link: Link) -> str:
    """The recording that is shown, or the one of the engine that runs; '' if there is none."""
    if (recorded := as_recorded(link)) is not None:
        return str(recorded.recording.path)
    beside = Path(link.journal).with_suffix(ENDING) if link.journal else None
    return str(beside) if beside is not None and beside.is_file() else ""


def _said(run: Run) -> str:
    summary = run.summary
    if summary is None:
        return "The what-if run was cancelled."
    return (
        f"What-if: {summary['same']:,} the same, {summary['parted']:,} part, "
        f"{summary['unknown']:,} can't be told."
    )

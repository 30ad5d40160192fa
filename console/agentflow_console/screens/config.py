"""Config: what runs, the file and what is wrong in it, the history and the way back."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical

from agentflow.telemetry.snapshot import CanaryRow, ProblemRow, VersionRow
from agentflow_console.bindings import bindings
from agentflow_console.palette import Palette
from agentflow_console.panes.base import Pane
from agentflow_console.panes.canary import canary_lines
from agentflow_console.panes.config_facts import config_lines, version_lines
from agentflow_console.panes.config_lists import ProblemsPane, VersionsPane
from agentflow_console.panes.config_text import ConfigText
from agentflow_console.panes.document import DocumentPane, Lines
from agentflow_console.panes.prose import paragraph
from agentflow_console.panes.table import TablePane
from agentflow_console.screens.base import Room
from agentflow_console.store import Store
from agentflow_console.text import safe

_BESIDE = 100


class Config(Room):
    """From 100 columns everything at once; below, one page at a time, tab goes on.

    ↵ on a version rolls back to it after a question, ↵ on a problem shows its line.
    """

    DEFAULT_CSS = """
    Config .split { layout: horizontal; width: 1fr; height: 1fr; }
    Config .left { width: 2fr; max-width: 72; }
    Config .right { width: 3fr; }
    Config #facts { height: 3fr; }
    Config #versions { height: 2fr; }
    Config #canary { height: 16; }
    Config.-single #canary { height: 1fr; }
    Config #differences { height: 2fr; }
    Config #file { height: 1fr; }
    Config #problems { height: 8; }
    Config.-single .left, Config.-single .right { width: 1fr; max-width: 100%; }
    Config.-single #problems { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("config")
    room = "config"
    title = "Config"

    def __init__(self) -> None:
        super().__init__()
        self.facts = DocumentPane(id="facts")
        self.versions = VersionsPane(id="versions")
        self.differences = DocumentPane(id="differences")
        self.file = ConfigText(id="file")
        self.problems = ProblemsPane(id="problems")
        self.canary = DocumentPane(id="canary")
        self._single: Pane = self.versions
        self._seen: object = None
        self._canary: CanaryRow | None = None

    def compose(self) -> ComposeResult:
        with Container(classes="split"):
            with Vertical(classes="left"):
                yield self.canary
                yield self.facts
                yield self.versions
                yield self.differences
            with Vertical(classes="right"):
                yield self.file
                yield self.problems

    @property
    def _every(self) -> list[Pane]:
        panes: list[Pane] = [self.versions, self.differences, self.facts, self.file]
        if self._canary is not None:
            panes.insert(0, self.canary)
        return [*panes, self.problems] if self.problems.rows else panes

    # -- which of them is shown ----------------------------------------------------------------

    def choose_panes(self) -> None:
        beside = self.app.size.width >= _BESIDE
        if self.zoomed:
            shown: list[Pane] = [self.pane or self.versions]
        elif self.console.store.config is None and self._failure:
            shown, beside = [self.facts], False
        elif beside:
            shown = self._every
        else:
            shown = self._page()
        for pane in self.query(Pane):
            pane.display = pane in shown
        for side in self.query(".left, .right"):
            side.display = any(pane.display for pane in side.query(Pane))
        self.set_class(not beside, "-single")

    def _page(self) -> list[Pane]:
        """What a narrow screen shows: a version with what it changed, problems with the file."""
        pages: list[list[Pane]] = [[self.versions, self.differences]]
        if self.problems.rows:
            pages.append([self.file, self.problems])
        return next((page for page in pages if self._single in page), [self._single])

    def focus_pane(self, step: int = 0) -> None:
        every = self._every
        focused = self.pane if self.pane in every else self._single
        at = every.index(focused) if focused in every else 0
        pane = every[(at + step) % len(every)]
        self._show(pane)

    def _show(self, pane: Pane) -> None:
        self._single = pane
        pane.display = True
        pane.focus(scroll_visible=False)
        self.choose_panes()
        self.call_after_refresh(self._settle)

    def _settle(self) -> None:
        self._seen = None
        self.console.paint_now()

    # -- what is in them -----------------------------------------------------------------------

    def refresh_from(self, store: Store, now: float, *, force: bool = False) -> None:
        had = bool(self.problems.rows)
        tried = self._canary is not None
        snapshot = store.snapshot
        self._canary = snapshot.canary if snapshot is not None else None
        rows = self.problems.fetch(store)
        if rows is not None:
            self.problems.show(rows)
        super().refresh_from(store, now, force=force)
        if tried != (self._canary is not None):
            if self._single is self.canary:
                self._single = self.versions
            self.choose_panes()
        if bool(self.problems.rows) != had:
            if not self.problems.rows and self._single is self.problems:
                self._single = self.versions
            self.choose_panes()
        self._fill(store)

    def _fill(self, store: Store) -> None:
        config, palette = store.config, self.console.palette
        if config is None:
            self._fill_nothing()
            return
        if self._canary is not None and self.canary.shown:
            lines = canary_lines(self._canary, palette, self.canary.body_width)
            share = self._canary.share
            name = "Canary" if share < 100 else "New sessions"
            number = self._canary.new.version
            self.canary.show(number, f"{name} v{number}{self._suffix(self.canary)}", [
                *lines, [(" A promotes or ends it", palette.muted)],
            ])  # fmt: skip
        row = self.versions.selected
        self.versions.suffix = self._suffix(self.versions)
        self.problems.suffix = self._suffix(self.problems)
        sizes = tuple(pane.size for pane in (self.facts, self.file, self.differences))
        snapshot = store.snapshot
        seen = (snapshot and snapshot.config_revision, store.agents.revision, row, sizes, palette)
        if seen == self._seen:
            return
        self._seen = seen
        if self.facts.shown:
            lines = config_lines(config, list(store.agents), palette, self.facts.body_width)
            self.facts.show("facts", f"What runs{self._suffix(self.facts)}", lines)
        if self.file.shown:
            name = (safe(config.path, 200) or "No file") + self._suffix(self.file)
            own = [row for row in config.problems if _is_about(row, config.path)]
            self.file.show_file(config.text, name, config.text, own)
        if self.differences.shown:
            self._show_version(row, config.version)

    def _fill_nothing(self) -> None:
        """There is no engine: say why, with every problem of the file if that is the reason."""
        palette, failure = self.console.palette, self._failure
        lines: Lines = []
        for line in failure.splitlines():
            lines += paragraph((line, palette.error), palette, self.facts.body_width)
        if failure:
            hint = "Mend that, and start the console again."
            lines += [[], [(" " + hint, palette.muted)]]
        else:
            lines = [[(" The engine is still starting.", palette.muted)]]
        self.facts.show("", "Why nothing runs" if failure else "What runs", lines)
        self.file.show("", "File", [])

    @property
    def _failure(self) -> str:
        return self.console.link.reason or self.console.pump.failure

    def _show_version(self, row: VersionRow | None, running: int) -> None:
        if row is None:
            self.differences.show("", "Version", [])
            return
        lines = version_lines(row, running, self.console.palette, self.differences.body_width)
        name = f"What v{row.number} changed" if row.number else "What was refused"
        self.differences.show((row.number, row.time), name + self._suffix(self.differences), lines)

    def _suffix(self, pane: Pane) -> str:
        """Where not every pane is shown: which one of how many it is, and how to get on."""
        if pane is not self._single or self.zoomed or not self.has_class("-single"):
            return ""
        every = self._every
        return f" · {every.index(pane) + 1} of {len(every)}, tab goes on"

    def restyle(self, palette: Palette, *, sides: bool) -> None:
        super().restyle(palette, sides=sides)
        self._seen = None
        self._fill(self.console.store)

    def on_table_pane_moved(self, event: TablePane.Moved) -> None:
        event.stop()
        self._fill(self.console.store)
        problem = self.problems.selected
        if event.pane is self.problems and problem is not None and self.file.shown:
            self.file.go_to(problem.line)

    # -- what the room answers -----------------------------------------------------------------

    def entered(self) -> None:
        """A broken file is what one came for."""
        config = self.console.store.config
        if config is not None and config.status != "ok" and config.problems:
            rows = self.problems.fetch(self.console.store)
            if rows is not None:
                self.problems.show(rows)
            self._show(self.problems)
        elif config is None and self._failure:
            self._show(self.facts)
        else:
            self._show(self._single)

    def open_row(self, row: Any) -> None:
        if isinstance(row, ProblemRow):
            self._show(self.file)
            self.call_after_refresh(self.file.go_to, row.line)
        elif isinstance(row, VersionRow) and not row.number and self.problems.rows:
            self._show(self.problems)
        elif isinstance(row, VersionRow):
            self.action_rollback()

    def select(self, key: int) -> None:
        """Put the cursor on the version of this number."""
        self._show(self.versions)
        row = next((row for row in self.versions.rows if row.number == key), None)
        if row is None or not self.versions.select(self.versions.key(row)):
            self.console.say(f"v{key} is not in the history any more.")
        self._fill(self.console.store)

    def go_back(self) -> bool:
        if self._single is self.versions or self.app.size.width >= _BESIDE:
            return False
        self._show(self.versions)
        return True

    def action_rollback(self) -> None:
        """Run the selected version again, after a question."""
        row = self.versions.selected
        config = self.console.store.config
        if row is None or config is None:
            self.console.say("There is no version to roll back to yet.")
        elif not row.number:
            self.console.say("That one was refused; it never ran.")
        elif row.number == config.version:
            self.console.say(f"v{row.number} is what runs.")
        elif not self.console.refused():
            self._ask(row)

    def _ask(self, row: VersionRow) -> None:
        title = f"Plan: roll back to v{row.number}"
        self.console.plan_first("rollback", title, version=row.number)

    def action_apply_file(self) -> None:
        """Run what the file says."""
        if not self.console.refused():
            self.console.plan_first("file", "Plan: apply the file")


def _is_about(problem: ProblemRow, path: str) -> bool:
    """Whether a problem is in this file, and not in one that is laid over it."""
    return PurePath(problem.path).name == PurePath(path).name

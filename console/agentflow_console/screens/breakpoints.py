"""Breakpoints: where events are to be stopped, what is stopped now, and what becomes of it."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical

from agentflow.control import Answer, StopDetail
from agentflow.telemetry.snapshot import BreakpointRow, StopRow
from agentflow_console.bindings import bindings
from agentflow_console.latest import Latest
from agentflow_console.link.protocol import LinkError
from agentflow_console.palette import Palette
from agentflow_console.panes.base import Pane
from agentflow_console.panes.breakpoints import BreakpointsPane, StopsPane
from agentflow_console.panes.document import DocumentPane
from agentflow_console.panes.stop_lines import breakpoint_lines, stop_lines, stop_text
from agentflow_console.panes.table import TablePane
from agentflow_console.screens.base import Room
from agentflow_console.store import Store
from agentflow_console.text import safe

_BESIDE = 140


class Breakpoints(Room):
    """What is stopped over the breakpoints; the selected one in full beside them, or alone."""

    DEFAULT_CSS = """
    Breakpoints .split { layout: horizontal; width: 1fr; height: 1fr; }
    Breakpoints .lists { width: 3fr; }
    Breakpoints #stop-detail { width: 2fr; }
    Breakpoints #stops, Breakpoints #points { height: 1fr; }
    Breakpoints.-single .lists, Breakpoints.-single #stop-detail { width: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("breakpoints")
    room = "breakpoints"
    title = "Breakpoints"

    def __init__(self) -> None:
        super().__init__()
        self.stops = StopsPane(id="stops")
        self.points = BreakpointsPane(id="points")
        self.detail = DocumentPane(id="stop-detail")
        self.opened = False
        self._follows: tuple[str, int] | None = None
        """The event that steps on, and its stop before: the cursor goes with it."""
        self._list: TablePane[Any] = self.stops
        self._detail: StopDetail | None = None
        self._latest: Latest[int, StopDetail | None] | None = None
        self._described: object = None

    def compose(self) -> ComposeResult:
        with Container(classes="split"):
            with Vertical(classes="lists"):
                yield self.stops
                yield self.points
            yield self.detail

    # -- which of them is shown ----------------------------------------------------------------

    def choose_panes(self) -> None:
        beside = self.app.size.width >= _BESIDE and not self.zoomed
        alone = self.pane if self.zoomed else None
        shown: list[Pane] = [self.stops, self.points, self.detail]
        if alone is not None:
            shown = [alone]
        elif not beside:
            shown = [self.detail] if self.opened else [self.stops, self.points]
        for pane in (self.stops, self.points, self.detail):
            pane.display = pane in shown
        lists = self.query_one(".lists")
        lists.display = self.stops.display or self.points.display
        self.set_class(not beside, "-single")

    def _changed(self) -> None:
        self.choose_panes()
        self.call_after_refresh(self._settle)

    def _settle(self) -> None:
        (self.detail if self.opened else self._list).focus(scroll_visible=False)
        self._described = None
        self.console.paint_now()

    def entered(self) -> None:
        """Whoever comes here while something is stopped comes for that."""
        snapshot = self.console.store.snapshot
        if snapshot is not None and not self.opened:
            self._list = self.stops if snapshot.stops or not snapshot.breakpoints else self.points
        (self.detail if self.opened else self._list).focus(scroll_visible=False)

    # -- what is in them -----------------------------------------------------------------------

    @property
    def selected(self) -> Any:
        if self.stops.has_focus:
            self._list = self.stops
        elif self.points.has_focus:
            self._list = self.points
        return self._list.selected

    def refresh_from(self, store: Store, now: float, *, force: bool = False) -> None:
        super().refresh_from(store, now, force=force)
        if not self.stops.display and (stops := self.stops.fetch(store)) is not None:
            self.stops.show(stops)
        self._follow(store)
        self.describe()

    def _follow(self, store: Store) -> None:
        """Put the cursor on the event that has stepped on."""
        if self._follows is None or store.snapshot is None:
            return
        event_id, before = self._follows
        for row in store.snapshot.stops:
            if row.event_id == event_id and row.number > before and self.stops.select(row.number):
                self._follows = None
                return

    def restyle(self, palette: Palette, *, sides: bool) -> None:
        super().restyle(palette, sides=sides)
        self.describe()

    def on_table_pane_moved(self, event: TablePane.Moved) -> None:
        event.stop()
        self.describe()

    def on_descendant_focus(self) -> None:
        self.describe()

    def describe(self) -> None:
        """Fill the detail with what there is to say about the selected row."""
        cells = self.detail.body_width if self.detail.shown else 0
        row = self.selected
        if not cells:
            return
        palette = self.console.palette
        if isinstance(row, StopRow):
            if self._latest is None:
                self._latest = Latest(self, self.console.link.stop, self._got)
            self._latest.want(row.number, live=True)
        known = self._detail
        detail = (
            known
            if isinstance(row, StopRow) and known is not None and known.row.number == row.number
            else None
        )
        described = (row, detail, cells, palette)
        if described == self._described:  # this is asked for at every frame
            return
        self._described = described
        if isinstance(row, StopRow):
            self.detail.plain_of = lambda: stop_text(row, detail)
            self.detail.show(
                ("stop", row.number), f"Event {row.seq}", stop_lines(row, detail, palette, cells)
            )
        elif isinstance(row, BreakpointRow):
            self.detail.plain_of = lambda: self.points.copy_text()
            self.detail.show(
                ("breakpoint", row.number),
                f"Breakpoint {row.number}",
                breakpoint_lines(row, palette, cells),
            )
        else:
            said = "Nothing is selected: n makes a breakpoint."
            self.detail.show("", "Breakpoints", [[(" " + said, palette.muted)]])

    def _got(self, number: int, detail: StopDetail | None) -> None:
        self._detail = detail
        self.describe()

    # -- what the room answers -----------------------------------------------------------------

    def select(self, key: Any) -> None:
        """Put the cursor on the breakpoint of this number."""
        rows = self.points.fetch(self.console.store)
        if rows is not None:
            self.points.show(rows)
        if self.points.select(key):
            self._list = self.points
            self.points.focus(scroll_visible=False)

    def open_row(self, row: Any) -> None:
        if isinstance(row, BreakpointRow) and self.opened:
            self.action_edit()
            return
        self.opened = True
        self._changed()

    def go_back(self) -> bool:
        if not self.opened:
            return False
        self.opened = False
        self._changed()
        return True

    # -- what becomes of a stopped event ---------------------------------------------------------

    def _stop(self) -> StopRow | None:
        """The stopped event that a key is for."""
        row = self.selected
        stop = row if isinstance(row, StopRow) else self.stops.selected
        if stop is None:
            self.console.say("No event is stopped.")
            return None
        return None if self.console.refused() else stop

    def _do(self, command: str, word: str, **arguments: Any) -> None:
        stop = self._stop()
        if stop is not None:
            self._follows = (stop.event_id, stop.number)
            self.console.change(
                command,
                saying=f"{word} event {stop.seq}",
                then=self._done,
                number=stop.number,
                **arguments,
            )

    def _done(self, answer: Answer | None) -> None:
        if answer is not None and self._latest is not None:
            self._latest.forget()
        snapshot = self.console.store.snapshot
        if answer is not None and snapshot is not None and not snapshot.stops and self.opened:
            self.go_back()

    def action_continue(self) -> None:
        """Let it go on."""
        self._do("continue", "continue")

    def action_continue_all(self) -> None:
        """Let everything go on that is stopped."""
        if self._stop() is not None:
            self.console.change("continue", saying="continue all", then=self._done)

    def action_step(self) -> None:
        """On to the next hook point."""
        self._do("step", "step")

    def action_step_over(self) -> None:
        """On to the hook point after the agent."""
        self._do("step_over", "step over the agent of")

    def action_skip(self) -> None:
        """Without the callbacks of this point, or with them after all."""
        self._do("skip_callbacks", "skip the callbacks of")

    def action_drop(self) -> None:
        """End it as a dead letter, after a question."""
        stop = self._stop()
        if stop is None:
            return
        from agentflow_console.forms.confirm import ConfirmScreen

        def answered(yes: bool | None) -> None:
            if yes:
                saying = f"drop event {stop.seq}"
                self.console.change("drop_stop", saying=saying, then=self._done, number=stop.number)

        touches = [
            f"It is stopped at {stop.hook} {safe(stop.agent, 60)}".rstrip() + ".",
            "",
            "It ends as a dead letter, which can be replayed.",
        ]
        screen = ConfirmScreen(f"Drop event {stop.seq}?", touches, verb="Drop", destroys=True)
        self.app.push_screen(screen, answered)

    # -- editing ---------------------------------------------------------------------------------

    def action_edit(self) -> None:
        """The data of the stopped event, or the selected breakpoint, in a form."""
        row = self.selected
        if isinstance(row, BreakpointRow):
            if not self.console.refused():
                self._open_form(row)
        elif (stop := self._stop()) is not None:
            self.run_worker(self._edit(stop.number, "data"), group="forms", exclusive=True)

    def action_edit_state(self) -> None:
        """The state and its meta, in an editor."""
        stop = self._stop()
        if stop is not None:
            self.run_worker(self._edit(stop.number, "state"), group="forms", exclusive=True)

    async def _edit(self, number: int, what: str) -> None:
        from agentflow_console.forms.edit_stop import EditStopScreen

        try:
            detail = await self.console.link.stop(number)
        except LinkError as error:
            self.console.say(str(error), ok=False)
            return
        if detail is None:
            self.console.say("That event goes on already.", ok=False)
            return
        screen = EditStopScreen(self.console.command, detail, what)
        await self.app.push_screen(screen, self._done)

    def action_new(self) -> None:
        """A new breakpoint."""
        if not self.console.refused():
            self._open_form(None)

    def _open_form(self, row: BreakpointRow | None) -> None:
        from agentflow_console.forms.breakpoint import BreakpointScreen

        names = [agent.name for agent in self.console.store.agents]
        self.app.push_screen(BreakpointScreen(self.console.command, names, row))

    def action_enable(self) -> None:
        """Switch the selected breakpoint off, or on again."""
        row = self.selected if isinstance(self.selected, BreakpointRow) else self.points.selected
        if row is None:
            self.console.say("There is no breakpoint to switch; n makes one.")
        elif not self.console.refused():
            word = "switch off" if row.enabled else "switch on"
            saying = f"{word} breakpoint {row.number}"
            self.console.change("break", saying=saying, number=row.number, enabled=not row.enabled)

    def action_on_quit(self) -> None:
        """What becomes of stopped events at the end: they go on, or they are kept."""
        snapshot = self.console.store.snapshot
        if snapshot is not None and not self.console.refused():
            value = "keep" if snapshot.on_quit == "release" else "release"
            self.console.change("on_quit", saying=f"{value} stopped events", value=value)

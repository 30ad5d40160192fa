"""ConsoleApp: the screens of one engine, in a terminal.

It puts the parts together and no more: ``pump`` fetches, ``store`` keeps, rooms show,
``showing`` measures and waits for the terminal, ``operate`` changes the system, ``header`` and
``footer`` say how things are.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.filter import LineFilter

from agentflow_console import theming
from agentflow_console.bindings import bindings
from agentflow_console.breaking import Breaking
from agentflow_console.commands import GLOBAL, REPLAY
from agentflow_console.footer import AlertLine, FooterLine
from agentflow_console.header import StatusLine, TabLine
from agentflow_console.keymap import KeyMap, load_keymap
from agentflow_console.line_filter import InertLines
from agentflow_console.palette import Palette, make_palette
from agentflow_console.pump import Pump
from agentflow_console.replays import Replays
from agentflow_console.rooms import ROOMS
from agentflow_console.scrubber import Scrubber
from agentflow_console.settings import Settings, load_settings, save_settings
from agentflow_console.showing import Showing
from agentflow_console.store import Store
from agentflow_console.viewing import Viewing

if TYPE_CHECKING:
    from textual import events
    from textual.binding import BindingType
    from textual.driver import Driver
    from textual.theme import Theme

    from agentflow_console.link.protocol import Link
    from agentflow_console.panes.table import TablePane

__all__ = ["ROOMS", "ConsoleApp"]

_UNDER_DIALOG = 0.5  # seconds between two frames of the screen under a dialog


class ConsoleApp(Showing, Viewing, Breaking):
    """The console on an engine.

    ``link`` is started when the first frame is on the screen, and closed at the end. After
    ``run``, ``last_words`` has what is left to say on the terminal, and the exit code.
    ``read_only`` hides nothing, but refuses changes; the engine refuses them too. ``fps`` is
    frames a second of the streams (0: what the person's settings say, else 20, over ssh 10).
    ``settings`` and ``keymap`` are the person's own files unless given; given settings are
    not saved.
    ``clock`` is what the time of day is read from.
    """

    CSS = """
    #_default { overflow: hidden; }
    #rooms { width: 1fr; height: 1fr; }
    .-aside { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings(GLOBAL, REPLAY)
    ENABLE_COMMAND_PALETTE = False
    AUTO_FOCUS = None  # the room knows which pane gets the keyboard
    TITLE = "agentflow"

    def __init__(
        self,
        link: Link,
        *,
        read_only: bool = False,
        theme: str = "",
        fps: int = 0,
        title: str = "agentflow",
        settings: Settings | None = None,
        keymap: KeyMap | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._inert = InertLines()
        super().__init__()
        self._keeps_settings = settings is None
        self.settings, self._settings_problem = (
            load_settings() if settings is None else (settings, "")
        )
        self.keys = load_keymap() if keymap is None else keymap
        self.title = title
        self.link = link
        self.read_only = read_only
        self.clock = clock
        self.store = Store()
        self.replays = Replays(self)
        self.frozen = False
        self._painted = 0.0
        self.past_filters: list[str] = list(self.settings.filters.values())
        self.palette: Palette = make_palette({})
        self._status = StatusLine(id="status")
        self._tabs = TabLine(id="tabs")
        self.scrubber = Scrubber(id="scrubber")
        self._alert = AlertLine(id="alert")
        self._footer = FooterLine(id="footer")
        self._wanted_theme = theme or self.settings.theme
        self.pump = Pump(self, fps or self.settings.fps or _usual_fps())

    # -- what is on the screen ---------------------------------------------------------------

    @property
    def _lines(self) -> tuple[StatusLine, TabLine, Scrubber, AlertLine, FooterLine]:
        return self._status, self._tabs, self.scrubber, self._alert, self._footer

    def compose(self) -> ComposeResult:
        yield self._status
        yield self._tabs
        yield self.place
        yield self.scrubber
        yield self._alert
        yield self._footer

    def on_mount(self) -> None:
        self.start_themes(self._wanted_theme)
        self.theme_changed_signal.subscribe(self, self._theme_changed)
        self.set_keymap(self.keys.for_textual())
        self.palette = self._make_palette()
        for line in self._lines:
            line.restyle(self.palette)
        self.action_go("overview")
        self.run_worker(self.pump.run(), name="pump", exit_on_error=True)
        self.set_interval(0.25, self.pump.tick)
        for problem in (*self.keys.problems, self._settings_problem):
            if problem:
                self.say(problem, ok=False)
        self.call_after_refresh(_settle_memory)

    @property
    def store_time(self) -> float:
        """The engine's time of the last snapshot, in seconds since the epoch."""
        return self.store.snapshot.time if self.store.snapshot else self.clock()

    def get_driver_class(self) -> type[Driver]:
        """The terminal's, one that bears its end."""
        driver = super().get_driver_class()
        if driver.__name__ != "LinuxDriver":
            return driver
        from agentflow_console.driver import TerminalDriver

        return TerminalDriver

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self._resized)

    def _resized(self) -> None:
        if self.room is not None and self.room.ready:
            self.enter(self.room)
        self.paint_now()

    # -- frames ------------------------------------------------------------------------------

    def paint(self) -> None:
        """One frame: what is visible looks at the store. Called by the pump.

        The header has a slower beat of its own: a change up there and one down below in the
        same frame would have Textual go through everything between them.
        """
        now = time.perf_counter()
        # Under a dialog every change repaints the dialog too.
        if len(self.screen_stack) > 1 and now - self._painted < _UNDER_DIALOG:
            return
        self._painted = now
        if self.room is not None and self.room.ready and not self.frozen:
            self.room.refresh_from(self.store, now)

    def paint_now(self) -> None:
        """The same at once, and for panes whose time has not come; a frozen view stays."""
        self._status.refresh_from(self)
        if self.room is not None and self.room.ready and (self.room.new or not self.frozen):
            self.room.refresh_from(self.store, time.perf_counter(), force=True)

    def refresh_lines(self) -> None:
        """Header, alert line and footer, as things are now."""
        if not self._footer.is_attached:
            return
        self._status.refresh_from(self)
        self._tabs.refresh_from(self)
        self.scrubber.refresh_from(self)
        self._alert.refresh_from(self)
        self._footer.refresh_from(self)

    def action_freeze(self) -> None:
        """Stop what is seen, or catch up. The store goes on collecting either way."""
        if self.replay is not None:
            self.toggle_replay()
            return
        self.frozen = not self.frozen
        self.say(
            "The view stands still; space catches up." if self.frozen else "The view moves on."
        )
        self.refresh_lines()
        if not self.frozen:
            self.paint_now()

    # -- filters -----------------------------------------------------------------------------

    def edit_filter(self, table: TablePane[Any]) -> None:
        """Open the filter line for a pane."""
        from agentflow_console.prompt import FilterLine

        self.screen_stack[0].mount(FilterLine(table), before=self._alert)

    def preview_filter(self, table: TablePane[Any], text: str) -> str:
        """Filter a pane while its filter is typed; returns what is wrong with it, or ''."""
        error = table.filter_by(text)
        if not error:
            table.refresh_from(self.store, time.perf_counter(), force=True)
        return error

    def filter_pane(self, table: TablePane[Any], text: str) -> str:
        """Filter a pane and remember it; returns what is wrong with the filter, or ''."""
        error = self.preview_filter(table, text)
        if not error:
            if table.filter_text and table.filter_text not in self.past_filters[-1:]:
                self.past_filters.append(table.filter_text)
            self.keep(self.settings.with_filter(table.filter_id, table.filter_text))
        return error

    def keep(self, settings: Settings) -> None:
        """Remember choices, for the next run too."""
        if settings == self.settings:
            return
        self.settings = settings
        if self._keeps_settings and (problem := save_settings(settings)):
            self.say(problem, ok=False)

    # -- colours -----------------------------------------------------------------------------

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return theming.FALLBACKS

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), self._inert]

    def _make_palette(self) -> Palette:
        return make_palette(self.theme_variables, ansi=self.current_theme.ansi)

    def _theme_changed(self, theme: Theme) -> None:
        self.palette = self._make_palette()
        for line in self._lines:
            line.restyle(self.palette)
        for room in self.rooms.values():
            if room.ready:
                room.restyle(self.palette, sides=self.sides)
        for line in self._lines:
            line.say([], [])
        self.refresh_lines()
        self.paint_now()


def _usual_fps() -> int:
    """Frames a second where nobody said: fewer where every one of them crosses a network."""
    return 10 if os.environ.get("SSH_CONNECTION") else 20


def _settle_memory() -> None:
    """What is loaded now stays: don't let every collection walk over it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)

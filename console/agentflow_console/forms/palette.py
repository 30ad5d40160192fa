"""Palette: everything that can be done, found by a few letters of its name."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from agentflow_console.bindings import bindings
from agentflow_console.commands import (
    BY_ID,
    MOVE,
    PALETTE,
    REPLAY,
    Command,
    in_scopes,
    key_label,
    on_screen,
)
from agentflow_console.forms.fuzzy import score
from agentflow_console.forms.picker import Picker
from agentflow_console.keymap import KeyMap
from agentflow_console.panes.base import Piece
from agentflow_console.panes.columns import Column
from agentflow_console.panes.table import TablePane
from agentflow_console.text import safe

_SHOWN = 200  # entries, of however many fit what was typed


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing to choose: a command, with the arguments that it gets."""

    command: Command
    title: str
    key: str
    help: str
    arguments: tuple[str, ...] = ()


def command_entries(screen: str, keymap: KeyMap) -> list[Entry]:
    """What can be done on this screen; moving the cursor is left to the keys."""
    return [
        Entry(command, command.title, " ".join(_keys(command, keymap)), command.help)
        for command in on_screen(screen)
        if command.group != MOVE and command.id != "palette.open"
    ]


def replay_entries(keymap: KeyMap) -> list[Entry]:
    """What can be done with the time of a recording."""
    return [
        Entry(command, command.title, " ".join(_keys(command, keymap)), command.help)
        for command in in_scopes(REPLAY)
    ]


def agent_entries(agents: Iterable[tuple[str, str]]) -> list[Entry]:
    """Pausing or resuming each agent, given as name and state."""
    command = BY_ID["agent.pause"]
    held = ("paused", "stopped")
    return [
        Entry(command, f"{'Resume' if state in held else 'Pause'} {name}", "", state, (name,))
        for name, state in agents
    ]


def theme_entries(themes: Iterable[tuple[str, str]]) -> list[Entry]:
    """Each theme, given as name and title."""
    command = BY_ID["theme.choose"]
    return [Entry(command, f"Theme: {name}", "", title, (name,)) for name, title in themes]


def _keys(command: Command, keymap: KeyMap) -> Iterable[str]:
    return (key_label(key) for key in keymap.of(command))


class Entries(Picker[Entry]):
    """The entries that fit what was typed, best first."""

    columns = (
        Column("COMMAND", 22, share=2, most=40),
        Column("KEY", 8, drop=1),
        Column("WHAT IT DOES", 20, share=3, drop=2),
    )
    always_bright = True
    can_focus = False

    def key(self, row: Entry) -> Hashable:
        return (row.command.id, row.arguments)

    def cells(self, row: Entry) -> list[Piece]:
        palette = self.palette
        return [
            (safe(row.title, 80), palette.text),
            (row.key, palette.primary),
            (safe(row.help, 200), palette.muted),
        ]

    def empty(self) -> str:
        return "Nothing has a name like that.\nFewer letters find more; esc closes."

    def note(self) -> str:
        return f"{len(self.rows)}"


class PaletteScreen(ModalScreen[Entry | None]):
    """A line to type on and what fits; ends with the chosen entry.

    ``passing`` is called with the entry under the cursor, and with None when the palette is
    left without a choice: for themes, which are shown while one looks for one.
    """

    DEFAULT_CSS = """
    PaletteScreen { align: center top; }
    PaletteScreen .sheet {
        width: 96; max-width: 100%; height: 26; max-height: 100%; margin: 2 0 0 0;
        background: $background;
    }
    PaletteScreen.-short .sheet { height: 100%; margin: 0; }
    PaletteScreen Input {
        border: round $af-focus; background: $background; padding: 0 1; height: 3;
    }
    PaletteScreen Input:focus { border: round $af-focus; background-tint: transparent; }
    PaletteScreen Input > .input--placeholder { color: $af-muted; }
    """
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]  # noqa: RUF012
    BINDINGS = bindings(PALETTE)

    def __init__(
        self,
        entries: Sequence[Entry],
        *,
        placeholder: str = "command, screen, agent or theme",
        passing: Callable[[Entry | None], object] | None = None,
        at: Entry | None = None,
        title: str = "Commands",
    ) -> None:
        super().__init__()
        self._title = title
        self._entries = entries
        self._placeholder = placeholder
        self._passing = passing
        self._at = at

    def compose(self) -> ComposeResult:
        with Vertical(classes="sheet"):
            yield Input(placeholder=self._placeholder)
            entries = Entries()
            entries.title = self._title
            yield entries

    def on_mount(self) -> None:
        self.query_one(Input).focus()
        self.call_after_refresh(self._first)

    def _first(self) -> None:
        self._fill("")
        if self._at is not None:
            self.query_one(Entries).select(self.query_one(Entries).key(self._at))

    def on_input_changed(self, event: Input.Changed) -> None:
        self._fill(event.value)

    def _fill(self, typed: str) -> None:
        scored = [
            (max(score(typed, entry.title), score(typed, entry.command.id) / 2), entry)
            for entry in self._entries
        ]
        fitting = sorted((pair for pair in scored if pair[0] > 0), key=lambda pair: -pair[0])
        listing = self.query_one(Entries)
        listing.show([entry for _, entry in fitting[:_SHOWN]])
        listing.move(-(1 << 40))
        listing.refresh_edges()

    def on_table_pane_moved(self, event: TablePane.Moved) -> None:
        event.stop()
        if self._passing is not None and (entry := self.query_one(Entries).selected):
            self._passing(entry)

    def on_table_pane_opened(self, event: TablePane.Opened) -> None:
        event.stop()
        self.action_choose()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_choose()

    def action_choose(self) -> None:
        if (entry := self.query_one(Entries).selected) is not None:
            self.dismiss(entry)

    def action_cancel(self) -> None:
        if self._passing is not None:
            self._passing(None)
        self.dismiss(None)

    def action_step(self, lines: int) -> None:
        self.query_one(Entries).move(lines)

    def on_click(self, event: events.Click) -> None:
        if event.widget is self:  # beside the palette
            self.action_cancel()

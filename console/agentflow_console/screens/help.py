"""Help: all keys, those of the visible screen first, written from the registry."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import ModalScreen

from agentflow_console.bindings import bindings
from agentflow_console.commands import (
    FORM,
    GLOBAL,
    HELP,
    PANE,
    REPLAY,
    SCREEN,
    SCREENS,
    SCRUBBER,
    Command,
    in_scopes,
    key_label,
    on_screen,
)
from agentflow_console.keymap import KeyMap
from agentflow_console.palette import make_palette
from agentflow_console.panes.base import Piece
from agentflow_console.panes.document import DocumentPane, Lines
from agentflow_console.text import fit, wrap

_KEYS, _TITLE, _ID = 14, 30, 18  # cells of the keys, the title and the id
_WIDE = 100  # cells from which all three have a column


class HelpScreen(ModalScreen[None]):
    """Everything that a key does, by group; ``screen`` is the id of the visible one."""

    DEFAULT_CSS = """
    HelpScreen { align: center middle; }
    HelpScreen DocumentPane { width: 136; max-width: 100%; height: 42; max-height: 100%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings(HELP)

    def __init__(self, screen: str, keymap: KeyMap, *, read_only: bool = False) -> None:
        super().__init__()
        self._screen = screen
        self._keymap = keymap
        self._read_only = read_only

    def compose(self) -> ComposeResult:
        yield DocumentPane()

    def on_mount(self) -> None:
        pane = self.query_one(DocumentPane)
        pane.restyle(make_palette(self.app.theme_variables, ansi=self.app.current_theme.ansi))
        pane.focus()
        self.call_after_refresh(self._fill)

    def on_resize(self) -> None:
        self.call_after_refresh(self._fill)

    def _fill(self) -> None:
        pane = self.query_one(DocumentPane)
        lines = self._lines(pane.body_width)
        title = next(screen.title for screen in SCREENS if screen.id == self._screen)
        pane.show("help", f"Help · {title} · esc closes", lines)

    def _lines(self, cells: int) -> Lines:
        here = on_screen(self._screen)
        own = [command for command in here if command.scope == self._screen]
        lines: Lines = []
        if own:
            self._section(lines, "On this screen", own, cells)
        groups: dict[str, list[Command]] = {}
        for command in here:
            if command.scope in (GLOBAL, SCREEN, PANE):
                groups.setdefault(command.group, []).append(command)
        for group, commands in groups.items():
            self._section(lines, group, commands, cells)
        self._section(lines, "In a replay", in_scopes(REPLAY), cells)
        self._section(lines, "On the scrubber of a replay", in_scopes(SCRUBBER), cells)
        self._section(lines, "In a form", in_scopes(FORM), cells)
        for screen in SCREENS:
            others = in_scopes(screen.id)
            if others and screen.id != self._screen:
                self._section(lines, f"On {screen.title}", others, cells)
        palette = self.query_one(DocumentPane).palette
        lines.append([])
        file = 'Own keys: keymap.toml in the config folder, lines like  view.freeze = "v"  by id.'
        lines += [[(f" {line}", palette.muted)] for line in wrap(file, cells - 2)]
        return lines

    def _section(self, lines: Lines, title: str, commands: list[Command], cells: int) -> None:
        palette = self.query_one(DocumentPane).palette
        if lines:
            lines.append([])
        lines.append([(f" {title}", palette.title_focus)])
        for command in commands:
            lines += self._entry(command, cells)

    def _entry(self, command: Command, cells: int) -> Lines:
        palette = self.query_one(DocumentPane).palette
        off = command.changes and self._read_only
        keys = " ".join(key_label(key) for key in self._keymap.of(command))
        said = "refused: read-only" if off else command.help
        name = palette.muted if off else palette.text
        head: Piece = (" " + fit(keys, _KEYS), palette.muted if off else palette.primary)
        wide = cells >= _WIDE
        indent, room = _KEYS + 1, cells - _KEYS - 2
        if wide:
            indent, room = indent + _TITLE, room - _TITLE - _ID
            text = said
        else:
            text = f"{command.title}. {said}" if said else command.title
        first, *rest = wrap(text, room)
        if wide:
            lines: Lines = [[head, (fit(command.title, _TITLE), name),
                             (fit(first, room + 1), palette.muted),
                             (fit(command.id, _ID, ">"), palette.muted)]]  # fmt: skip
        else:
            split = len(command.title)
            lines = [[head, (first[:split], name), (first[split:], palette.muted)]]
        lines += [[(" " * indent, palette.muted), (line, palette.muted)] for line in rest]
        return lines

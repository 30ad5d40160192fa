"""Picker: a table inside a dialog, in the dialog's colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from textual.theme import Theme

from agentflow_console.palette import make_palette
from agentflow_console.panes.table import TablePane
from agentflow_console.store import Store

R = TypeVar("R")


class Picker(TablePane[R]):
    """A table whose rows are given with ``show``; it looks at no store."""

    always_bright = False
    """Whether the cursor looks the same while another widget has the keyboard."""

    def on_mount(self) -> None:
        """The app restyles its rooms only; a dialog looks after itself."""
        self._wear()
        self.app.theme_changed_signal.subscribe(self, self._wear)

    def _wear(self, theme: Theme | None = None) -> None:
        palette = make_palette(self.app.theme_variables, ansi=self.app.current_theme.ansi)
        if self.always_bright:
            palette = replace(palette, cursor_away=palette.cursor)
        self.restyle(palette)

    def fetch(self, store: Store) -> Sequence[R] | None:
        return None

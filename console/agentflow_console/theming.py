"""Theming: theme files as Textual themes, and the swap while the console runs.

Our own variables are ``$af-…``: one for each state, and the parts of a pane.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import platformdirs
import textual.theme
from textual.app import App

from agentflow_console.keymap import APP_NAME
from agentflow_themes import Theme, load_themes


def to_textual(theme: Theme) -> textual.theme.Theme:
    """The theme in Textual's words, with our variables added."""
    colors = theme.colors
    return textual.theme.Theme(
        name=theme.name,
        primary=colors["primary"],
        secondary=colors["muted"],
        warning=colors["warning"],
        error=colors["error"],
        success=colors["success"],
        accent=colors["accent"],
        foreground=colors["foreground"],
        background=colors["background"],
        surface=colors["surface"],
        panel=colors["panel"],
        dark=theme.dark,
        ansi=theme.ansi,
        variables={**_variables(theme), **theme.variables},
    )


def _variables(theme: Theme) -> dict[str, str]:
    colors = theme.colors
    ours = {f"af-{state}": color for state, color in theme.states.items()}
    for part in ("muted", "border", "focus", "cursor", "cursor-text"):
        ours[f"af-{part}"] = colors[part]
    if theme.ansi:
        ours["ansi-background"] = "ansi_black" if theme.dark else "ansi_white"
        ours["ansi-foreground"] = "ansi_white" if theme.dark else "ansi_black"
    return ours | {
        "text": colors["foreground"],
        "text-muted": colors["muted"],
        "border": colors["focus"],
        "border-blurred": colors["border"],
        "block-cursor-background": colors["cursor"],
        "block-cursor-foreground": colors["cursor-text"],
        "block-cursor-blurred-background": colors["cursor"],
        "block-cursor-blurred-foreground": colors["cursor-text"],
        "footer-key-foreground": colors["primary"],
        "button-focus-text-style": "bold",
        "input-cursor-background": colors["focus"],
        "input-cursor-foreground": "ansi_black" if theme.ansi else colors["background"],
        "input-selection-background": colors["cursor"],
        "input-selection-foreground": colors["cursor-text"],
        "scrollbar": colors["border"],
        "scrollbar-hover": colors["muted"],
        "scrollbar-active": colors["focus"],
        "scrollbar-background": colors["background"],
        "scrollbar-background-hover": colors["background"],
        "scrollbar-background-active": colors["background"],
        "scrollbar-corner-color": colors["background"],
    }


FALLBACKS = {
    name: color
    for theme in load_themes()[0][:1]
    for name, color in _variables(theme).items()
    if name.startswith("af-")
}
"""Our variables as the default theme has them, for a theme that lacks them."""


def install(app: App[object], folder: Path | None = None) -> list[str]:
    """Make all themes known to the app; a sentence for each file that isn't a theme.

    Called again after a save, it shows the saved colours at once if that theme is in use.
    """
    themes, problems = load_themes(folder)
    names = {theme.name for theme in themes}
    for theme in themes:
        converted = to_textual(theme)
        if app.get_theme(theme.name) != converted:
            app.register_theme(converted)
            if app.theme == theme.name:
                _repaint(app)
    for name in set(app.available_themes) - names:
        if name != app.theme:
            app.unregister_theme(name)
    return problems


def default_folder() -> Path:
    """Where a person's own themes are."""
    return Path(platformdirs.user_config_dir(APP_NAME)) / "themes"


def titles(folder: Path | None = None) -> list[tuple[str, str]]:
    """Name and title of each theme."""
    return [(theme.name, theme.title) for theme in load_themes(folder)[0]]


def _repaint(app: App[object]) -> None:
    """Textual repaints when the name changes, and here the colours behind the name did."""
    app._watch_theme(app.theme)


async def saved(folder: Path) -> AsyncIterator[None]:
    """One step each time that a theme file in ``folder`` was saved, added or removed.

    The folder need not be there yet: then it is waited for.
    """
    from watchfiles import awatch

    while True:
        there = await asyncio.to_thread(_nearest, folder)
        async for changes in awatch(there, debounce=200, step=50, recursive=False):
            if there == folder:
                if any(path.endswith(".toml") for _, path in changes):
                    yield
            elif await asyncio.to_thread(_nearest, folder) != there:
                break
        yield


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest one around it that exists."""
    return folder if folder.is_dir() else next(p for p in folder.parents if p.is_dir())

"""Theme: the colours of the screens, by what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

COLORS: Mapping[str, str] = {
    "background": "behind everything",
    "surface": "behind the text of a pane",
    "panel": "behind header, footer and forms",
    "foreground": "text",
    "muted": "text that matters less: headings of columns, times, hints",
    "primary": "titles and keys",
    "accent": "what is chosen, matched or edited",
    "border": "frames",
    "focus": "the frame of the pane that has the keyboard",
    "cursor": "behind the selected row",
    "cursor-text": "text of the selected row",
    "success": "went well",
    "warning": "needs a look",
    "error": "went wrong",
}
"""Every colour a theme has to name, and where it is seen."""

STATES: Mapping[str, str] = {
    "queued": "waits for its turn",
    "running": "is being worked on",
    "held": "waits for a paused agent",
    "retrying": "failed, and waits to be tried again",
    "succeeded": "ended well",
    "dead": "ended as a dead letter",
    "frozen": "the view stands still",
}
"""Every state that has a colour. The screens always add a glyph and a word."""


@dataclass(frozen=True, slots=True)
class Theme:
    """A complete theme. Colours are ``#rrggbb``, or ``ansi_…`` names when ``ansi`` is true."""

    name: str
    title: str
    dark: bool
    ansi: bool
    colors: Mapping[str, str]
    states: Mapping[str, str]
    variables: Mapping[str, str] = field(default_factory=dict)  # more Textual variables
    path: Path | None = None

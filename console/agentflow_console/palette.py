"""Palette: the colours of the current theme, as the styles that panes draw with.

Made once for each theme. Blends are worked out here, so that drawing a row mixes nothing.
Themes of the terminal's own sixteen colours can't be blended: they get dim and reverse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich.style import Style
from textual.color import Color, ColorParseError


@dataclass(frozen=True, slots=True)
class Palette:
    """A style for each part that a pane can draw; all but the cursors carry the background."""

    text: Style
    muted: Style  # said, but not what the eye should find
    faint: Style  # rules, empty tracks
    strong: Style
    heading: Style  # column titles
    border: Style
    border_focus: Style
    title: Style
    title_focus: Style
    primary: Style
    accent: Style
    success: Style
    warning: Style
    error: Style
    held: Style
    running: Style
    queued: Style
    retrying: Style
    succeeded: Style
    dead: Style
    key: Style  # a key in the footer
    brand: Style
    tab: Style  # the tab of the visible screen
    calm: Style  # badge: LIVE
    alarm: Style  # badge: DISCONNECTED, BLOCKED
    notice: Style  # badge: HELD, READ-ONLY
    frozen: Style  # badge: FROZEN
    bar: Style  # ground of the header's and footer's lines
    bar_muted: Style
    cursor: Style  # laid over a row
    cursor_away: Style  # the same, while another pane has the keyboard

    def state(self, state: str) -> Style:
        """The style of a state of an event, an agent, a span or a log line."""
        return getattr(self, _STATES.get(state, "text"))  # type: ignore[no-any-return]


_STATES = {
    "queued": "queued", "running": "running", "held": "held", "retrying": "retrying",
    "succeeded": "succeeded", "dead": "dead", "failed": "dead", "ok": "succeeded",
    "idle": "muted", "paused": "held", "stopped": "dead", "open": "dead",
    "disabled": "faint", "missing": "dead",
    "vetoed": "warning", "closed": "muted", "half-open": "warning",
    "debug": "muted", "info": "text", "warning": "warning", "error": "error",
    "stdout": "text", "stderr": "warning",
}  # fmt: skip


def make_palette(variables: Mapping[str, str], *, ansi: bool = False) -> Palette:
    """The palette of a theme's variables; ``ansi`` for themes of the terminal's own colours."""
    color = _Colors(variables)
    back, front = color("background", "#101010"), color("foreground", "#e0e0e0")

    def style(
        fore: Color,
        ground: Color = back,
        *,
        bold: bool | None = None,
        dim: bool | None = None,
        reverse: bool | None = None,
    ) -> Style:
        return Style(
            color=fore.rich_color, bgcolor=ground.rich_color, bold=bold, dim=dim, reverse=reverse
        )

    def mixed(fore: Color, share: float) -> Color:
        return fore if ansi else back.blend(fore, share, 1.0)

    def badge(fore: Color) -> Style:
        if ansi:
            return style(fore, bold=True, reverse=True)
        return style(fore.get_contrast_text(1.0), fore, bold=True)

    primary, accent = color("primary"), color("accent", "$primary")
    focus = color("af-focus", "$primary")
    muted = style(front, dim=True) if ansi else style(mixed(color("af-muted"), 0.92))
    faint = style(front, dim=True) if ansi else style(mixed(front, 0.30))
    border = style(color("af-border", "$foreground"), dim=True) if ansi else style(
        color("af-border", "$surface")
    )  # fmt: skip
    ground = back if ansi else color("surface", "$background")
    warning, error = color("warning", "$accent"), color("error", "$accent")
    success = color("success", "$primary")
    return Palette(
        text=style(front),
        muted=muted,
        faint=faint,
        strong=style(front, bold=True),
        heading=muted + Style(bold=True),
        border=border,
        border_focus=style(focus),
        title=style(front),
        title_focus=style(focus, bold=True),
        primary=style(primary),
        accent=style(accent),
        success=style(success),
        warning=style(warning),
        error=style(error),
        held=style(color("af-held", "$warning")),
        running=style(color("af-running", "$primary")),
        queued=style(color("af-queued", "$foreground")),
        retrying=style(color("af-retrying", "$warning")),
        succeeded=style(color("af-succeeded", "$success")),
        dead=style(color("af-dead", "$error")),
        key=style(primary, ground, bold=True),
        brand=style(primary, ground, bold=True),
        tab=badge(primary),
        calm=badge(success),
        alarm=badge(error),
        notice=badge(warning),
        frozen=badge(color("af-frozen", "$accent")),
        bar=style(front, ground),
        bar_muted=style(front, ground, dim=True) if ansi else style(color("af-muted"), ground),
        cursor=(
            style(front, dim=False, reverse=True)
            if ansi
            else Style(bgcolor=mixed(color("af-cursor"), 1).rich_color)
        ),
        cursor_away=(Style(bold=True) if ansi else Style(bgcolor=mixed(front, 0.12).rich_color)),
    )


class _Colors:
    """Colours by the name of their variable; ``$other`` stands for another variable."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def __call__(self, name: str, otherwise: str = "$foreground") -> Color:
        value = self._variables.get(name, otherwise)
        for _ in range(4):
            if not value.startswith("$"):
                break
            value = self._variables.get(value[1:], "#808080")
        try:
            return Color.parse(value)
        except ColorParseError:
            return Color.parse("#808080")

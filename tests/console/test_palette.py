"""Colours of a theme as the styles that panes draw with."""

from __future__ import annotations

import pytest
from textual.theme import BUILTIN_THEMES

from agentflow_console.palette import make_palette
from agentflow_console.theming import FALLBACKS, to_textual
from agentflow_themes import load_themes

from .screen import WIDE, console, screen_text, settled

OURS = [to_textual(theme) for theme in load_themes()[0]]


@pytest.mark.parametrize("theme", [*OURS, *BUILTIN_THEMES.values()], ids=lambda theme: theme.name)
def test_every_theme_tells_the_states_apart(theme) -> None:  # type: ignore[no-untyped-def]
    """Running, succeeded and dead differ in every theme, Textual's own included."""
    variables = {**FALLBACKS, **theme.to_color_system().generate(), **theme.variables}
    palette = make_palette(variables, ansi=theme.ansi)
    states = [palette.state(name) for name in ("running", "succeeded", "dead")]
    assert len(set(states)) == 3
    assert palette.cursor != palette.cursor_away


async def test_another_theme_is_there_at_once() -> None:
    """Changing the theme repaints what is on the screen, lines of the header included."""
    app = console(theme="night")
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        before, said = _colours(app), screen_text(app)
        app.theme = "day"
        await settled(pilot)
        assert screen_text(app).splitlines()[2:] == said.splitlines()[2:]
        assert not before & _colours(app)


def _colours(app) -> set[object]:  # type: ignore[no-untyped-def]
    strips = app.screen._compositor.render_strips(app.size)
    return {
        segment.style.bgcolor for strip in strips for segment in strip if segment.style is not None
    }

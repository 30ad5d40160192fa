"""Text from events is hostile: it is shown inert, on every screen."""

from __future__ import annotations

import pytest

from agentflow.telemetry.snapshot import Blocked, HookRow, LogRow
from agentflow_console.testing import StillLink

from . import rows
from .screen import SMALL, WIDE, console, screen_text, settled

HOSTILE = {
    "markup": "[/INST] [@click=app.quit]press me[/] [bold",
    "clipboard": "\x1b]52;c;cm0gLXJmIH4=\x07",
    "colours": "\x1b[2J\x1b[31mred\x9b0m",
    "direction": "invoice\u202efdp.exe\u2066",
    "wide": "日本語のモジュール" * 20,
    "emoji": "👨\u200d👩\u200d👧\u200d👦❤\ufe0f🏳\ufe0f\u200d🌈" * 20,
    "zalgo": "Z\u0351\u036b\u0343a\u0363\u0352" * 40,
    "surrogate": "\ud83d lone \udc00",
    "lines": "one\ntwo\r\nthree\u2028four\x0bfive",
    "huge": "x" * 1_000_000,
}


def hostile_link(text: str) -> StillLink:
    """A system in which every text that someone else wrote is this one."""
    seqs = range(700, 720)
    settled_rows = [
        rows.event(seq, "dead", target=text, at=text, data=text, error=text, session=text)
        for seq in seqs
    ]
    agents = [rows.agent(text + str(number), last_error=text) for number in range(3)]
    link = rows.link(
        name=text,
        alerts=[text],
        settled=settled_rows,
        settled_cursor=20,
        agents=agents,
        hooks=[HookRow("BeforeAgentRun", text, 1, 1, 1, 0.1, text, rows.NOW)],
        log=[LogRow(seq, rows.NOW, "stdout", text, text) for seq in range(1, 30)],
    )
    link.details = {row.id: rows.detail(row, **{text[:200]: text}) for row in settled_rows}
    link.blocked = Blocked(text, rows.NOW, text, [text])
    return link


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
async def test_every_screen_shows_hostile_text_inert(text: str) -> None:
    """No screen lets a control character out, grows beyond its width, or falls over."""
    app = console(hostile_link(text))
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        for key in ("1", "2", "3", "4", "0"):
            await pilot.press(key, "enter")
            await settled(pilot)
            _check(app, WIDE)
            await pilot.resize_terminal(*SMALL)
            await pilot.pause()
            _check(app, SMALL)
            await pilot.resize_terminal(*WIDE)


def _check(app: object, size: tuple[int, int]) -> None:
    strips = app.screen._compositor.render_strips(app.size)  # type: ignore[attr-defined]
    assert len(strips) == size[1]
    for strip in strips:
        assert strip.cell_length == size[0]
        for segment in strip:
            assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in segment.text)
            assert not any(0x202A <= ord(char) <= 0x202E for char in segment.text)
            assert not (segment.style and segment.style.meta.get("@click"))


async def test_what_looks_like_markup_is_shown_as_it_is() -> None:
    """Brackets of an event's data are brackets on the screen."""
    app = console(hostile_link("[/INST][@click=app.quit]x[/]"))
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("2")
        await settled(pilot)
        assert "[/INST][@click=app.quit]x[/]" in screen_text(app)


async def test_a_megabyte_is_shown_in_part_and_says_so() -> None:
    """The detail of a huge event is bounded, and says how much it leaves out."""
    app = console(hostile_link("x" * 1_000_000))
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("2")
        await settled(pilot)
        app.room.table.select(719)  # type: ignore[union-attr]
        await settled(pilot)
        detail = app.room.detail  # type: ignore[union-attr]
        text = "\n".join("".join(piece for piece, _ in line) for line in detail.lines)
        assert "996000 more characters" in text
        assert len(text) < 100_000

"""Text from events is hostile: it is shown inert, on every screen."""

from __future__ import annotations

import pytest

from agentflow.telemetry.snapshot import Blocked, HookRow, LogRow
from agentflow_console.app import ConsoleApp
from agentflow_console.testing import StillLink

from . import rows
from .screen import SMALL, WIDE, console, screen_text, settled, until

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


def hostile_link(*texts: str) -> StillLink:
    """A system in which every text that someone else wrote is one of these, in every place."""
    events = [
        rows.event(seq, "dead", target=text, at=text, data=text, error=text, session=text)
        for seq, text in enumerate(texts, 700)
    ]
    link = rows.link(
        name=texts[0],
        alerts=list(texts),
        settled=events,
        settled_cursor=20,
        live=[],
        agents=[rows.agent(text, role=text, last_error=text) for text in texts],
        hooks=[HookRow("BeforeAgentRun", text, 1, 1, 1, 0.1, text, rows.NOW) for text in texts],
        log=[LogRow(seq, rows.NOW, "stdout", text, text) for seq, text in enumerate(texts, 1)],
    )
    link.details = {
        row.id: rows.detail(row, **{text[:200]: text})
        for row, text in zip(events, texts, strict=True)
    }
    return link


async def test_every_screen_shows_hostile_text_inert() -> None:
    """No screen lets a control character out, grows beyond its width, or falls over."""
    app = console(hostile_link(*HOSTILE.values()))
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        for key in ("1", "2", "3", "4", "0"):
            await pilot.press(key, "enter")
            await settled(pilot)
            _check(app, WIDE)
        for key in ("1", "2", "3", "4", "0"):
            await pilot.resize_terminal(*SMALL)
            await pilot.press(key)
            await settled(pilot)
            _check(app, SMALL)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
async def test_an_event_of_hostile_text_opens_inert(text: str) -> None:
    """Everything about such an event is shown, and does nothing; a status line of it neither."""
    link = hostile_link(text)
    link.blocked = Blocked(text, rows.NOW, text, [text])
    app = console(link)
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("2")
        await settled(pilot)
        await until(pilot, lambda: "Timeline" in detail_text(app))
        _check(app, WIDE)


def detail_text(app: ConsoleApp) -> str:
    """What the open detail says, visible or not."""
    lines = app.room.detail.lines  # type: ignore[union-attr]
    return "\n".join("".join(piece for piece, _ in line) for line in lines)


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
        await until(pilot, lambda: "Timeline" in detail_text(app))
        text = detail_text(app)
        assert "996000 more characters" in text
        assert len(text) < 100_000

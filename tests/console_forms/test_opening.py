"""Palette, help and themes of a running console."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentflow_console import theming
from agentflow_console.commands import on_screen
from agentflow_console.forms.palette import Entries, PaletteScreen, command_entries, theme_entries
from agentflow_console.keymap import KeyMap, make_keymap
from agentflow_console.panes.document import DocumentPane
from agentflow_console.screens.help import HelpScreen

from .looking import SMALL, WIDE, Host, console, reads, seen, until, visit
from .samples import sample_link


@pytest.mark.parametrize("key", [":", "ctrl+p"])
async def test_the_palette_finds_and_does_a_command(key: str) -> None:
    """Both keys open the palette; a few letters and ↵ do what they name."""
    app = console()
    async with app.run_test(size=SMALL) as pilot:
        await visit(pilot, "2", "succeeded")
        await pilot.press(key)
        await reads(pilot, "command, screen, agent or theme", "Choose the mode")
        await pilot.press(*"go to dead", "enter")
        await until(pilot, lambda: app.room is not None and app.room.room == "dead_letters")


async def test_the_palette_pauses_an_agent() -> None:
    """An agent is paused from the palette by its name."""
    link = sample_link()
    app = console(link)
    async with app.run_test(size=SMALL) as pilot:
        await visit(pilot, "2", "succeeded")
        await pilot.press(":", *"pause valid", "enter")
        await until(pilot, lambda: link.commands)
    assert link.commands == [("pause", {"agent": "validator"})]


async def test_the_palette_says_when_nothing_fits() -> None:
    """Letters that fit nothing say so, and ↵ then does nothing."""
    screen = PaletteScreen(command_entries("events", KeyMap()))
    app = Host(screen)
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press(*"zzzz", "enter")
        await reads(pilot, "Nothing has a name like that.")
        assert app.results == []
        await pilot.press("escape")
        await until(pilot, lambda: app.results)


async def test_the_palette_shows_keys_and_help() -> None:
    """Each entry has its key as it is mapped, and what it does."""
    keymap = make_keymap({"view.freeze": "v"})
    app = Host(PaletteScreen(command_entries("events", keymap)))
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press(*"freeze")
        text = await reads(pilot, "Freeze the view", "Stops what I see")
        line = next(line for line in text.splitlines() if "Freeze the view" in line)
        assert line.split("view")[1].split()[0] == "v"


async def test_a_theme_is_seen_while_the_cursor_passes_it() -> None:
    """t shows each theme as the cursor passes it, esc goes back, ↵ keeps it for the next run."""
    app = console()
    async with app.run_test(size=SMALL) as pilot:
        await visit(pilot, "2", "succeeded")
        await pilot.press("t")
        await reads(pilot, "Theme: day")
        await pilot.press("down", "down")
        await until(pilot, lambda: app.theme == "ember")
        await pilot.press("escape")
        await until(pilot, lambda: app.theme == "night")
        await pilot.press("t")
        await reads(pilot, "Theme: day")
        await pilot.press(*"day", "enter")
        await until(pilot, lambda: app.settings.theme == "day" and app.theme == "day")


async def test_the_theme_that_is_worn_is_where_the_cursor_begins() -> None:
    """Opening the themes changes nothing by itself."""
    entries = theme_entries([("night", "Night"), ("day", "Paper")])
    screen = PaletteScreen(entries, at=entries[1])
    async with Host(screen).run_test(size=SMALL) as pilot:
        await reads(pilot, "Theme: day")
        await until(pilot, lambda: screen.query_one(Entries).selected == entries[1])


async def test_a_saved_theme_is_worn_at_once(own_home: Path) -> None:
    """Saving a user's theme file recolours the running console; a broken one is said."""
    folder = theming.default_folder()
    assert own_home in folder.parents
    folder.mkdir(parents=True)
    _save(folder, 'extends = "night"\n[colors]\nbackground = "#000001"\n')
    app = console(theme="mine")
    async with app.run_test(size=SMALL) as pilot:
        await visit(pilot, "2", "succeeded")
        await until(pilot, lambda: app.theme_variables["background"] == "#000001")
        _save(folder, 'extends = "night"\n[colors]\nbackground = "#000002"\n')
        await until(pilot, lambda: app.theme_variables["background"] == "#000002")
        _save(folder, "extends = 3\n")
        await reads(pilot, "Theme mine.toml: it extends 3")
        assert app.theme_variables["background"] == "#000002"


async def test_a_folder_for_themes_may_come_later(own_home: Path) -> None:
    """A first theme is noticed even though its folder was not there at the start."""
    folder = theming.default_folder()
    folder.parents[1].mkdir()
    app = console()
    async with app.run_test(size=SMALL) as pilot:
        await visit(pilot, "2", "succeeded")
        assert not folder.exists()
        folder.mkdir(parents=True)
        _save(folder, 'extends = "day"\n')
        await until(pilot, lambda: "mine" in app.available_themes)


def _save(folder: Path, text: str) -> None:
    """As editors do it: another file takes the place of the old one."""
    new = folder / "mine.toml.new"
    new.write_text(text)
    new.replace(folder / "mine.toml")


async def test_an_unknown_theme_is_said() -> None:
    """A theme that isn't there is a sentence, and the default is worn."""
    app = console(theme="nihgt")
    async with app.run_test(size=WIDE) as pilot:
        await reads(pilot, "There is no theme 'nihgt'; t chooses one.")


@pytest.mark.parametrize("size", [SMALL, WIDE])
async def test_help_starts_with_the_visible_screen(size: tuple[int, int]) -> None:
    """? lists the keys of the visible screen first, then the rest; esc closes it."""
    app = console()
    async with app.run_test(size=size) as pilot:
        await visit(pilot, "8", "✗ dead")
        await pilot.press("?")
        text = await reads(pilot, "Help · Dead letters", "On this screen", "Edit, then replay")
        assert text.index("Edit, then replay") < text.index("Command palette")
        await pilot.press("escape")
        await until(pilot, lambda: "On this screen" not in seen(app))


async def test_help_has_every_command_of_a_screen() -> None:
    """Everything global, of every screen and of this one is in the help, with its key."""
    screen = HelpScreen("events", make_keymap({"app.quit": "ctrl+o"}))
    async with Host(screen).run_test(size=WIDE) as pilot:
        await reads(pilot, "Look", "Command palette")
        text = screen.query_one(DocumentPane).copy_text()
    missing = [command.id for command in on_screen("events") if command.id not in text]
    assert missing == []
    assert "ctrl+o        Quit" in text


async def test_an_edited_copy_is_filled_in_from_the_selected_event() -> None:
    """e on an event opens the inject form with its target and data."""
    link = sample_link()
    app = console(link)
    async with app.run_test(size=WIDE) as pilot:
        await visit(pilot, "2", "succeeded")
        await pilot.press("G", "e")
        await reads(pilot, "Send an edited copy of", '"lines": 412', "origin=feed")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: link.commands)
    sent = link.commands[0][1]["event"]["metadata"]
    assert sent["origin"] == "feed"
    assert sent["replay_of"]


async def test_the_screen_goes_on_behind_a_form() -> None:
    """Snapshots keep coming and nothing breaks while a form is open."""
    link = sample_link()
    app = console(link)
    async with app.run_test(size=SMALL) as pilot:
        await visit(pilot, "2", "succeeded")
        await pilot.press("m")
        await reads(pilot, "Choose the mode")
        before = link.pulls
        await until(pilot, lambda: link.pulls > before + 3)
        await pilot.press("escape")
        await reads(pilot, "succeeded")

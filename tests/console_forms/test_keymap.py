"""The key map file: what is right counts, what is wrong is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App

from agentflow_console.bindings import bindings
from agentflow_console.commands import (
    BY_ID,
    COMMANDS,
    GLOBAL,
    MODAL,
    PANE,
    REPLAY,
    SCREEN,
    SCRUBBER,
)
from agentflow_console.keymap import KeyMap, load_keymap, make_keymap


def test_a_line_moves_a_command(tmp_path: Path) -> None:
    """A key, or a list of keys, replaces the registry's, with or without quotes on the id."""
    path = tmp_path / "keymap.toml"
    path.write_text('"view.freeze" = "v"\nview.zoom = ["Z", "ctrl+o"]\n')
    keymap = load_keymap(path)
    assert keymap.problems == ()
    assert keymap.of(BY_ID["view.freeze"]) == ("v",)
    assert keymap.of(BY_ID["view.zoom"]) == ("Z", "ctrl+o")
    assert keymap.of(BY_ID["help.show"]) == ("?",)
    assert keymap.label(BY_ID["view.open"]) == "↵"


def test_two_commands_can_swap_keys() -> None:
    """Two rebound commands may take each other's key."""
    keymap = make_keymap({"view.freeze": "z", "view.zoom": "space"})
    assert keymap.problems == ()
    assert keymap.keys == {"view.freeze": ("z",), "view.zoom": ("space",)}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"view.freze": "s"}, "the nearest is view.freeze"),
        ({"view.freeze": "q"}, "q can't be view.freeze, it is app.quit; view.freeze keeps space"),
        ({"view.freeze": "v", "view.zoom": "v"}, "v can't be view.freeze, it is view.zoom"),
        ({"event.inject": "d"}, "it is dead.drop"),
        ({"view.freeze": "ctrl+i"}, "terminals send it as tab"),
        ({"view.freeze": "spcae"}, "there is no such key"),
        ({"view.freeze": "hyper+s"}, "modifiers are ctrl, shift and alt"),
        ({"view.freeze": 3}, "needs a key or a list of keys"),
        ({"view.freeze": []}, "needs a key or a list of keys"),
        ({"view.freeze": ""}, "there is no such key"),
    ],
)
def test_a_wrong_line_is_a_sentence(table: dict[str, object], said: str) -> None:
    """Each wrong line is said with its reason, and the command keeps a key."""
    keymap = make_keymap(table)
    assert any(said in problem for problem in keymap.problems)
    assert all(problem.startswith("Key map keymap.toml: ") for problem in keymap.problems)


def test_a_file_that_is_missing_or_broken_is_said(tmp_path: Path) -> None:
    """A file that was asked for and can't be used is one sentence, and no keys change."""
    broken = tmp_path / "broken.toml"
    broken.write_text("view.freeze = \n")
    for path, said in ((tmp_path / "none.toml", "can't be read"), (broken, "line 1")):
        keymap = load_keymap(path)
        assert said in keymap.problems[0]
        assert keymap.keys == {}


KEYS = st.sampled_from(["q", "s", "?", "space", "ctrl+o", "G", "1", "e", "d", "/", "nokey", ","])


@given(st.dictionaries(st.sampled_from([*BY_ID, "no.such"]), st.lists(KEYS, max_size=2)))
def test_no_key_map_makes_a_key_mean_two_things(table: dict[str, list[str]]) -> None:
    """Whatever the file says, scopes that listen together share only keys shipped that way."""
    keymap = make_keymap(table)
    for command in COMMANDS:
        for other in COMMANDS:
            if command.id < other.id and _listen_together(command.scope, other.scope):
                shared = set(keymap.of(command)) & set(keymap.of(other))
                assert shared <= set(command.keys) & set(other.keys)


def _listen_together(one: str, other: str) -> bool:
    everywhere = {GLOBAL, SCREEN, PANE, REPLAY}
    if SCRUBBER in (one, other):
        everywhere = {GLOBAL, REPLAY}
    return one == other or (not {one, other} & set(MODAL) and bool({one, other} & everywhere))


class Pressed(App[None]):
    """An app of one action, to see which key calls it."""

    BINDINGS = bindings(GLOBAL)
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, keymap: KeyMap) -> None:
        super().__init__()
        self.helped = 0
        self.keymap = keymap

    def on_mount(self) -> None:
        self.set_keymap(self.keymap.for_textual())

    def action_show_help(self) -> None:
        self.helped += 1


async def test_textual_follows_the_key_map() -> None:
    """A moved command answers to its new key, in any spelling, and no longer to the old one."""
    app = Pressed(make_keymap({"help.show": ["&", "ctrl+o"]}))
    async with app.run_test() as pilot:
        await pilot.press("&", "ctrl+o")
        assert app.helped == 2
        await pilot.press("?")
        assert app.helped == 2

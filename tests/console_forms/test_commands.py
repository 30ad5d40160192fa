"""The registry of commands: one source, without contradictions."""

from __future__ import annotations

from collections import Counter

import pytest
from textual.binding import Binding

from agentflow_console.bindings import bindings
from agentflow_console.commands import (
    COMMANDS,
    GLOBAL,
    MODAL,
    PANE,
    REPLAY,
    SCREEN,
    SCREENS,
    SCRUBBER,
    footer_groups,
    in_scopes,
    key_label,
    on_screen,
    title_of,
)

SCOPES = sorted({command.scope for command in COMMANDS})
EATEN = {f"ctrl+{key}" for key in "abshjklmicqz"} | {f"f{number}" for number in range(1, 25)}


def test_ids_are_unique() -> None:
    """No two commands have the same id."""
    assert [id for id, n in Counter(command.id for command in COMMANDS).items() if n > 1] == []


@pytest.mark.parametrize("scope", SCOPES)
def test_no_key_means_two_things_in_one_scope(scope: str) -> None:
    """Within a scope every key belongs to one command."""
    keys = Counter(key for command in in_scopes(scope) for key in command.keys)
    assert [key for key, n in keys.items() if n > 1] == []


def test_global_screen_and_pane_keys_are_apart() -> None:
    """What works everywhere never hides behind what works in every screen or pane."""
    keys = Counter(key for command in in_scopes(GLOBAL, SCREEN, PANE) for key in command.keys)
    assert [key for key, n in keys.items() if n > 1] == []


def test_no_chord_that_terminals_eat() -> None:
    """No command needs a chord that tmux, VS Code or a terminal keeps for itself."""
    assert [c.id for c in COMMANDS if EATEN.issuperset(c.keys)] == []
    assert [c.id for c in COMMANDS if EATEN.intersection(c.keys)] == []


def test_keys_that_move_change_nothing() -> None:
    """No key that moves also changes anything."""
    moving = {key for command in COMMANDS if command.group == "Move" for key in command.keys}
    assert [c.id for c in COMMANDS if c.changes and moving.intersection(c.keys)] == []


def test_scopes_are_known() -> None:
    """A command belongs to everything, to every screen, pane or form, or to one screen."""
    assert set(SCOPES) <= {GLOBAL, SCREEN, PANE, REPLAY, SCRUBBER, *MODAL} | {
        screen.id for screen in SCREENS
    }


def test_every_screen_has_its_key() -> None:
    """Each screen is reached by a digit of its own, a quiet one by a letter."""
    assert sorted(screen.key for screen in SCREENS if not screen.quiet) == list("0123456789")
    assert [screen.key for screen in SCREENS if screen.quiet] == ["B", "W"]
    assert {f"go.{screen.id}" for screen in SCREENS} <= {command.id for command in COMMANDS}


@pytest.mark.parametrize("scope", SCOPES)
def test_bindings_carry_the_ids(scope: str) -> None:
    """Every binding has its command's id, so that a key map can move it."""
    made = [binding for binding in bindings(scope) if isinstance(binding, Binding)]
    assert [binding.id for binding in made] == [command.id for command in in_scopes(scope)]


def test_a_screens_own_command_hides_the_global_one() -> None:
    """On the dead letters, e edits and replays; injecting an edited copy is not offered."""
    ids = [command.id for command in on_screen("dead_letters")]
    assert "dead.edit" in ids
    assert "event.edit" not in ids
    assert "event.edit" in [command.id for command in on_screen("events")]


def test_the_footer_is_grouped_and_short() -> None:
    """The footer of every screen has groups of commands with a word each."""
    for screen in SCREENS:
        groups = footer_groups(on_screen(screen.id))
        assert all(command.footer for group in groups for command in group)
        assert len({group[0].group for group in groups}) == len(groups)


def test_engine_commands_have_peoples_words() -> None:
    """The audit screen calls a command of the engine by its title here, or by its own name."""
    assert title_of("rollback") == "Roll back to this version"
    assert title_of("resume") == "Pause or resume an agent"
    assert title_of("something_new") == "something_new"


def test_keys_are_written_as_people_write_them() -> None:
    """Named keys are shown by their symbol, characters as they are."""
    assert [key_label(key) for key in ("enter", "escape", "?", "ctrl+p")] == [
        "↵",
        "esc",
        "?",
        "ctrl+p",
    ]

"""Fuzzy: a few letters find what they mean."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agentflow_console.forms.fuzzy import ranked, score

NAMES = ["Replay all dead letters", "Replay a dead letter", "Roll back to this version", "Help"]


def test_a_part_of_the_name_beats_scattered_letters() -> None:
    """A run of letters counts more than the same letters here and there."""
    assert ranked("dead", ["Drop every added letter", "Go to Dead letters"])[0] == (
        "Go to Dead letters"
    )


def test_starts_of_words_count() -> None:
    """Initials find a command."""
    assert ranked("rb", NAMES)[0] == "Roll back to this version"


def test_of_equal_matches_the_shorter_wins() -> None:
    """The shorter of two names with the same match comes first."""
    assert ranked("replay", NAMES)[:2] == ["Replay a dead letter", "Replay all dead letters"]


def test_nothing_typed_keeps_all_in_order() -> None:
    """An empty line shows everything as it was."""
    assert ranked("", NAMES) == NAMES


@given(st.text("abcd ", max_size=6), st.text("abcd ", max_size=12))
def test_a_match_has_all_letters_in_order(typed: str, name: str) -> None:
    """A name fits exactly when it has the typed letters in their order."""
    rest = iter(name)
    fits = all(letter in rest for letter in typed.replace(" ", ""))
    assert (score(typed, name) > 0) == fits

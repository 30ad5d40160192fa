"""Text from events is data: harmless, on one line, in the cells there are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentflow_console.text import crop, crop_left, fit, safe, width, wrap

anything = st.text(st.characters(), max_size=200)


@given(anything)
def test_safe_text_has_nothing_that_a_terminal_obeys(text: str) -> None:
    """No control character, no reading direction, no surrogate is left in safe text."""
    for char in safe(text):
        assert char.isprintable() or ord(char) >= 0xE000, hex(ord(char))
        assert not 0x202A <= ord(char) <= 0x202E


@given(anything)
def test_safe_text_stays_as_it_is_the_second_time(text: str) -> None:
    """Making text safe twice is making it safe once."""
    assert safe(safe(text)) == safe(text)


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b]52;c;aGk=\x07", "␛]52;c;aGk=␇"),
        ("a\nb\r\n", "a⏎b␍⏎"),
        ("[@click=app.quit]x[/]", "[@click=app.quit]x[/]"),
        ("user\u202eexe.txt", "user‹U+202E›exe.txt"),
        ("\x9b31m", "\N{REPLACEMENT CHARACTER}31m"),
        ("a\u200bb", "ab"),
        ("\ud800", "\N{REPLACEMENT CHARACTER}"),
        ("👨\u200d👩\u200d👧", "👨👩👧"),
        ("tab\there", "tab here"),
    ],
)
def test_what_would_act_is_shown_instead(hostile: str, shown: str) -> None:
    """What would act on a terminal is shown as something that doesn't."""
    assert safe(hostile) == shown


def test_long_text_is_cut() -> None:
    """A megabyte is cut before anything looks at it."""
    assert len(safe("x" * 1_000_000)) == 4_000
    assert safe("x" * 1_000_000, 10) == "xxxxxxxxx…"


@given(anything, st.integers(0, 60), st.sampled_from("<>"))
def test_fitted_text_takes_exactly_its_cells(text: str, cells: int, align: str) -> None:
    """Whatever the text, it takes the cells that it was given, no more and no fewer."""
    assert width(fit(safe(text), cells, align)) == cells


@given(anything, st.integers(0, 60))
def test_cropped_text_never_takes_more_than_its_cells(text: str, cells: int) -> None:
    """Cropping at either end keeps within the cells."""
    assert width(crop(safe(text), cells)) <= cells
    assert width(crop_left(safe(text), cells)) <= cells


def test_wide_characters_are_not_cut_in_half() -> None:
    """A character of two cells goes as a whole when only one cell is left."""
    assert crop("日本語", 4) == "日…"
    assert fit("日本語", 4) == "日… "
    assert crop_left("日本語", 4) == "…語"


@given(anything, st.integers(2, 40))
def test_wrapping_loses_nothing(text: str, cells: int) -> None:
    """The lines of wrapped text, one after the other, are the text."""
    clean = safe(text)
    lines = wrap(clean, cells)
    assert "".join(lines) == clean
    assert all(width(line) <= cells for line in lines)

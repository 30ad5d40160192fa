"""The last choke point between the screens and the terminal."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.segment import Segment
from textual.color import Color

from agentflow_console.line_filter import InertLines

BLACK = Color(0, 0, 0)


@given(st.lists(st.text(st.characters(), max_size=30), max_size=5))
def test_nothing_that_commands_a_terminal_passes(texts: list[str]) -> None:
    """No control character of either set comes out, whatever goes in."""
    passed = InertLines().apply([Segment(text) for text in texts], BLACK)
    for segment in passed:
        assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in segment.text)


@given(st.lists(st.text(st.characters(), max_size=30), max_size=5))
def test_nothing_moves(texts: list[str]) -> None:
    """A line is as long as before, whatever was taken out of it."""
    before = [Segment(text) for text in texts]
    after = InertLines().apply(before, BLACK)
    assert [segment.cell_length for segment in after] == [segment.cell_length for segment in before]


def test_harmless_lines_are_left_alone() -> None:
    """Plain lines are not even copied."""
    segments = [Segment("日本語 ok ✓"), Segment("│")]
    assert InertLines().apply(segments, BLACK) is segments

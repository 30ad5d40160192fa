"""Themes: every shipped one is complete and readable, and a user's file can't break the rest."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentflow_themes import COLORS, DEFAULT, SHIPPED, STATES, Theme, contrast, load_themes

SHIPPED_THEMES, PROBLEMS = load_themes()
READABLE = 4.5  # WCAG AA for text


@pytest.mark.parametrize("theme", [t for t in SHIPPED_THEMES if not t.ansi], ids=lambda t: t.name)
def test_text_and_states_are_readable_on_every_ground(theme: Theme) -> None:
    """Text of every kind has a contrast of at least 4.5 on each ground of every shipped theme."""
    words = ("foreground", "muted", "primary", "accent", "success", "warning", "error")
    inks = {name: theme.colors[name] for name in words} | dict(theme.states)
    for ground in ("background", "surface", "panel"):
        for name, ink in inks.items():
            assert contrast(ink, theme.colors[ground]) >= READABLE, (name, ground)


@pytest.mark.parametrize("theme", [t for t in SHIPPED_THEMES if not t.ansi], ids=lambda t: t.name)
def test_the_selected_row_is_readable(theme: Theme) -> None:
    """States and text keep a contrast of at least 4.5 under the cursor."""
    for ink in (*theme.states.values(), theme.colors["cursor-text"], theme.colors["muted"]):
        assert contrast(ink, theme.colors["cursor"]) >= READABLE, ink


def test_shipped_files_are_all_themes() -> None:
    """Every shipped file loads without a problem, under the name of its file."""
    assert PROBLEMS == []
    assert sorted(theme.name for theme in SHIPPED_THEMES) == sorted(
        path.stem for path in SHIPPED.glob("*.toml")
    )


def test_there_is_one_of_each_kind() -> None:
    """A dark, a light and a sixteen-colour theme are shipped, and the default comes first."""
    assert SHIPPED_THEMES[0].name == DEFAULT
    assert any(theme.dark and not theme.ansi for theme in SHIPPED_THEMES)
    assert any(not theme.dark for theme in SHIPPED_THEMES)
    assert any(theme.ansi for theme in SHIPPED_THEMES)
    assert "high-contrast" in {theme.name for theme in SHIPPED_THEMES}


def test_high_contrast_is_high() -> None:
    """The high-contrast theme reaches 7, WCAG AAA, for all its text."""
    theme = next(theme for theme in SHIPPED_THEMES if theme.name == "high-contrast")
    for ink in (*theme.states.values(), theme.colors["foreground"], theme.colors["muted"]):
        assert contrast(ink, theme.colors["surface"]) >= 7


def test_black_on_white_is_twenty_one() -> None:
    """The ratio runs from 1 for the same colour to 21 for black on white, in either order."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#123456", "#123456") == 1


def test_a_user_theme_extends_another(tmp_path: Path) -> None:
    """A file that extends a shipped theme names only what differs."""
    (tmp_path / "mine.toml").write_text('extends = "day"\n[colors]\nprimary = "#102030"\n')
    themes, problems = load_themes(tmp_path)
    mine, day = (next(t for t in themes if t.name == name) for name in ("mine", "day"))
    assert problems == []
    assert mine.colors == {**day.colors, "primary": "#102030"}
    assert not mine.dark


def test_a_user_theme_replaces_a_shipped_one(tmp_path: Path) -> None:
    """A user's file with the name of a shipped theme takes its place."""
    (tmp_path / "x.toml").write_text('name = "night"\nextends = "night"\ntitle = "My night"\n')
    themes, _ = load_themes(tmp_path)
    assert [t.title for t in themes if t.name == "night"] == ["My night"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("= 3", "line 1"),
        ('extends = "nite"', "'nite'"),
        ('extends = "night"\n[colors]\nforegruond = "#ffffff"', "did you mean foreground"),
        ('extends = "night"\n[colors]\nprimary = "red"', "colors.primary is 'red'"),
        ('extends = "night"\ndark = "yes"', "dark must be true or false"),
        ('extends = "night"\ncolours = 1', "did you mean colors"),
        ('title = "Half"\n[colors]\nprimary = "#ffffff"', "lacks background"),
        ('extends = "night"\ntitle = "\\u001b]52;c;eA==\\u0007"', "title must be a line of text"),
    ],
)
def test_a_broken_file_costs_that_theme_alone(tmp_path: Path, text: str, said: str) -> None:
    """A broken file is one sentence that names the file and the fault; the others load."""
    (tmp_path / "broken.toml").write_text(text)
    themes, problems = load_themes(tmp_path)
    assert len(themes) == len(SHIPPED_THEMES)
    assert len(problems) == 1
    assert problems[0].startswith("Theme broken.toml: ")
    assert said in problems[0]


def test_a_file_that_is_not_text_is_a_sentence(tmp_path: Path) -> None:
    """Bytes that aren't UTF-8 are a problem of that file, not an exception."""
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    assert "can't be read" in load_themes(tmp_path)[1][0]


@given(
    st.dictionaries(
        st.sampled_from([*COLORS, "nonsense"]),
        st.one_of(st.text('#0aG_é"\\', max_size=8), st.integers(), st.just("#aabbcc")),
        max_size=4,
    )
)
def test_any_colors_make_a_theme_or_a_sentence(colors: dict[str, object]) -> None:
    """Whatever stands under colors, the result is a complete theme or one sentence."""
    lines = [f"{key} = {_toml(value)}" for key, value in colors.items()]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "drawn.toml"
        path.write_text('extends = "night"\n[colors]\n' + "\n".join(lines), "utf-8")
        themes, problems = load_themes(Path(folder))
    drawn = [theme for theme in themes if theme.name == "drawn"]
    assert len(drawn) + len(problems) == 1
    assert all(set(t.colors) == set(COLORS) and set(t.states) == set(STATES) for t in drawn)


def _toml(value: object) -> str:
    if isinstance(value, int):
        return str(value)
    return '"' + "".join(f"\\U{ord(char):08x}" for char in str(value)) + '"'

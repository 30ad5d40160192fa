"""Remembered choices: kept whole, or the defaults and a sentence."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentflow_console.settings import Settings, load_settings, save_settings


@given(
    theme=st.text(max_size=20),
    filters=st.dictionaries(st.text(max_size=8), st.text(max_size=20), max_size=4),
    fps=st.integers(0, 120),
)
def test_what_is_saved_is_loaded(theme: str, filters: dict[str, str], fps: int) -> None:
    """Any choice survives saving and loading."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "deep" / "settings.json"
        settings = Settings(theme, filters, fps)
        assert save_settings(settings, path) == ""
        assert load_settings(path) == (settings, "")
        assert [file.name for file in path.parent.iterdir()] == ["settings.json"]


def test_nothing_saved_yet_is_the_defaults(tmp_path: Path) -> None:
    """Without a file the defaults hold and nothing is said."""
    assert load_settings(tmp_path / "none.json") == (Settings(), "")


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"fps": "many"}', b"\xff\x00", b'{"theme": 3}']
)
def test_a_broken_file_is_the_defaults_and_a_sentence(tmp_path: Path, content: bytes) -> None:
    """A broken file costs the choices, never the start."""
    path = tmp_path / "settings.json"
    path.write_bytes(content)
    settings, said = load_settings(path)
    assert settings == Settings()
    assert said.startswith("Settings settings.json can't be used")


def test_a_place_that_cant_be_written_is_said(tmp_path: Path) -> None:
    """Where nothing can be written, saving says so and raises nothing."""
    (tmp_path / "file").write_text("in the way")
    assert "can't be kept" in save_settings(Settings(), tmp_path / "file" / "settings.json")


def test_an_empty_filter_is_forgotten() -> None:
    """Filters are kept by screen, and only while there is one."""
    settings = Settings().with_filter("events", "state:dead").with_filter("agents", "x")
    assert settings.with_filter("agents", "").filters == {"events": "state:dead"}

"""Reading files: what is there, what is not, and what lies over it."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentflow.config import Config, check_config, load_config
from agentflow.errors import ConfigError


def test_a_missing_file_is_a_problem(tmp_path: Path) -> None:
    """No file is an error that names the file."""
    (problem,) = check_config(tmp_path / "none.toml")
    assert str(problem) == f"{tmp_path / 'none.toml'}: error: the file does not exist"


def test_a_directory_is_a_problem(tmp_path: Path) -> None:
    """A directory is not taken for an empty file."""
    with pytest.raises(ConfigError, match="is a directory"):
        load_config(tmp_path)


def test_a_file_in_another_encoding_is_a_problem(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are shown at their line and column."""
    (tmp_path / "a.toml").write_bytes(b"# ok\nname = '\xe4'\n")
    (problem,) = check_config(tmp_path / "a.toml")
    assert (problem.line, problem.column, problem.message) == (2, 9, "is not UTF-8 text")


def test_a_huge_file_is_a_problem(tmp_path: Path) -> None:
    """More than 4 MiB is not a configuration."""
    (tmp_path / "a.toml").write_text("#" * (4 * 1024 * 1024 + 1))
    (problem,) = check_config(tmp_path / "a.toml")
    assert problem.message == "is larger than 4 MiB"


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    """The reason is the one that the system gives."""
    (problem,) = check_config(tmp_path / ("x" * 300))
    assert problem.message == "cannot be read: File name too long"


def test_an_endless_file_is_a_problem() -> None:
    """Reading stops at the size that is allowed, whatever the file says of its size."""
    assert check_config("/dev/zero")[0].message == "is larger than 4 MiB"


def test_a_path_that_no_file_can_have_is_a_problem() -> None:
    """Even a path with a zero byte does not raise."""
    assert "cannot be read" in check_config("a\0b")[0].message


def test_a_byte_order_mark_and_windows_line_ends_are_fine(tmp_path: Path) -> None:
    """Files saved on Windows load, and places are still right."""
    (tmp_path / "a.toml").write_bytes("\ufeff[llm]\r\ntop_p = 7\r\n".encode())
    (problem,) = check_config(tmp_path / "a.toml")
    assert (problem.line, problem.column, problem.key) == (2, 1, "llm.top_p")


def test_a_configuration_knows_its_source(tmp_path: Path) -> None:
    """The text and the path stay with what was read."""
    file = tmp_path / "agentflow.toml"
    file.write_text("[agents.a]\n")
    config = load_config(file)
    assert (config.text, config.path) == ("[agents.a]\n", str(file))


def test_the_file_of_the_environment_lies_over_the_main_one(tmp_path: Path) -> None:
    """Tables are joined; values and lists of the overlay replace those below."""
    (tmp_path / "agentflow.toml").write_text(
        "[llm]\nmodel = 'a'\nbase_url = 'http://a'\n[orchestration]\nsequential_agents = ['x']\n"
        "[agents.x]\n[agents.y]\n"
    )
    (tmp_path / "agentflow.production.toml").write_text(
        "[llm]\nendpoint = 'http://b'\n[orchestration]\nmode = 'sequential'\n"
        "sequential_agents = ['y']\n[agents.y]\nrole = 'second'\n"
    )
    config = load_config(tmp_path / "agentflow.toml", environ={"ENVIRONMENT": "production"})
    assert (config.llm.model, config.llm.base_url) == ("a", "http://b")
    assert config.orchestration.sequential_agents == ["y"]
    assert config.agents["y"].role == "second"
    assert load_config(tmp_path / "agentflow.toml", environ={}).orchestration.mode == "route"


def test_a_problem_in_the_overlay_names_the_overlay(tmp_path: Path) -> None:
    """A wrong value, and an agent that only the overlay lists, are shown in the overlay."""
    (tmp_path / "agentflow.toml").write_text("[agents.x]\n")
    over = tmp_path / "agentflow.test.toml"
    over.write_text("[llm]\ntop_p = 5\n[orchestration]\nmode = 'loop'\nloop_agent = 'z'\n")
    found = check_config(tmp_path / "agentflow.toml", environ={"ENVIRONMENT": "test"})
    assert [(p.path, p.line) for p in found] == [(str(over), 2), (str(over), 5)]


def test_a_broken_overlay_stops_the_load(tmp_path: Path) -> None:
    """An overlay that is not TOML is not silently left out."""
    (tmp_path / "agentflow.toml").write_text("")
    (tmp_path / "agentflow.test.toml").write_text("a = b")
    (problem,) = check_config(tmp_path / "agentflow.toml", environ={"ENVIRONMENT": "test"})
    assert problem.path.endswith("agentflow.test.toml")


@pytest.mark.parametrize("name", ["../other", "a/b", "", ".", "none"])
def test_an_environment_without_a_file_changes_nothing(tmp_path: Path, name: str) -> None:
    """A name that has no file, or that would lead elsewhere, is no overlay."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "agentflow.toml").write_text("")
    (tmp_path / "other.toml").write_text("a = b")
    assert check_config(tmp_path / "d" / "agentflow.toml", environ={"ENVIRONMENT": name}) == []


def test_another_text_is_read_under_the_same_circumstances(tmp_path: Path) -> None:
    """An edited text keeps overlay, variables and flags of the one it replaces."""
    (tmp_path / "agentflow.toml").write_text("")
    (tmp_path / "agentflow.test.toml").write_text("[llm]\nmodel = 'over'\n")
    config = load_config(
        tmp_path / "agentflow.toml",
        overrides={"runtime.max_hops": 3},
        environ={"ENVIRONMENT": "test", "AGENTFLOW_LLM_TOP_P": "0.5"},
    )
    edited = config.with_text("[llm]\nmodel = 'x'\ntop_p = 0.1\n[runtime]\nqueue_size = 7\n")
    assert (edited.llm.model, edited.llm.top_p) == ("over", 0.5)
    assert (edited.runtime.queue_size, edited.runtime.max_hops) == (7, 3)


def test_an_empty_text_replaces_a_text() -> None:
    """Deleting everything is an edit like any other."""
    config = Config.from_toml("[llm]\nmodel = 'x'\n", environ={})
    assert config.with_text("").llm.model is None

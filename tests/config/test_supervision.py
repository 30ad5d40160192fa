"""[supervision], and the words of [error_routing]: what they take and what is said of the rest."""

from __future__ import annotations

import pytest

from agentflow.config import Config, Problem, SupervisionConfig, diff
from agentflow.errors import ConfigError


def read(text: str) -> Config:
    return Config.from_toml(text, environ={})


def problems_of(text: str) -> list[Problem]:
    """Everything wrong with a text."""
    try:
        return read(text).problems
    except ConfigError as error:
        return error.problems


def test_agents_are_supervised_unless_the_file_says_otherwise() -> None:
    """On, with five restarts in ten minutes."""
    settings = read("").supervision
    assert settings == SupervisionConfig()
    assert (settings.enabled, settings.max_restarts, settings.period) == (True, 5, 600.0)


@pytest.mark.parametrize(
    ("text", "max_restarts", "period"),
    [
        ("max_restarts = 0\nperiod = '10m'", 0, 600.0),
        ("intensity = 3\nperiod = 5", 3, 5.0),
        ("period_seconds = 90", 5, 90.0),
        ("period_ms = 1500", 5, 1.5),
    ],
)
def test_the_settings_and_their_other_spellings(
    text: str, max_restarts: int, period: float
) -> None:
    """Durations as everywhere, intensity as in OTP."""
    config = read(f"[supervision]\n{text}")
    assert config.problems == []
    settings = config.supervision
    assert (settings.max_restarts, settings.period) == (max_restarts, period)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("enabled = 1", "must be true or false, not 1"),
        ("max_restarts = -1", "must be a whole number of at least 0, not -1"),
        ("max_restarts = 1.5", "must be a whole number of at least 0, not 1.5"),
        ("period = 0", "must be a time above 0"),
        ("max_restart = 1", "unknown key"),
    ],
)
def test_what_is_wrong_is_said_at_its_place(line: str, message: str) -> None:
    """One problem, at the second line."""
    (problem,) = problems_of(f"[supervision]\n{line}")
    assert (problem.line, problem.key) == (2, f"supervision.{line.partition(' ')[0]}")
    assert message in problem.message


def test_a_change_of_it_is_a_difference() -> None:
    """What a reload shows and an operator may undo."""
    (difference,) = diff(read(""), read("[supervision]\nmax_restarts = 2"))
    assert str(difference) == "supervision max_restarts 5 → 2"


@pytest.mark.parametrize(
    ("table", "key", "message", "suggestion"),
    [
        ("category_handlers", "timeuot", "no error is of the category 'timeuot'", "'timeout'"),
        ("category_handlers", "weather", "no error is of the category 'weather'", "one of"),
        ("severity_handlers", "hihg", "no error is of the severity 'hihg'", "'high'"),
        ("severity_handlers", "weather", "no error is of the severity 'weather'", "one of"),
    ],
)
def test_categories_and_severities_that_do_not_exist_are_warned_of(
    table: str, key: str, message: str, suggestion: str
) -> None:
    """Their handlers would never be told of anything."""
    text = f"[agents.rest]\nsystem_prompt = 'x'\n[error_routing.{table}]\n{key} = 'rest'"
    (problem,) = problems_of(text)
    assert (problem.line, problem.severity) == (4, "warning")
    assert problem.message == message
    assert suggestion in problem.suggestion


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("category_handlers", "VALIDATION_ERROR"),
        ("category_handlers", "llm"),
        ("category_handlers", "timeout_errors"),
        ("severity_handlers", "Critical"),
        ("severity_handlers", "normal"),
    ],
)
def test_other_words_for_them_are_right(table: str, key: str) -> None:
    """As AgenticGoKit and its guides write them."""
    text = f"[agents.rest]\nsystem_prompt = 'x'\n[error_routing.{table}]\n{key} = 'rest'"
    assert problems_of(text) == []


@pytest.mark.parametrize("table", ["category_handlers", "severity_handlers"])
def test_handlers_that_are_not_defined_are_warned_of(table: str) -> None:
    """With the name that is meant."""
    key = "timeout" if table == "category_handlers" else "high"
    text = f"[agents.rest]\nsystem_prompt = 'x'\n[error_routing.{table}]\n{key} = 'rset'"
    (problem,) = problems_of(text)
    assert problem.message == "agent 'rset' is not defined"
    assert "'rest'" in problem.suggestion
    assert problem.severity == "warning"

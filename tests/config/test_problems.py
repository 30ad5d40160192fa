"""Problems: what is wrong, where, in plain words, all at once."""

from __future__ import annotations

import pytest

from agentflow.config import Config, Problem
from agentflow.errors import ConfigError


def problems_of(text: str, **options: object) -> list[Problem]:
    """Everything wrong with a text."""
    options.setdefault("environ", {})
    try:
        return Config.from_toml(text, **options).problems  # type: ignore[arg-type]
    except ConfigError as error:
        return error.problems


def only(text: str) -> Problem:
    """The one thing wrong with a text."""
    (problem,) = problems_of(text)
    return problem


def test_a_problem_reads_like_a_compiler_message() -> None:
    """Editors and people know path:line:column: severity: key: message."""
    problem = Problem("a.toml", 3, 7, "llm.model", "is odd", "write it even", "warning")
    assert str(problem) == "a.toml:3:7: warning: llm.model: is odd (write it even)"


def test_a_problem_without_a_place_has_no_numbers() -> None:
    """What did not come from a file says where it came from and no more."""
    assert str(Problem("command line", 0, 0, "", "is odd")) == "command line: error: is odd"


VALUES = [
    ("[llm]\ntemperature = 3", "must be a number between 0 and 2, not 3", ""),
    ("[llm]\ntemperature = 'abc'", "must be a number between 0 and 2, not 'abc'", ""),
    ("[llm]\ntemperature = nan", "must be a number between 0 and 2, not nan", ""),
    ("[llm]\nmax_tokens = true", "must be a whole number of at least 1, not true", ""),
    ("[llm]\nmax_tokens = 1.5", "must be a whole number of at least 1, not 1.5", ""),
    ("[llm]\nmodel = ''", "must be a name in quotes, not ''", ""),
    ("[llm]\nmodel = 4", "must be a name in quotes, not 4", ""),
    (
        "[llm]\nhost = 'localhost:11434'",
        "must be an address that begins with http:// or https://, not 'localhost:11434'",
        "http://localhost:11434",
    ),
    (
        "[orchestration]\nmode = 'sequental'",
        "must be one of route, collaborative, sequential, loop, mixed, not 'sequental'",
        "did you mean 'sequential'?",
    ),
    (
        "[orchestration]\nfailure_threshold = 50",
        "must be a number between 0 and 1, not 50",
        "",
    ),
    ("[orchestration]\nrules = 1", "must be an array of tables, not 1", ""),
    ("[orchestration]\nsequential_agents = []\nmode = 'sequential'", "names no agent", ""),
    ("[runtime]\nqueue_size = 0", "must be a whole number of at least 1, not 0", ""),
    ("[runtime]\nqueue_size = 2024-01-01", "at least 1, not 2024-01-01", ""),
    ("[runtime]\nordering = 'random'", "must be one of session, none, not 'random'", ""),
    ("[logging]\nlevel = 'loud'", "must be one of debug, info, warn, error, not 'loud'", ""),
    ("llm = 1", "must be a table, not 1", ""),
    ("[agents]\na = 1", "must be a table, not 1", ""),
    ("[agents.a]\nenabled = 'yes'", "must be true or false, not 'yes'", ""),
    ("[agents.a]\ncapabilities = ['x', 1]", "must be a list of texts, not this list", ""),
    ("[agents.a]\ntimeout = 'soon'", "must be a time above 0", ""),
    ("[agents.a]\ntimeout_ms = '5s'", "must be a number of milliseconds, not '5s'", ""),
    (
        "[agents.a]\nhandler = 'my.module.run'",
        "must be 'module:attribute', not 'my.module.run'",
        "did you mean 'my.module:run'?",
    ),
    ("[agents.' ']\nrole = ''", "an agent needs a name", ""),
    ("[agents.'a, b']\nrole = ''", "an agent's name must have no comma", ""),
    ("[error_routing.category_handlers]\na = 1", "must give 'a' a name in quotes", ""),
    ("[agents.a.retry_policy]\nbackoff_factor = 0.5", "must be a number of at least 1", ""),
]


@pytest.mark.parametrize(("text", "message", "suggestion"), VALUES)
def test_a_wrong_value_is_one_error_in_plain_words(
    text: str, message: str, suggestion: str
) -> None:
    """The message says what the value must be and what it is, at the line of the key."""
    problem = only(text)
    assert message in problem.message
    assert problem.severity == "error"
    assert suggestion in problem.suggestion
    assert problem.line >= 1


def test_all_problems_come_at_once_in_the_order_of_the_file() -> None:
    """One reading names every wrong value, every unknown key and every missing agent."""
    found = problems_of(
        """\
[llm]
temperature = 9
modle = "x"
[orchestration]
mode = "sequential"
sequential_agents = ["writer", "reviewer"]
timeout = "soon"
[agents.writr]
enabled = 3
"""
    )
    assert [(p.line, p.column, p.severity, p.key) for p in found] == [
        (2, 1, "error", "llm.temperature"),
        (3, 1, "warning", "llm.modle"),
        (6, 22, "error", "orchestration.sequential_agents"),
        (6, 32, "error", "orchestration.sequential_agents"),
        (7, 1, "error", "orchestration.timeout"),
        (9, 1, "error", "agents.writr.enabled"),
    ]


def test_the_error_lists_errors_and_carries_warnings() -> None:
    """ConfigError shows what must be repaired, and has everything else in ``problems``."""
    with pytest.raises(ConfigError) as caught:
        Config.from_toml("[llm]\nfoo = 1\ntop_p = 2\n", path="x.toml", environ={})
    assert str(caught.value).startswith("x.toml:3:1: error: llm.top_p: must be")
    assert "foo" not in str(caught.value)
    assert [problem.severity for problem in caught.value.problems] == ["warning", "error"]


def test_warnings_stay_with_the_configuration() -> None:
    """A configuration that loads still says what was odd about it."""
    config = Config.from_toml("[runtime]\nqeue_size = 5\n", environ={})
    (warning,) = config.problems
    assert (warning.severity, warning.suggestion) == ("warning", "did you mean 'queue_size'?")
    assert config.runtime.queue_size == 1000


@pytest.mark.parametrize(
    ("text", "message", "suggestion"),
    [
        ("[orchestrationn]\nmode = 'loop'", "unknown section", "did you mean 'orchestration'?"),
        ("[wholly.new]\na = 1", "unknown section", ""),
        ("[mcp.a]\nx = 1\n[mcp.b]\nx = 1", "is not acted on", ""),
        ("[provider]\ntype = 'x'", "is not acted on", "write it as [llm]"),
        ("system_prompt = 'x'", "is not acted on", "write it in [agents.NAME]"),
        ("name = 'x'", "belongs in a table", "write it as agent_flow.name"),
        (
            "[llm]\nhost = 'http://a'\nbase_url = 'http://b'",
            "says the same as llm.base_url",
            "host",
        ),
        ("[agents.a]\nmodel = 'x'\nllm = {model = 'y'}", "the same as agents.a.llm.model", "model"),
        ("[orchestration]\nagents = ['a']", "is not acted on", "in the list of the mode"),
        ("[agents.a.retry_policy]\ninitial_delay = 9\nmax_delay = 1", "shorter than", ""),
    ],
)
def test_what_is_odd_is_said_once(text: str, message: str, suggestion: str) -> None:
    """A section or key that nothing acts on is one warning, with a hint where there is one."""
    problem = problems_of(text)[0]
    assert message in problem.message or message in problem.suggestion
    assert suggestion in problem.suggestion


def test_a_scalar_at_the_top_is_taken_where_it_belongs() -> None:
    """``name`` at the top of a file names the system, though a table is the place for it."""
    assert Config.from_toml("name = 'mine'", environ={}).agent_flow.name == "mine"


AGENTS = """\
[orchestration]
mode = "{mode}"
collaborative_agents = ["analyser"]
[agents.analyzer]
[agents.other]
enabled = false
"""


def test_a_missing_agent_is_an_error_with_the_nearest_name() -> None:
    """A listed agent that does not exist is shown in the list, with the one that was meant."""
    problem = only(AGENTS.format(mode="collaborative"))
    assert (problem.line, problem.column, problem.severity) == (3, 25, "error")
    assert problem.message == "agent 'analyser' is not defined"
    assert problem.suggestion == "did you mean 'analyzer'?"


def test_a_missing_agent_of_another_mode_is_a_warning() -> None:
    """A list that the mode does not use cannot break anything yet."""
    assert only(AGENTS.format(mode="route")).severity == "warning"


def test_a_disabled_agent_in_a_list_is_an_error() -> None:
    """An agent that is there but switched off cannot do its part."""
    problem = only(AGENTS.format(mode="parallel").replace("analyser", "other"))
    assert (problem.message, problem.severity) == ("agent 'other' is disabled", "error")


def test_without_any_agent_in_the_file_names_are_a_warning() -> None:
    """Agents may be registered in code; then the file cannot know them."""
    problem = only("[orchestration]\nmode = 'loop'\nloop_agent = 'polish'\n")
    assert problem.severity == "warning"
    assert "register them in code" in problem.suggestion


def test_agents_of_rules_and_routes_are_checked() -> None:
    """Whatever names an agent names one that exists."""
    found = problems_of(
        """\
[orchestration]
default_agent = "b"
routing_rules = [{ pattern = "x", agent = "c" }]
[[orchestration.rules]]
when = { data.kind = "x" }
mode = "sequential"
agents = ["a", "d"]
[error_routing]
timeout_errors = "e"
[agents.a]
"""
    )
    assert [(p.line, p.column, p.key, p.severity) for p in found] == [
        (2, 1, "orchestration.default_agent", "error"),
        (3, 35, "orchestration.routing_rules[0].agent", "error"),
        (7, 16, "orchestration.rules[0].agents", "error"),
        (9, 1, "error_routing.timeout_errors", "warning"),
    ]


@pytest.mark.parametrize(
    ("text", "line", "column", "message", "suggestion"),
    [
        ("a = 1\nb = hello\n", 2, 5, "invalid value", 'b = "..."'),
        ("a = True\n", 1, 5, "invalid value", "write true in lower case"),
        ("a =\n", 1, 4, "invalid value", "write a value after the ="),
        ("a = 'x\nb = 1\n", 1, 7, "", "close the quotes"),
        ('a = "x\nb = 1\n', 1, 7, "", "close the quotes"),
        ('a = """x\nb = 1\n', 3, 1, "unterminated string", "close the quotes"),
        ('a = "\\q"\n', 1, 8, "", r"write \\ for a backslash"),
        ("[a\n", 1, 3, "expected ']'", ""),
        ("a 1\n", 1, 3, "expected '='", "write key = value"),
        ("[a]\n[a]\n", 2, 2, "is already written on line 1", "keep one of the two"),
        ("a = 1\n[a.b]\n", 2, 0, "", ""),
    ],
)
def test_broken_toml_is_one_error_with_a_hint(
    text: str, line: int, column: int, message: str, suggestion: str
) -> None:
    """What is not TOML is shown at its line and column, with what to write instead."""
    problem = only(text)
    assert problem.line == line
    assert column in (0, problem.column)
    assert message in problem.message
    assert suggestion in problem.suggestion
    assert problem.severity == "error"


def test_a_problem_can_be_placed_later() -> None:
    """What only shows up when code is loaded is still reported at the line of its key."""
    config = Config.from_toml("[agents.a]\nrole = 'x'\ntimeout_seconds = 3\n", environ={})
    problem = config.problem_at("agents.a.timeout", "is too short")
    assert str(problem) == "agentflow.toml:3:1: error: agents.a.timeout: is too short"
    assert Config().problem_at("agents.a", "x").line == 0

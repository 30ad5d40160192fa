"""Variables and flags: what they set, and in which order they win."""

from __future__ import annotations

import pytest

from agentflow.config import Config
from agentflow.errors import ConfigError

TEXT = """\
[llm]
provider = "openai"
model = "file"
[orchestration]
mode = "route"
[agents.data-miner]
[agents.data-miner.llm]
model = "own"
[agents.data]
"""


def test_a_variable_wins_over_the_file_and_a_flag_over_the_variable() -> None:
    """Command line, then environment, then file, then default."""
    environ = {"AGENTFLOW_LLM_MODEL": "variable", "AGENTFLOW_LLM_TOP_P": "0.5"}
    config = Config.from_toml(TEXT, environ=environ)
    assert (config.llm.model, config.llm.top_p, config.llm.provider) == ("variable", 0.5, "openai")
    flagged = Config.from_toml(TEXT, environ=environ, overrides={"llm.model": "flag"})
    assert flagged.llm.model == "flag"


def test_variables_become_what_their_key_needs() -> None:
    """Text from a variable is read as a number, a switch, a time or a list."""
    config = Config.from_toml(
        TEXT,
        environ={
            "AGENTFLOW_RUNTIME_QUEUE_SIZE": "5",
            "AGENTFLOW_ORCHESTRATION_TIMEOUT": "1m",
            "AGENTFLOW_ORCHESTRATION_COLLABORATIVE_AGENTS": "data, data-miner",
            "AGENTFLOW_LOGGING_FILE_ONLY": "ON",
            "AGENTFLOW_ERROR_ROUTING_RETRY_BASE_DELAY_MS": "250",
            "AGENTFLOW_AGENT_FLOW_NAME": "named",
        },
    )
    assert config.runtime.queue_size == 5
    assert config.orchestration.timeout_seconds == 60
    assert config.orchestration.collaborative_agents == ["data", "data-miner"]
    assert config.logging.file_only
    assert config.error_routing.retry is not None
    assert config.error_routing.retry.initial_delay == 0.25
    assert config.agent_flow.name == "named"


def test_a_variable_can_be_about_one_agent() -> None:
    """The longest agent name that fits is meant; other characters than letters are ``_``."""
    config = Config.from_toml(
        TEXT,
        environ={
            "AGENTFLOW_AGENT_DATA_MINER_MODEL": "special",
            "AGENTFLOW_AGENT_DATA_MINER_RETRY_POLICY_MAX_RETRIES": "7",
            "AGENTFLOW_AGENT_DATA_ENABLED": "false",
        },
    )
    assert config.llm_of("data-miner").model == "special"
    policy = config.agents["data-miner"].retry_policy
    assert policy is not None
    assert policy.max_retries == 7
    assert config.enabled_agents == ["data-miner"]


def test_a_wrong_value_in_a_variable_names_the_variable() -> None:
    """The message says which variable to repair; no line of the file is blamed."""
    with pytest.raises(ConfigError) as caught:
        Config.from_toml(TEXT, environ={"AGENTFLOW_LLM_TEMPERATURE": "hot"})
    assert str(caught.value) == (
        "environment: error: AGENTFLOW_LLM_TEMPERATURE: must be a number between 0 and 2, "
        "not the value of AGENTFLOW_LLM_TEMPERATURE"
    )


@pytest.mark.parametrize(
    ("variable", "suggestion"),
    [
        ("AGENTFLOW_LLM_MODLE", "did you mean 'model'?"),
        ("AGENTFLOW_AGENT_DATA_MODLE", "did you mean 'model'?"),
        ("AGENTFLOW_AGENT_NOBODY_MODEL", "no agent of the file has this name"),
    ],
)
def test_a_variable_that_sets_nothing_is_a_warning(variable: str, suggestion: str) -> None:
    """A misspelt variable does not go unnoticed."""
    (warning,) = Config.from_toml(TEXT, environ={variable: "x"}).problems
    assert (warning.key, warning.severity) == (variable, "warning")
    assert warning.suggestion == suggestion


def test_an_empty_variable_is_no_setting() -> None:
    """Who empties a variable takes it back."""
    config = Config.from_toml(TEXT, environ={"AGENTFLOW_LLM_MODEL": ""})
    assert (config.llm.model, config.problems) == ("file", [])


def test_variables_about_other_things_are_left_alone() -> None:
    """Only sections of the configuration are read from variables."""
    assert Config.from_toml(TEXT, environ={"AGENTFLOW_HOME": "/x", "LLM_MODEL": "y"}).problems == []


def test_values_may_refer_to_variables() -> None:
    """``env:NAME`` is a whole value; ``${NAME}`` and its default may stand inside one."""
    config = Config.from_toml(
        """\
[llm]
model = "${MODEL}"
base_url = "http://${HOST:-localhost}:${PORT:-80}/v1"
max_tokens = "${TOKENS}"
organization = "env:ORG"
timeout_ms = "${WAIT:-1500}"
[agents.a]
capabilities = ["${SKILL}", "plain"]
system_prompt = "Say ${LITERALLY} env:THIS"
""",
        environ={"MODEL": "4", "PORT": "8080", "TOKENS": "99", "ORG": "org", "SKILL": "s"},
    )
    assert (config.llm.model, config.llm.max_tokens, config.llm.organization) == ("4", 99, "org")
    assert config.llm.base_url == "http://localhost:8080/v1"
    assert config.llm.timeout == 1.5
    assert config.agents["a"].capabilities == ["s", "plain"]
    assert config.agents["a"].system_prompt == "Say ${LITERALLY} env:THIS"


def test_a_variable_that_is_not_set_is_an_error_at_its_key() -> None:
    """Nothing is guessed for a value that is not there."""
    with pytest.raises(ConfigError) as caught:
        Config.from_toml("[llm]\nmodel = '${MODEL}'\n", environ={})
    assert str(caught.value) == (
        "agentflow.toml:2:1: error: llm.model: environment variable MODEL is not set "
        "(set it, or write ${MODEL:-default})"
    )


def test_a_secret_that_is_not_set_is_a_warning() -> None:
    """A configuration can be checked, and run with the mock provider, without its keys."""
    config = Config.from_toml("[llm]\napi_key = 'env:KEY'\n", environ={})
    assert config.llm.api_key is None
    assert "KEY is not set" in config.problems[0].message


def test_what_a_flag_replaces_need_not_be_set() -> None:
    """A reference that nothing uses any more is no problem."""
    config = Config.from_toml(
        "[llm]\nmodel = '${MODEL}'\n", environ={}, overrides={"llm.model": "x"}
    )
    assert config.problems == []


def test_flags_that_were_not_given_change_nothing() -> None:
    """None stands for a flag that was left out."""
    overrides = {"orchestration.mode": None, "orchestration.max_iterations": None}
    config = Config.from_toml("[orchestration]\nmode = 'loop'\n", environ={}, overrides=overrides)
    assert config.orchestration.mode == "loop"


def test_flags_take_text_and_other_spellings() -> None:
    """The command line may say it as the file may."""
    config = Config.from_toml(
        TEXT,
        environ={},
        overrides={
            "orchestration.mode": "Parallel",
            "orchestration.collaborative_agents": "data,data-miner",
            "orchestration.timeout": "90s",
            'agents."data-miner".model': "z",
        },
    )
    assert config.orchestration.mode == "collaborative"
    assert config.orchestration.collaborative_agents == ["data", "data-miner"]
    assert config.orchestration.timeout_seconds == 90
    assert config.llm_of("data-miner").model == "z"


def test_a_flag_about_the_model_holds_for_every_agent() -> None:
    """``--provider mock`` leaves no agent with a provider of its own."""
    text = TEXT + "[agents.other]\nprovider = 'openai'\nmodel = 'kept'\n"
    config = Config.from_toml(text, environ={}, overrides={"llm.provider": "mock"})
    assert {config.llm_of(name).provider for name in config.agents} == {"mock"}
    assert config.llm_of("other").model == "kept"


def test_a_wrong_flag_names_the_command_line() -> None:
    """A flag is not blamed on the file."""
    with pytest.raises(ConfigError, match=r"^command line: error: orchestration\.mode: must be"):
        Config.from_toml(TEXT, environ={}, overrides={"orchestration.mode": "odd"})

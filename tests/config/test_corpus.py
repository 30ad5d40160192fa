"""Real files: what is wrong with each is said, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentflow.config import check_config, load_config

HERE = Path(__file__).parent
CORPUS = {file.name.removesuffix(".toml"): file for file in sorted((HERE / "corpus").glob("*"))}
SEEDS = sorted((HERE / "seeds").glob("*.toml"))

BROKEN = {
    "partial-34e97a4b1d": "11:1: orchestration.sequential_agents: is already written on line 7",
    "partial-890164d577": "6:9: agents.assistant: is already written on line 2",
    "partial-b45448400f": "3:17: : not valid TOML: invalid value",
    "partial-c585a579b1": "35:12: providers.ollama: is already written on line 23",
}
"""Files that are not TOML: the place and the message of their one error."""

UNDEFINED = {
    "partial-5e7c247c47": ["analyzer", "writer"],
    "partial-6025a6f76f": ["agent1", "agent2"],
}
"""Files whose collaborative agents are partly missing: one error for each name."""

WARNINGS = {
    "complete-6b6d2ada7b": ["memory_enabled", "tools_enabled"] + ["memory_enabled"] * 3,
    "complete-9fc6c8eb75": ["mcp"] + ["tools_enabled"] * 3,
    "complete-af6e0d464b": ["agent_memory", "mcp"],
    "complete-d241616cdd": ["sequential", "memory", "retry_policy", "monitoring"],
    "complete-e1fd275837": ["sequential_agents"] * 3 + ["loop_agent"],
    "partial-0f291d8b7b": ["mcp"],
    "partial-24d569083d": ["loop_agent"],
    "partial-34587b7765": ["mcp"],
    "partial-4e7f4a7457": ["streaming"],
    "partial-4edbfb8257": [
        "name", "version", "description", "log_level", "sequential_agents",
        "collaborative_agents", "loop_agent", "visualization", "provider", "mcp",
        "validation_errors", "timeout_errors", "critical_errors", "default_error_handler",
        "metrics",
    ],
    "partial-52d73d9851": ["fallback_agent"],
    "partial-5bbacb0fdb": ["sequential_agents"],
    "partial-5e497c5909": ["mode", "parallel_groups", "resources"],
    "partial-6025a6f76f": ["agent_memory", "mcp"],
    "partial-643aa25879": ["agent_memory"],
    "partial-761c36a781": ["agent_memory"],
    "partial-78b361ca2b": ["loop_agent"],
    "partial-78f182784d": ["name", "system_prompt", "timeout"],
    "partial-88c710d55b": ["agent_memory", "memory_enabled"],
    "partial-89598bd1c5": ["sequential_agents", "collaborative_agents", "loop_agent"],
    "partial-91de08d0b9": [
        "enable_metrics", "metrics_port", "load_balancer", "scaling", "shared_resources",
    ],
    "partial-9acea33b6f": ["memory"],
    "partial-9c9d91c8a7": ["enable_metrics", "metrics_port", "webhooks"],
    "partial-a51a9fdcd9": ["collaborative_agents", "sequential_agents"],
    "partial-a61913442d": ["fallback_llm", "tools", "memory"],
    "partial-ab90829eab": ["name", "system_prompt", "memory", "tools", "streaming"],
    "partial-ac9a02e4d9": ["name", "system_prompt", "memory", "streaming", "tools"],
    "partial-b834e22879": ["collaborative_agents"],
    "partial-c08dc21755": ["agents", "parallel"],
    "partial-e68f8ee2fd": ["name", "system_prompt", "api_key", "memory", "tools"],
    "partial-ed10791289": [
        "structured", "include_agent_context", "include_performance_metrics",
    ],
    "partial-fa405d23e7": ["agent_memory", "mcp"],
}  # fmt: skip
"""The end of the key of each warning, in the order of the file; no entry: no warning."""


def test_the_tables_name_files_that_exist() -> None:
    """Every expectation below is about a file of the corpus."""
    assert CORPUS.keys() >= BROKEN.keys() | UNDEFINED.keys() | WARNINGS.keys()
    assert len(CORPUS) == 79


@pytest.mark.parametrize("name", CORPUS)
def test_errors_of_a_real_file(name: str) -> None:
    """A real file has exactly the errors that a reader of it would expect."""
    errors = [p for p in check_config(CORPUS[name], environ={}) if p.severity == "error"]
    if name in BROKEN:
        (error,) = errors
        found = f"{error.line}:{error.column}: {error.key}: {error.message}"
        assert (found, bool(error.suggestion)) == (BROKEN[name], True)
    elif name in UNDEFINED:
        assert [error.message for error in errors] == [
            f"agent {agent!r} is not defined" for agent in UNDEFINED[name]
        ]
        text = CORPUS[name].read_text().splitlines()
        for error, agent in zip(errors, UNDEFINED[name], strict=True):
            assert text[error.line - 1][error.column - 1 :].startswith(f'"{agent}"')
    else:
        assert errors == []


@pytest.mark.parametrize("name", CORPUS)
def test_warnings_of_a_real_file(name: str) -> None:
    """What the engine does not act on is one warning each, at the place where it stands."""
    warnings = [p for p in check_config(CORPUS[name], environ={}) if p.severity == "warning"]
    expected = WARNINGS.get(name, [])
    assert len(warnings) == len(expected), "\n".join(map(str, warnings))
    lines = CORPUS[name].read_text().splitlines()
    for warning, key in zip(warnings, expected, strict=True):
        assert warning.key.endswith(key)
        assert lines[warning.line - 1][warning.column - 1 :].startswith((key, '"'))


@pytest.mark.parametrize("name", [name for name in CORPUS if name.startswith("complete")])
def test_complete_files_load(name: str) -> None:
    """Every complete file of the corpus can be run with the mock provider."""
    config = load_config(CORPUS[name], overrides={"llm.provider": "mock"}, environ={})
    assert config.agents
    assert {config.llm_of(agent).provider for agent in config.agents} == {"mock"}


@pytest.mark.parametrize("file", SEEDS, ids=lambda file: file.stem)
def test_files_of_the_guides_have_no_errors(file: Path) -> None:
    """Every example configuration of the guides loads as it stands."""
    assert [p for p in check_config(file, environ={}) if p.severity == "error"] == []


def test_values_of_real_files_arrive() -> None:
    """Spellings that real files use for a key end up in the field that means it."""
    resilient = load_config(CORPUS["complete-af6e0d464b"], environ={}).agents["agent1"]
    assert resilient.timeout == 30
    assert resilient.retry_policy is not None
    assert resilient.retry_policy.initial_delay == 1.0
    assert resilient.retry_policy.max_delay == 5.0

    sequential = load_config(CORPUS["complete-d241616cdd"], environ={}).orchestration
    assert sequential.sequential_agents == ["researcher", "writer", "reviewer"]

    parallel = load_config(CORPUS["partial-c08dc21755"], environ={}).orchestration
    assert parallel.mode == "collaborative"
    assert parallel.collaborative_agents == ["processor_1", "processor_2", "processor_3"]

    own = load_config(CORPUS["partial-93d323ef1f"], environ={})
    assert own.orchestration.timeout_seconds == 60
    assert own.llm_of("writer").temperature == 0.8

    breaker = load_config(CORPUS["partial-34587b7765"], environ={}).error_routing.circuit_breaker
    assert breaker is not None
    assert (breaker.failure_threshold, breaker.timeout, breaker.half_open_calls) == (10, 60, 3)

    azure = load_config(CORPUS["partial-fb53ff015b"], environ={}).llm
    assert azure.base_url == "https://your-resource.openai.azure.com/"
    assert azure.deployment == "gpt-4-deployment"


def test_a_switch_from_a_variable() -> None:
    """``enabled = "${DEBUG_MODE:-false}"`` follows the variable, and its default without it."""
    file = CORPUS["partial-cec767630d"]
    assert not load_config(file, environ={}).agents["debug_assistant"].enabled
    assert load_config(file, environ={"DEBUG_MODE": "true"}).agents["debug_assistant"].enabled

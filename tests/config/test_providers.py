"""The language model of an agent: its own table over [llm] over [providers]."""

from __future__ import annotations

from agentflow.config import Config

TEXT = """\
[agent_flow]
provider = "fallback"
[llm]
provider = "openai"
model = "big"
temperature = 0.7
api_key = "env:KEY"
[providers.openai]
base_url = "https://one/v1"
model = "unused"
[providers.ollama]
endpoint = "http://two:11434"
model = "small"
temperature = 0.1
[agents.usual]
[agents.other]
provider = "ollama"
[agents.own.llm]
model = "mine"
temperature = 0.0
"""


def test_an_agent_without_settings_has_the_global_ones() -> None:
    """[llm] says what holds, and the provider's table how to reach it."""
    llm = Config.from_toml(TEXT, environ={"KEY": "k"}).llm_of("usual")
    assert (llm.provider, llm.model, llm.temperature) == ("openai", "big", 0.7)
    assert llm.base_url == "https://one/v1"
    assert llm.api_key is not None
    assert llm.api_key.reveal() == "k"


def test_an_agents_own_settings_win() -> None:
    """Zero is a setting too."""
    llm = Config.from_toml(TEXT, environ={"KEY": "k"}).llm_of("own")
    assert (llm.provider, llm.model, llm.temperature) == ("openai", "mine", 0.0)


def test_another_provider_never_gets_the_key_or_model_of_the_first() -> None:
    """What belongs to one provider is not sent to another; how to answer is common."""
    llm = Config.from_toml(TEXT, environ={"KEY": "k"}).llm_of("other")
    assert (llm.provider, llm.model, llm.base_url) == ("ollama", "small", "http://two:11434")
    assert llm.temperature == 0.7
    assert llm.api_key is None


def test_an_agent_that_the_file_does_not_know_has_the_global_settings() -> None:
    """Agents registered in code can ask as well."""
    config = Config.from_toml(TEXT, environ={"KEY": "k"})
    assert config.llm_of("registered").model == "big"


def test_the_system_names_the_provider_when_llm_does_not() -> None:
    """[agent_flow] provider is the older place for it."""
    config = Config.from_toml("[agent_flow]\nprovider = 'azure'\n[providers.azure]\nmodel = 'm'\n")
    assert (config.llm_of("x").provider, config.llm_of("x").model) == ("azure", "m")


def test_equal_settings_are_equal() -> None:
    """Who keeps a connection can tell whether its settings changed."""
    config = Config.from_toml(TEXT, environ={"KEY": "k"})
    again = Config.from_toml(TEXT + "# more\n", environ={"KEY": "k"})
    assert config.llm_of("other") == again.llm_of("other")
    changed = Config.from_toml(TEXT, environ={"KEY": "l"})
    assert config.llm_of("usual") != changed.llm_of("usual")

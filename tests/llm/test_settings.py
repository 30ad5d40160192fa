"""Settings from configuration and environment."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from agentflow.llm import Settings, settings_from


class Secret:
    """As the configuration keeps a key."""

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value


def read(environ: dict[str, str] | None = None, **table: Any) -> Settings:
    return settings_from(SimpleNamespace(**table), environ or {})


def test_everything_in_the_table_is_taken() -> None:
    """Each field of the table arrives, the secret revealed, the timeout in seconds."""
    settings = read(
        provider="Azure-OpenAI",
        model="gpt-4o",
        base_url="https://example.org",
        api_key=Secret(" sk-1\n"),
        temperature=0.0,
        max_tokens=10,
        top_p=0.5,
        frequency_penalty=0.1,
        presence_penalty=0.2,
        timeout="1m30s",
        organization="org",
        api_version="2024-10-21",
        deployment="mine",
        max_connections=3,
    )
    assert settings == Settings(
        name="Azure-OpenAI",
        kind="azure_openai",
        model="gpt-4o",
        base_url="https://example.org",
        api_key="sk-1",
        temperature=0.0,
        max_tokens=10,
        top_p=0.5,
        frequency_penalty=0.1,
        presence_penalty=0.2,
        timeout=90.0,
        organization="org",
        api_version="2024-10-21",
        deployment="mine",
        max_connections=3,
    )


def test_defaults_are_the_providers_own() -> None:
    """A bare table gets the usual address, a minute, and leaves the rest to the provider."""
    assert read(provider="ollama") == Settings(
        name="ollama", kind="ollama", base_url="http://localhost:11434", timeout=60.0
    )
    assert read(provider="openai").base_url == "https://api.openai.com/v1"
    assert read(provider="anthropic").base_url == ""
    assert read({"OPENAI_BASE_URL": "http://a/v1"}, provider="openai").base_url == "http://a/v1"


@pytest.mark.parametrize(
    ("provider", "variable"),
    [
        ("openai", "OPENAI_API_KEY"),
        ("azure", "AZURE_OPENAI_API_KEY"),
        ("azure_openai", "AZURE_OPENAI_API_KEY"),
        ("groq", "GROQ_API_KEY"),
    ],
)
def test_key_comes_from_the_usual_variable(provider: str, variable: str) -> None:
    """Without a key in the table, each provider's own variable is read."""
    assert read({variable: "sk-2 "}, provider=provider).api_key == "sk-2"


def test_order_of_keys() -> None:
    """The table's key comes before its api_key_env, and that before the usual variable."""
    environ = {"OPENAI_API_KEY": "usual", "MY_KEY": "named"}
    assert read(environ, provider="openai", api_key="own", api_key_env="MY_KEY").api_key == "own"
    assert read(environ, provider="openai", api_key_env="MY_KEY").api_key == "named"
    assert read(environ, provider="openai", api_key=Secret("")).api_key == "usual"


def test_a_named_variable_that_is_unset_is_no_key() -> None:
    """When api_key_env names nothing, no other key is sent in its place."""
    environ = {"OPENAI_API_KEY": "usual"}
    assert read(environ, provider="openai", api_key_env="MY_KEY").api_key == ""


def test_azure_is_found_through_the_environment() -> None:
    """Endpoint and deployment come from the environment when the table has none."""
    environ = {
        "AZURE_OPENAI_ENDPOINT": "https://mine.openai.azure.com/",
        "AZURE_OPENAI_DEPLOYMENT": "gpt",
    }
    settings = read(environ, provider="azure")
    assert settings.base_url == "https://mine.openai.azure.com/"
    assert settings.deployment == "gpt"
    assert read(environ, provider="openai").deployment == ""


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("", "http://localhost:11434"),
        ("10.0.0.5", "http://10.0.0.5:11434"),
        ("10.0.0.5:80", "http://10.0.0.5:80"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        (":8080", "http://127.0.0.1:8080"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("[::1]", "http://[::1]:11434"),
        ("https://ollama.example.org", "https://ollama.example.org"),
    ],
)
def test_ollama_host_in_every_form(host: str, url: str) -> None:
    """OLLAMA_HOST may lack scheme, host or port, as for Ollama itself."""
    assert read({"OLLAMA_HOST": host}, provider="ollama").base_url == url


def test_repr_keeps_secrets() -> None:
    """Neither the key nor a password in the address is in the repr."""
    shown = repr(read(provider="ollama", api_key="sk-3", base_url="http://me:pw9@host:1/x"))
    assert "sk-3" not in shown
    assert "pw9" not in shown
    assert "'http://host:1/x'" in shown


def test_timeout_that_is_none_is_an_error() -> None:
    """A timeout that is no duration is refused."""
    with pytest.raises(ValueError, match="not a duration"):
        read(provider="mock", timeout="soon")

"""Secrets: usable, and shown nowhere."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from agentflow.config import Config, Secret, diff
from agentflow.config.secret import is_secret_key, without_password
from agentflow.errors import ConfigError

KEY = "sk-very-secret-0123"
TEXT = """\
[llm]
provider = "openai"
api_key = "env:KEY"
[providers.other]
api_key = "${KEY}"
[agents.a.llm]
api_key = "sk-very-secret-0123"
"""


def test_a_secret_shows_as_stars() -> None:
    """However a secret is turned into text, it is not shown."""
    secret = Secret(KEY)
    assert {str(secret), repr(secret), f"{secret}", f"{secret:s}"} == {"***"}
    with pytest.raises(TypeError):
        "".join([secret])  # type: ignore[list-item]
    with pytest.raises(TypeError):
        json.dumps(secret)
    assert secret.reveal() == KEY


def test_secrets_are_values() -> None:
    """Equal secrets are equal, an empty one is false, and copies are the same secret."""
    assert Secret("a") == Secret("a") != Secret("b")
    assert len({Secret("a"), Secret("a")}) == 1
    assert Secret("a") != "a"
    assert not Secret("")
    assert copy.deepcopy(Secret("a")) == pickle.loads(pickle.dumps(Secret("a"))) == Secret("a")


def test_a_configuration_shows_no_secret() -> None:
    """Neither its repr, nor its JSON, nor its warnings have the key."""
    config = Config.from_toml(TEXT, environ={"KEY": KEY})
    shown = repr(config) + config.model_dump_json() + "".join(map(str, config.problems))
    assert KEY not in shown
    for agent in ("a", "b"):
        key = config.llm_of(agent).api_key
        assert key is not None
        assert key.reveal() == KEY


def test_a_key_in_the_file_is_a_warning() -> None:
    """A secret that stands in the file is pointed out; one from a variable is not."""
    (warning,) = Config.from_toml(TEXT, environ={"KEY": KEY}).problems
    assert (warning.line, warning.suggestion) == (7, 'write "env:NAME" instead')


def test_a_changed_secret_is_a_change_without_the_secret() -> None:
    """The difference says that the key changed, and to neither what nor from what."""
    old = Config.from_toml(TEXT, environ={"KEY": "another"})
    new = Config.from_toml(TEXT, environ={"KEY": KEY})
    found = diff(old, new)
    assert [str(difference) for difference in found] == [
        "llm api_key changed",
        "provider other: api_key changed",
    ]
    assert {(d.old, d.new) for d in found} == {("***", "***")}


@pytest.mark.parametrize(
    "text",
    [
        f"[llm]\napi_key = ['{KEY}']\n",
        f"[llm]\napi_key_env = '{KEY}'\n",
        f"[llm]\napi_key = {KEY}\n",
        f"[llm]\nbase_url = 'ftp://me:{KEY}@host'\n",
        f"[llm]\napi_key = '{KEY}'\ntop_p = 7\n",
    ],
)
def test_a_refused_secret_is_not_shown(text: str) -> None:
    """A message about a key says what is wrong without the key."""
    with pytest.raises(ConfigError) as caught:
        Config.from_toml(text, environ={})
    assert KEY not in str(caught.value) + repr(caught.value.problems)


def test_a_refused_value_of_a_variable_is_not_shown() -> None:
    """What a variable holds may be a secret that went to the wrong key."""
    with pytest.raises(ConfigError) as caught:
        Config.from_toml("[llm]\ntop_p = '${KEY}'\n", environ={"KEY": KEY})
    assert KEY not in str(caught.value)
    assert "not the value of ${KEY}" in str(caught.value)


def test_keys_that_hold_secrets_are_known_by_name() -> None:
    """Names of variables and numbers of tokens are not secrets."""
    assert all(map(is_secret_key, ("api_key", "API_KEY", "db_password", "auth_token")))
    assert not any(map(is_secret_key, ("api_key_env", "max_tokens", "model", "tokens_per_minute")))


def test_a_password_in_an_address_is_masked() -> None:
    """An address may be shown, its user and password may not."""
    assert without_password("http://me:pw@host/x") == "http://***@host/x"
    assert without_password("http://host/@x") == "http://host/@x"

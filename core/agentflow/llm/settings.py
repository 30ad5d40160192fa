"""What a provider is to be asked, and how: configuration and environment in one value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from agentflow.durations import parse_duration

OPENAI_URL = "https://api.openai.com/v1"
OLLAMA_URL = "http://localhost:11434"
OLLAMA_PORT = 11434
AZURE_KINDS = frozenset({"azure", "azure_openai"})
DEFAULT_TIMEOUT = 60.0
"""Seconds for one whole answer."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach a provider and what to ask of it.

    ``name`` is what errors call it, ``kind`` what protocol it speaks. ``timeout`` is in
    seconds and holds for the whole answer: streaming, and waiting for one of the
    ``max_connections`` (100 unless given), included. None leaves a value to the
    provider. The key is left out of the repr.
    """

    name: str
    kind: str
    model: str = ""
    base_url: str = ""
    api_key: str = ""
    temperature: float | None = None
    max_tokens: int | None = None
    top_p: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    organization: str = ""
    api_version: str = ""
    deployment: str = ""
    timeout: float = DEFAULT_TIMEOUT
    max_connections: int | None = None

    def __repr__(self) -> str:
        shown = ", ".join(
            f"{field}={getattr(self, field)!r}"
            for field in self.__struct_fields__
            if field not in ("api_key", "base_url")
        )
        return f"Settings({shown}, base_url={without_password(self.base_url)!r})"


def settings_from(config_llm: Any, environ: Mapping[str, str]) -> Settings:
    """Settings from an ``[llm]`` table of the configuration and the environment.

    The table wins. Where it is silent, the key comes from the variable that
    ``api_key_env`` names, else from the provider's usual one (``OPENAI_API_KEY``,
    ``AZURE_OPENAI_API_KEY``, ``GROQ_API_KEY``, …); the address from
    ``AZURE_OPENAI_ENDPOINT``, ``OPENAI_BASE_URL`` or ``OLLAMA_HOST``, the deployment
    from ``AZURE_OPENAI_DEPLOYMENT``. Raises ValueError when ``timeout`` is no duration.
    """

    def given(field: str) -> Any:
        return getattr(config_llm, field, None)

    def text(field: str) -> str:
        return str(given(field) or "").strip()

    provider = text("provider")
    kind = provider.lower().replace("-", "_")
    return Settings(
        name=text("name") or provider or "llm",
        kind=kind,
        model=text("model"),
        base_url=text("base_url") or _usual_url(kind, environ),
        api_key=_key(config_llm, kind, environ),
        temperature=given("temperature"),
        max_tokens=given("max_tokens"),
        top_p=given("top_p"),
        frequency_penalty=given("frequency_penalty"),
        presence_penalty=given("presence_penalty"),
        organization=text("organization"),
        api_version=text("api_version"),
        deployment=text("deployment") or _usual_deployment(kind, environ),
        timeout=parse_duration(given("timeout") or DEFAULT_TIMEOUT),
        max_connections=given("max_connections"),
    )


def key_variable(kind: str) -> str:
    """The environment variable that usually holds the key of a provider of ``kind``."""
    return "AZURE_OPENAI_API_KEY" if kind in AZURE_KINDS else f"{kind.upper()}_API_KEY"


def without_password(url: str) -> str:
    """``url`` without the user and password that may stand before its host."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(unreadable)"
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _key(config_llm: Any, kind: str, environ: Mapping[str, str]) -> str:
    secret = getattr(config_llm, "api_key", None)
    if secret is not None:
        value = secret if isinstance(secret, str) else secret.reveal()
        if value and value.strip():
            return str(value).strip()
    variable = getattr(config_llm, "api_key_env", None) or key_variable(kind)
    return environ.get(variable, "").strip()


def _usual_deployment(kind: str, environ: Mapping[str, str]) -> str:
    return environ.get("AZURE_OPENAI_DEPLOYMENT", "").strip() if kind in AZURE_KINDS else ""


def _usual_url(kind: str, environ: Mapping[str, str]) -> str:
    if kind == "openai":
        return environ.get("OPENAI_BASE_URL", "").strip() or OPENAI_URL
    if kind == "ollama":
        return _ollama_url(environ.get("OLLAMA_HOST", "").strip())
    if kind in AZURE_KINDS:
        return environ.get("AZURE_OPENAI_ENDPOINT", "").strip()
    return ""


def _ollama_url(host: str) -> str:
    """The address that OLLAMA_HOST means: it may lack the scheme, the port or the host."""
    if not host:
        return OLLAMA_URL
    if "://" in host:
        return host
    name, colon, port = host.rpartition(":")
    if not colon or not port.isdigit():
        name, port = host, str(OLLAMA_PORT)
    if name in ("", "0.0.0.0"):
        name = "127.0.0.1"  # where a server that listens everywhere can be reached
    return f"http://{name}:{port}"

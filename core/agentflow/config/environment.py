"""Settings from environment variables, and references to variables inside values.

- ``AGENTFLOW_LLM_MODEL``: section and key; so for every section of the schema
- ``AGENTFLOW_AGENT_<NAME>_MODEL``: a key of one agent; the name in capitals, with ``_`` for
  everything that is neither letter nor digit
- ``"env:NAME"`` as a whole value, and ``"${NAME}"`` or ``"${NAME:-default}"`` anywhere in one
- ``ENVIRONMENT=production`` lays ``agentflow.production.toml`` over ``agentflow.toml``
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path as FilePath
from typing import Any

from agentflow.config.agents import AgentConfig
from agentflow.config.canonical import canonicalise, kind_of
from agentflow.config.config import Config
from agentflow.config.layers import Layer, Merged
from agentflow.config.positions import Path
from agentflow.config.problems import did_you_mean
from agentflow.config.secret import is_secret_key
from agentflow.config.section import Section
from agentflow.config.values import Loose, Milliseconds

PREFIX = "AGENTFLOW_"
AGENT_PREFIX = "AGENTFLOW_AGENT_"
FREE_TEXT = frozenset({"system_prompt", "description", "when", "metadata", "console", "pattern"})
"""Keys whose text is taken as it stands, even when it looks like a reference."""

NAMED_BY_USERS: tuple[Path, ...] = (("agents",), ("providers",))
"""Tables whose keys are names that people chose."""

_REFERENCE = re.compile(r"\$\{([A-Za-z_]\w*)(?::-([^}]*))?\}")
_WHOLE = re.compile(r"env:([A-Za-z_]\w*)")


def overlay_path(path: str, environ: Mapping[str, str]) -> str | None:
    """The file that ``ENVIRONMENT`` lays over ``path``; None without that variable.

    A value that is not a plain name is no environment: it can't lead to another folder.
    """
    name = environ.get("ENVIRONMENT", "").strip()
    if not re.fullmatch(r"[A-Za-z0-9][\w-]*", name):
        return None
    file = FilePath(path)
    return str(file.with_name(f"{file.stem}.{name}{file.suffix}"))


def environment_layer(environ: Mapping[str, str], agents: Iterable[str]) -> Layer:
    """What the variables say, for a configuration that has these agents."""
    raw: dict[str, Any] = {}
    names: dict[Path, str] = {}
    unknown: list[tuple[str, str]] = []
    agents = list(agents)
    for variable, text in sorted(environ.items()):
        if not variable.startswith(PREFIX) or not text:
            continue
        paths, suggestion = _paths_of(variable, agents)
        if paths is None:
            unknown.append((variable, suggestion))
        for path in paths or ():
            table = raw
            for key in path[:-1]:
                table = table.setdefault(key, {})
            table[path[-1]] = Loose(text, f"the value of {variable}")
            names[path] = variable
    layer = canonicalise(raw, Layer("environment", names=names))
    layer.problems += [
        Layer("environment", names={(variable,): variable}).problem(
            (variable,), "is not a setting, not acted on", suggestion, "warning"
        )
        for variable, suggestion in unknown
    ]
    return layer


def _paths_of(variable: str, agents: list[str]) -> tuple[list[tuple[str, ...]] | None, str]:
    """The keys that a variable sets (none when it is not about settings), or a suggestion."""
    rest = variable.removeprefix(PREFIX).lower()
    if variable.startswith(AGENT_PREFIX) and not rest.startswith("agent_flow_"):
        about = variable.removeprefix(AGENT_PREFIX).lower()
        owners = [agent for agent in agents if about.startswith(f"{_fold(agent)}_")]
        if not owners:
            return None, "no agent of the file has this name"
        longest = max(len(_fold(agent)) for agent in owners)
        tail = about[longest + 1 :]
        key = _key_path(tail, AgentConfig)
        if key is None:
            return None, did_you_mean(tail, _keys(AgentConfig))
        return [("agents", a, *key) for a in owners if len(_fold(a)) == longest], ""
    for section, field in Config.model_fields.items():
        kind = kind_of(field.annotation)
        if kind and kind[0] == "one" and rest.startswith(f"{section}_"):
            tail = rest.removeprefix(f"{section}_")
            key = _key_path(tail, kind[1])
            return ([(section, *key)], "") if key else (None, did_you_mean(tail, _keys(kind[1])))
    return [], ""


def _key_path(tail: str, model: type[Section]) -> tuple[str, ...] | None:
    """``llm_model`` as ``("llm", "model")`` where the model has such a table."""
    if tail in _keys(model):
        return (tail,)
    for name, field in model.model_fields.items():
        kind = kind_of(field.annotation)
        if kind and kind[0] == "one" and tail.startswith(f"{name}_"):
            below = _key_path(tail.removeprefix(f"{name}_"), kind[1])
            if below:
                return (name, *below)
    return None


def _keys(model: type[Section]) -> list[str]:
    return [*model.model_fields, *model.spellings]


def _fold(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "_", name.lower())


def resolve_references(merged: Merged, environ: Mapping[str, str]) -> None:
    """Replaces references to variables in all values.

    A variable that is not set is an error; for a secret it is a warning and the key is left
    out, since a configuration can be checked, and run with another provider, without its keys.
    """
    _resolve(merged, merged.data, (), environ)


def _resolve(merged: Merged, table: Any, at: Path, environ: Mapping[str, str]) -> None:
    items = list(table.items() if isinstance(table, dict) else enumerate(table))
    for key, value in items:
        path = (*at, key)
        if key in FREE_TEXT and at not in NAMED_BY_USERS:
            continue
        if isinstance(value, (dict, list)):
            _resolve(merged, value, path, environ)
            continue
        written = value.value if isinstance(value, Milliseconds) else value
        if isinstance(written, str):
            text, missing = expand(written, environ)
            if missing:
                secret = is_secret_key(str(key))
                merged.report(
                    path,
                    f"environment variable {missing} is not set",
                    f"set it, or write ${{{missing}:-default}}" if not secret else "set it",
                    "warning" if secret else "error",
                )
                if isinstance(table, dict):
                    del table[key]
            elif text != written:
                shown = written if written.isprintable() else repr(written)
                loose = Loose(text, f"the value of {shown}")
                table[key] = Milliseconds(loose) if written is not value else loose


def expand(value: str, environ: Mapping[str, str]) -> tuple[str, str]:
    """``value`` with its references replaced, and the first variable that is not set, if any."""
    if whole := _WHOLE.fullmatch(value):
        return environ.get(whole[1], ""), "" if environ.get(whole[1]) else whole[1]
    missing = ""

    def replace(match: re.Match[str]) -> str:
        nonlocal missing
        found = environ.get(match[1]) or match[2]
        if found is None:
            missing = missing or match[1]
            return ""
        return found

    return _REFERENCE.sub(replace, value), missing

"""Reading a configuration: every source, every problem at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from agentflow.config.canonical import canonicalise
from agentflow.config.checks import check
from agentflow.config.config import DEFAULT_PATH, Config
from agentflow.config.environment import environment_layer, overlay_path, resolve_references
from agentflow.config.layers import Layer, Merged
from agentflow.config.positions import Place, split_key
from agentflow.config.problems import Problem
from agentflow.config.refusals import report_refusals
from agentflow.config.syntax import MAX_SIZE, parse, too_big
from agentflow.config.values import Loose
from agentflow.errors import ConfigError

Overlay = tuple[str, str]
"""Path and text of the file that is laid over the main one."""


def read(
    text: str,
    path: str = DEFAULT_PATH,
    *,
    overlay: Overlay | None = None,
    overrides: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Config:
    """The configuration in ``text``; see ``Config.from_toml``. Raises ConfigError."""
    config, problems = examine(text, path, overlay, overrides or {}, environ)
    if config is None or any(problem.severity == "error" for problem in problems):
        raise ConfigError(problems)
    return config


def load_config(
    path: str | FilePath = DEFAULT_PATH,
    *,
    overrides: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Config:
    """The configuration in a file, and in the file that ``ENVIRONMENT`` lays over it.

    ``overrides`` maps dotted keys to values and wins over everything (None: not given);
    ``environ`` is the environment (None: that of the process).
    Raises ConfigError, with every problem found, when one of them is an error.
    """
    environ = os.environ if environ is None else environ
    text = read_text(path)
    if isinstance(text, Problem):
        raise ConfigError([text])
    over = overlay_path(str(path), environ)
    if over is None or not FilePath(over).exists():
        return read(text, str(path), overrides=overrides, environ=environ)
    over_text = read_text(over)
    if isinstance(over_text, Problem):
        raise ConfigError([over_text])
    overlay = (over, over_text)
    return read(text, str(path), overlay=overlay, overrides=overrides, environ=environ)


def check_config(
    path: str | FilePath = DEFAULT_PATH, *, environ: Mapping[str, str] | None = None
) -> list[Problem]:
    """Everything wrong with a file, errors and warnings in the order of the file. Never raises."""
    try:
        return load_config(path, environ=environ).problems
    except ConfigError as error:
        return error.problems


def reread(config: Config, text: str, values: Mapping[str, Any]) -> Config:
    """``config`` with another text and more overrides, checked. Raises ConfigError."""
    made_in_code = config._environ is None
    if made_in_code and not text:
        return _override_made_in_code(config, values)
    return read(
        text,
        config.path,
        overlay=config._overlay,
        overrides={**config._overrides, **values},
        environ=config._environ,
    )


def place_of(config: Config, key: str) -> Place:
    """Where the file writes a dotted key, under whatever spelling; 0, 0 when made in code."""
    parsed = parse(config.text, config.path) if config.text else None
    if parsed is None or isinstance(parsed, Problem):
        return Place(0, 0)
    layer = canonicalise(parsed[0], Layer(config.path, parsed[1]))
    return parsed[1].find(layer.written_path(split_key(key)))


def read_text(path: str | FilePath) -> str | Problem:
    """The text of a file, or why it cannot be read."""
    file = str(path)
    try:
        with FilePath(path).open("rb") as stream:  # never all of it: it may be endless
            data = stream.read(MAX_SIZE + 1)
    except FileNotFoundError:
        return Problem(file, 0, 0, "", "the file does not exist")
    except IsADirectoryError:
        return Problem(file, 0, 0, "", "is a directory, not a file")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return Problem(file, 0, 0, "", f"cannot be read: {reason}")
    if len(data) > MAX_SIZE:
        return too_big(file)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        start = data.rfind(b"\n", 0, error.start) + 1
        column = len(data[start : error.start].decode("utf-8", "replace")) + 1
        return Problem(file, line, column, "", "is not UTF-8 text", "save the file as UTF-8")


def examine(
    text: str,
    path: str,
    overlay: Overlay | None,
    overrides: Mapping[str, Any],
    environ: Mapping[str, str] | None,
) -> tuple[Config | None, list[Problem]]:
    """The configuration as far as it can be made, and everything wrong with it."""
    environ = dict(os.environ if environ is None else environ)
    layers: list[Layer] = []
    broken: list[Problem] = []
    for source, source_text in [(path, text), *([overlay] if overlay else [])]:
        parsed = parse(source_text, source)
        if isinstance(parsed, Problem):
            broken.append(parsed)
        else:
            layers.append(canonicalise(parsed[0], Layer(source, parsed[1])))
    if broken:
        return None, broken
    agents = dict.fromkeys(name for layer in layers for name in _names(layer.data.get("agents")))
    layers += [environment_layer(environ, agents), override_layer(overrides)]
    merged = Merged(layers)
    _flags_for_all_agents(merged)
    resolve_references(merged, environ)
    config = build(merged)
    if config is not None:
        check(config, merged)
        problems = tuple(sorted(merged.problems, key=_order(layers)))
        return config._with_source(text, path, problems, overlay, overrides, environ), [*problems]
    return None, sorted(merged.problems, key=_order(layers))


def override_layer(values: Mapping[str, Any]) -> Layer:
    """What the command line says; a value of None was not given."""
    raw: dict[str, Any] = {}
    for dotted, value in values.items():
        if value is None:
            continue
        *tables, key = split_key(dotted)
        table = raw
        for name in tables:
            below = table.setdefault(name, {})
            table = below if isinstance(below, dict) else {}
        table[key] = Loose(value, repr(value)) if isinstance(value, str) else value
    return canonicalise(raw, Layer("command line"))


def build(merged: Merged) -> Config | None:
    """The model, without the values that it refuses; those are reported."""
    for _ in range(3):
        try:
            return Config.model_validate(merged.data)
        except ValidationError as error:
            report_refusals(error, merged)
    return None


def _override_made_in_code(config: Config, values: Mapping[str, Any]) -> Config:
    layer = Layer(config.path)
    layer.data = config.model_dump(exclude_unset=True)
    merged = Merged([layer, override_layer(values)])
    _flags_for_all_agents(merged)
    made = build(merged)
    if made is not None:
        check(made, merged)
    if made is None or any(problem.severity == "error" for problem in merged.problems):
        raise ConfigError(merged.problems)
    return made._with_source("", config.path, tuple(merged.problems), None, {}, None)


def _flags_for_all_agents(merged: Merged) -> None:
    """A flag about [llm] holds for every agent: none has a value of its own there then."""
    flags = merged.layers[-1].data.get("llm")
    agents = merged.data.get("agents")
    for agent in agents.values() if isinstance(agents, dict) else ():
        own = agent.get("llm") if isinstance(agent, dict) else None
        if isinstance(own, dict) and isinstance(flags, dict):
            agent["llm"] = {key: value for key, value in own.items() if key not in flags}


def _names(table: Any) -> list[str]:
    return list(table) if isinstance(table, dict) else []


def _order(layers: list[Layer]) -> Any:
    ranks = {layer.path: rank for rank, layer in enumerate(layers)}
    return lambda problem: (ranks.get(problem.path, 0), problem.line, problem.column)

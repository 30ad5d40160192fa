"""Inspecting: what can be said of a configuration without running it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from agentflow.config import Config, Problem, load_config
from agentflow.diagram import mermaid
from agentflow.errors import ConfigError
from agentflow_console.arguments import UsageError
from agentflow_console.host_options import HostOptions
from agentflow_console.text import safe


def validate(files: list[str]) -> int:
    """Print every problem of each file and a line of summary. 0 if none is an error, else 1."""
    return max(_validate(file) for file in files)


def _validate(file: str) -> int:
    try:
        config = load_config(file)
    except ConfigError as error:
        problems, what = error.problems, "can't run"
    else:
        problems, what = config.problems, _describe(config)
    for problem in problems:
        print(safe(str(problem)))
    found = [_count(problems, severity) for severity in ("error", "warning")]
    print(f"{file}: {what}; {' and '.join(found)}")
    return int(what == "can't run")


def _describe(config: Config) -> str:
    agents = len(config.enabled_agents)
    return f"ok, {config.orchestration.mode} mode with {agents} agent{'s'[: agents != 1]}"


def _count(problems: list[Problem], severity: str) -> str:
    number = sum(problem.severity == severity for problem in problems)
    return f"{number or 'no'} {severity}{'s'[: number != 1]}"


def diagram(file: str) -> int:
    """Print the orchestration as Mermaid. Raises UsageError if the file can't be read as one."""
    try:
        config = load_config(file)
    except ConfigError as error:
        raise UsageError(f"the configuration can't be drawn:\n{error}") from error
    sys.stdout.write(mermaid(config))
    return 0


def write_diagram(options: HostOptions, folder: str) -> Path:
    """Write the diagram of what is about to run into ``folder``, and give its path.

    Raises UsageError if the configuration is wrong or the file can't be written.
    """
    try:
        config = load_config(options.path, overrides=options.overrides)
    except ConfigError as error:
        raise UsageError(f"the configuration can't be drawn:\n{error}") from error
    name = re.sub(r"[^\w.-]+", "-", config.agent_flow.name).strip("-.") or Path(options.path).stem
    path = Path(folder or ".") / f"{name}.mmd"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(mermaid(config), "utf-8")
    except OSError as error:
        raise UsageError(f"the diagram can't be written to {path}: {error.strerror}") from error
    return path

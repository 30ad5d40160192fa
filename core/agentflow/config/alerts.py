"""Alerts: what an operator wants to be told, when, and how."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from agentflow.config.metric_names import COUNT, SHARE, SIZE, TIME, canonical
from agentflow.config.problems import did_you_mean
from agentflow.config.section import Section, Spelling, same, setting
from agentflow.config.values import (
    Delay,
    Duration,
    Name,
    Positive,
    Switch,
    Words,
    Wrong,
    choice,
    filled,
    text,
)
from agentflow.durations import parse_duration
from agentflow.filters import Filter

PLACEHOLDERS = ("name", "state", "metric", "value", "limit", "severity", "text")
"""What a command may ask for as {NAME}; each stays within its one argument."""

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*(%|[kKMGT]i?B|B)")
_SIZES = {
    "B": 1.0, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
    "kiB": 2.0**10, "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30, "TiB": 2.0**40,
}  # fmt: skip


def amount(written: str | float) -> tuple[float, str]:
    """A threshold as a number and its unit, COUNT where none is written. Raises ValueError."""
    if isinstance(written, bool) or not isinstance(written, (str, int, float)):
        raise ValueError("not an amount")
    if not isinstance(written, str):
        number, unit = float(written), COUNT
    elif found := _AMOUNT.fullmatch(written.strip()):
        number = float(found[1])
        unit = SHARE if found[2] == "%" else SIZE
        number = number / 100 if unit == SHARE else number * _SIZES[found[2]]
    else:
        try:
            number, unit = float(written), COUNT
        except ValueError:
            number, unit = parse_duration(written), TIME
    if not -1e15 < number < 1e15:
        raise ValueError("out of range")
    return number, unit


def _threshold(value: Any) -> str | float:
    amount(value)
    return str(value) if isinstance(value, str) else float(value)


def _filter(value: Any) -> str:
    found = Filter.parse(filled(value))
    if found.error:
        raise Wrong(f"can't be read: {found.error}")
    if found.empty:
        raise ValueError("empty")
    return found.text


def _command(value: Any) -> str:
    line = filled(value)
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise Wrong(f"is no command line: {str(error).lower()}") from None
    if not words or "\0" in line:
        raise ValueError("empty")
    if _PLACEHOLDER.search(words[0]):
        raise Wrong("must begin with a program, not with what is filled in")
    for name in (found for word in words for found in _PLACEHOLDER.findall(word)):
        if name not in PLACEHOLDERS:
            known = ", ".join(f"{{{one}}}" for one in PLACEHOLDERS)
            hint = did_you_mean(name, PLACEHOLDERS)
            raise Wrong(f"asks for {{{name}}}, which is not there", hint or f"there are {known}")
    return line


MetricName = Annotated[
    str, BeforeValidator(lambda value: canonical(filled(value))), Words("a metric's name in quotes")
]
Threshold = Annotated[
    str | float,
    BeforeValidator(_threshold),
    Words('a number, or text such as "500ms", "5%" or "1GB"'),
]
FilterText = Annotated[str, BeforeValidator(_filter), Words("a filter in quotes")]
CommandLine = Annotated[str, BeforeValidator(_command), Words("a command line in quotes")]
Importance = Annotated[
    Literal["info", "warning", "critical"],
    BeforeValidator(
        choice(("info", "warning", "critical"), {"notice": "info", "error": "critical"})
    ),
]


class AlertConfig(Section):
    """One rule: a metric beyond a threshold, or events that a filter lets through."""

    name: Name = Field(description="What the alert is called.")
    metric: MetricName | None = setting(None, "The number that is watched.")
    above: Threshold | None = setting(None, "It is raised when the number is higher.")
    below: Threshold | None = setting(None, "It is raised when the number is lower.")
    filter: FilterText | None = setting(None, "Ended events that count, as in the filter line.")
    count: Positive = setting(1, "How many of them raise it.")
    within: Duration = setting(60.0, "Seconds within which they count.")
    lasting: Delay = setting(0.0, "Seconds that it must last until it is raised; written as for.")
    bell: Switch = setting(False, "Whether the terminal's bell rings at each transition.")
    run: CommandLine | None = setting(None, "A command that is run at each transition.")
    severity: Importance = setting("warning", "info, warning or critical.")

    spellings: ClassVar[Mapping[str, Spelling]] = {"for": same("lasting"), "command": same("run")}


class ConsoleConfig(Section):
    """Settings of the console."""

    ask_why: Switch = setting(False, "Whether operators are asked why they change something.")
    alerts: list[AlertConfig] = setting([], "What an operator wants to be told.")


def program_line(line: str, values: Mapping[str, str]) -> list[str]:
    """The command with its placeholders filled in, word by word: no shell ever sees it."""
    return [
        _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), word).replace("\0", "")
        for word in shlex.split(text(line))
    ]

"""Choices: where each agent's outputs come from in a what-if run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

RECORDED, RERUN, MOCK, MISSING = "recorded", "rerun", "mock", "missing"
SOURCES = (RECORDED, RERUN, MOCK)
"""Where outputs may be taken from."""
AT_MISSING = ("fail", MOCK, RERUN)
"""What may happen to a run that the recording says nothing about."""


class ChoiceError(ValueError):
    """A choice that can't be followed. The message is one clear sentence."""


@dataclass(frozen=True, slots=True)
class Choices:
    """``default`` holds for every agent that ``agents`` doesn't name.

    recorded takes what the recording has, rerun runs the real handler (with its side
    effects), mock makes up an answer without a network; ``mocks`` are given answers.
    ``missing`` is what happens where nothing is recorded: fail, mock or rerun.
    """

    default: str = RECORDED
    missing: str = "fail"
    agents: Mapping[str, str] = field(default_factory=dict)
    mocks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def of(self, agent: str) -> str:
        """recorded, rerun or mock."""
        return self.agents.get(agent, self.default)

    @property
    def runs_code(self) -> bool:
        """Whether a real handler may run."""
        return RERUN in (self.default, self.missing) or RERUN in self.agents.values()


def choices_from(agents: Iterable[str], default: str = RECORDED, missing: str = "fail") -> Choices:
    """Choices as people write them: ``NAME=recorded``, ``NAME=rerun``, ``NAME=mock`` or
    ``NAME={"score": 3}``. Raises ChoiceError.
    """
    if default not in SOURCES:
        raise ChoiceError(f"{default!r} is not one of {', '.join(SOURCES)}")
    if missing not in AT_MISSING:
        raise ChoiceError(f"{missing!r} is not one of {', '.join(AT_MISSING)}")
    chosen: dict[str, str] = {}
    mocks: dict[str, Mapping[str, Any]] = {}
    for text in agents:
        name, equals, word = (part.strip() for part in text.partition("="))
        if not name or not equals:
            raise ChoiceError(f"{text!r} is not NAME=recorded, NAME=rerun or NAME=mock")
        if word.startswith("{"):
            mocks[name] = _given(name, word)
            word = MOCK
        if word not in SOURCES:
            raise ChoiceError(
                f"{word!r} is not a source for {name!r}: recorded, rerun, mock or a JSON object"
            )
        chosen[name] = word
    return Choices(default, missing, chosen, mocks)


def _given(name: str, text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ChoiceError(f"the answer given for {name!r} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ChoiceError(f"the answer given for {name!r} must be a JSON object")
    return value

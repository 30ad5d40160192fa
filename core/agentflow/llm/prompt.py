"""What an LLM agent tells its model: the event and what earlier agents made of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from agentflow.event import Event
from agentflow.llm.provider import Message
from agentflow.state import State

TEXT_KEYS = ("message", "prompt", "query", "input", "text", "content", "task")
"""Where events usually carry their question; the first one there is comes first."""
MAX_PART = 8_000
"""How many characters of one value are shown to the model."""
MAX_PROMPT = 32_000
"""How many characters of input and earlier answers are shown in all."""

_MARKS = frozenset({"loop_complete", "loop_completed"})


def build_messages(system_prompt: str, event: Event, state: State) -> list[Message]:
    """The conversation for one run.

    The user's message has the question of the event (the first of TEXT_KEYS), the rest
    of its data as JSON, then what the state holds beyond the data, under the keys of
    the agents that put it there. In a loop its last line is ``iteration: N``. Long
    values are cut, and the oldest answers left out, within MAX_PART and MAX_PROMPT.
    """
    parts = _input(event.data)
    room = MAX_PROMPT - sum(map(len, parts))
    parts += _newest(_earlier(event.data, state), room)
    iteration = state.meta.get("loop_iteration")
    if iteration:
        parts.append(
            "When nothing is left to improve, end with a line that says LOOP_COMPLETE.\n"
            f"iteration: {iteration}"
        )
    user = Message("user", _unicode("\n\n".join(parts) or "(no input)"))
    if not system_prompt:
        return [user]
    return [Message("system", _unicode(system_prompt)), user]


def _input(data: Mapping[str, Any]) -> list[str]:
    question = next((key for key in TEXT_KEYS if data.get(key)), None)
    rest = {key: value for key, value in data.items() if key != question}
    parts = [] if question is None else [_clip(_text(data[question]))]
    if rest:
        parts.append(_clip(_text(rest)))
    return parts


def _earlier(data: Mapping[str, Any], state: State) -> list[str]:
    """What the state holds that the event did not say, oldest first."""
    shown = {key: _text(value) for key, value in state.items() if key not in _MARKS}
    fresh = {
        key: text for key, text in shown.items() if key not in data or text != _text(data[key])
    }
    response = fresh.pop("response", None)
    if response is not None and response not in fresh.values():
        fresh["response"] = response  # a handler's answer, under no name of its own
    return [f"[{key}]\n{_clip(text)}" for key, text in fresh.items()]


def _newest(sections: list[str], room: int) -> list[str]:
    kept: list[str] = []
    for section in reversed(sections):
        room -= len(section)
        if room < 0:
            kept.append("(earlier answers are left out)")
            break
        kept.append(section)
    return kept[::-1]


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError, RecursionError):
        return str(value)


def _clip(text: str) -> str:
    cut = len(text) - MAX_PART
    return text if cut <= 0 else f"{text[:MAX_PART]}… ({cut:,} characters left out)"


def _unicode(text: str) -> str:
    """``text`` without halves of surrogate pairs, which no request can carry."""
    return text.encode("utf-8", "replace").decode()

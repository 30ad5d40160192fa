"""What the model is told."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from agentflow.event import Event
from agentflow.llm.prompt import MAX_PART, MAX_PROMPT, TEXT_KEYS, build_messages
from agentflow.state import State


def told(data: dict[str, Any], state: dict[str, Any] | None = None, **meta: str) -> str:
    """The user's message for an event with this data, and this state so far."""
    return build_messages("", Event("a", data), State({**data, **(state or {})}, meta))[-1].content


@pytest.mark.parametrize("key", TEXT_KEYS)
def test_question_comes_first_as_text(key: str) -> None:
    """Under any of its usual keys the question leads, the rest follows as JSON."""
    assert told({"n": 1, key: "Why?", "tags": ["a", "é"]}) == 'Why?\n\n{"n": 1, "tags": ["a", "é"]}'


def test_data_without_a_question_is_json() -> None:
    """Data with none of the usual keys is JSON alone."""
    assert json.loads(told({"module": "ast", "size": 3})) == {"module": "ast", "size": 3}


def test_question_that_is_no_text_is_json() -> None:
    """A list under a usual key is shown as JSON."""
    assert told({"input": [1, 2]}) == "[1, 2]"


def test_earlier_answers_are_included() -> None:
    """What agents put into the state is told under their names, in their order."""
    text = told({"message": "Go"}, {"researcher": "Facts.", "scores": {"x": 1}})
    assert text == 'Go\n\n[researcher]\nFacts.\n\n[scores]\n{"x": 1}'


def test_nothing_is_told_twice() -> None:
    """Data that is in the state unchanged, and the last answer's copy, are left out."""
    text = told({"message": "Go"}, {"writer": "Draft", "response": "Draft"})
    assert text == "Go\n\n[writer]\nDraft"


def test_answer_under_no_name_is_included() -> None:
    """A response that no agent's key repeats is told, and data that was changed."""
    text = told({"message": "Go"}, {"message": "Go on", "response": "Done"})
    assert text == "Go\n\n[message]\nGo on\n\n[response]\nDone"


def test_iteration_is_the_last_line() -> None:
    """In a loop the model hears how to end it, and its last line is the iteration."""
    text = told({"message": "Go"}, {"loop_complete": False}, loop_iteration="3")
    assert text.splitlines()[-1] == "iteration: 3"
    assert "LOOP_COMPLETE" in text
    assert "loop_complete" not in text


def test_system_prompt_is_a_message_of_its_own() -> None:
    """The system prompt comes first; without one there is only the user's message."""
    messages = build_messages("Be kind.", Event("a", {"text": "Hi"}), State())
    assert [(message.role, message.content) for message in messages] == [
        ("system", "Be kind."),
        ("user", "Hi"),
    ]
    assert [message.role for message in build_messages("", Event("a"), State())] == ["user"]


def test_no_input_is_said() -> None:
    """An event without data still makes a message with something in it."""
    assert told({}) == "(no input)"


def test_long_values_are_cut() -> None:
    """A megabyte of text is cut to its beginning, and the model is told so."""
    text = told({"message": "x" * 1_000_000})
    assert len(text) < MAX_PART + 100
    assert text.endswith("… (992,000 characters left out)")


def test_whole_prompt_is_bounded_and_keeps_the_newest() -> None:
    """With many long answers the oldest are left out, and the last line stays last."""
    answers = {f"agent{number}": f"{number} " + "y" * 5000 for number in range(40)}
    text = told({"message": "Go"}, answers, loop_iteration="2")
    assert len(text) < MAX_PROMPT + 500
    assert "[agent39]" in text
    assert "[agent0]" not in text
    assert "(earlier answers are left out)" in text
    assert text.endswith("iteration: 2")


def test_any_object_can_be_told() -> None:
    """Values that JSON does not know, cycles and keys that are no text are shown somehow."""
    cycle: list[Any] = []
    cycle.append(cycle)
    state = State.wrap({"day": date(2026, 1, 31), "cycle": cycle, "odd": {(1, 2): 3}}, {})
    text = build_messages("", Event("a"), state)[0].content
    assert "2026-01-31" in text
    assert "[[...]]" in text
    assert "{(1, 2): 3}" in text


def test_half_characters_do_not_reach_the_request() -> None:
    """A lone half of a surrogate pair, which UTF-8 cannot hold, is replaced."""
    for message in build_messages("a\ud83d", Event("a", {"text": "b\ud83d"}), State()):
        assert message.content.encode()[1:] == b"?"

"""The marks at the end of an answer."""

from __future__ import annotations

import pytest

from agentflow.llm.reply import Reply, read_reply


@pytest.mark.parametrize(
    ("answer", "reply"),
    [
        ("Just text.\n", Reply("Just text.")),
        ("", Reply("")),
        ("Text.\n\nROUTE: editor", Reply("Text.", route="editor")),
        ("ROUTE:editor-2.b", Reply("", route="editor-2.b")),
        ("Text.\n LOOP_COMPLETE \n", Reply("Text.", complete=True)),
        ("Text.\nLOOP_COMPLETE\nROUTE: a", Reply("Text.", "a", True)),
        ("Text.\nROUTE: a\nLOOP_COMPLETE", Reply("Text.", "a", True)),
        ("Text.\nROUTE: a\nROUTE: b", Reply("Text.\nROUTE: a", "b")),
        ("LOOP_COMPLETE is what I would say", Reply("LOOP_COMPLETE is what I would say")),
        ("ROUTE: a\nThen more.", Reply("ROUTE: a\nThen more.")),
        ("ROUTE: two words", Reply("ROUTE: two words")),
        ("ROUTE:", Reply("ROUTE:")),
        ("loop_complete", Reply("loop_complete")),
    ],
)
def test_marks_are_read_at_the_end_only(answer: str, reply: Reply) -> None:
    """Marks count as the last lines, in any order, once each, and are taken off."""
    assert read_reply(answer) == reply


@pytest.mark.parametrize(
    ("answer", "complete"),
    [
        ('{"loop_complete": true, "score": 9}', True),
        ('Done.\n{"loop_complete": true}', True),
        ('{\n  "score": 9,\n  "loop_complete": true\n}', True),
        ('{"loop_complete": false}', False),
        ('{"loop_complete": "true"}', False),
        ('{"loop_complete": true', False),
        ('{"loop_complete": true}\nNot yet.', False),
        ('{"loop_complete": "\ud83d"}', False),
    ],
)
def test_json_can_say_complete_and_stays(answer: str, complete: bool) -> None:
    """A JSON object that says loop_complete ends a loop and stays in the answer."""
    assert read_reply(answer) == Reply(answer, complete=complete)

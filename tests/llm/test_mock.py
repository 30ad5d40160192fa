"""The provider without a model."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest

from agentflow.llm import Completion, Message, Settings, make_provider

REVIEW = [
    Message("system", "You are a content reviewer. Be kind."),
    Message("user", "Read the chapter on tides.\nIt is long."),
]


async def ask(messages: list[Message], **fields: Any) -> Completion:
    return await make_provider(Settings(name="mock", kind="mock", **fields)).complete(messages)


async def test_answer_tells_of_role_and_subject() -> None:
    """The answer names the role of the system prompt and the first line of the question."""
    completion = await ask(REVIEW)
    assert completion.text.startswith("As content reviewer: ")
    assert "“Read the chapter on tides”" in completion.text
    assert completion.model == "mock"
    assert completion.finish_reason == "stop"


def test_answer_is_the_same_in_every_process() -> None:
    """The answer does not depend on the process or its hash seed."""
    code = (
        "import asyncio\n"
        "from agentflow.llm import Message, Settings, make_provider\n"
        "provider = make_provider(Settings(name='mock', kind='mock'))\n"
        f"messages = [Message(*pair) for pair in {[(m.role, m.content) for m in REVIEW]!r}]\n"
        "print(asyncio.run(provider.complete(messages)).text.encode().hex())\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert bytes.fromhex(run.stdout.strip()).decode() == asyncio.run(ask(REVIEW)).text


async def test_other_questions_get_other_answers() -> None:
    """Twenty questions get at least ten different conclusions."""
    answers = [await ask([Message("user", f"Question {number}")]) for number in range(20)]
    assert len({answer.text.partition("”")[2] for answer in answers}) >= 10


async def test_tokens_are_words() -> None:
    """Both counts are words, and the pieces handed on make up the text."""
    seen: list[str] = []
    provider = make_provider(Settings(name="mock", kind="mock"))
    completion = await provider.complete(REVIEW, on_token=seen.append)
    assert "".join(seen) == completion.text
    assert completion.completion_tokens == len(seen) == len(completion.text.split())
    assert completion.prompt_tokens == 15


async def test_max_tokens_cuts_the_answer() -> None:
    """With max_tokens the answer is that many words, and says why it ended."""
    completion = await ask(REVIEW, max_tokens=4)
    assert len(completion.text.split()) == completion.completion_tokens == 4
    assert completion.finish_reason == "length"


@pytest.mark.parametrize(
    ("last", "complete"),
    [
        ("iteration: 1", False),
        ("iteration: 2", True),
        ("iteration: 10", True),
        ("iteration: 2\nand more", False),
        ("in iteration: 2", False),
    ],
)
async def test_loop_ends_at_the_second_iteration(last: str, complete: bool) -> None:
    """The mark that ends a loop comes from the second iteration on, cut off or not."""
    for limit in (None, 2):
        completion = await ask([Message("user", f"Polish it.\n{last}")], max_tokens=limit)
        assert completion.text.endswith("\nLOOP_COMPLETE") is complete


async def test_no_messages_are_no_problem() -> None:
    """An empty conversation, an empty question and half a character get an answer."""
    for messages in ([], [Message("user", "")], [Message("user", "\ud83d")]):
        assert (await ask(messages)).text


def test_offline_use_imports_no_http_client() -> None:
    """Making a mock provider does not pay for httpx."""
    code = (
        "import sys\n"
        "from agentflow.llm import Settings, make_provider\n"
        "make_provider(Settings(name='mock', kind='mock'))\n"
        "sys.exit('httpx' in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

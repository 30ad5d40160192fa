"""LlmAgent: what it asks, and what it makes of the answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from agentflow.errors import ProviderUnavailable
from agentflow.event import Event
from agentflow.llm import Completion, LlmAgent, Message, OnToken, RateLimit, Settings, make_provider
from agentflow.state import State

CONTEXT: Any = SimpleNamespace(logger=logging.getLogger("agentflow.agent.writer"))


class Scripted:
    """A provider that says what it is told to, and keeps what it was asked."""

    name = "scripted"

    def __init__(self, text: str, finish_reason: str = "stop") -> None:
        self.completion = Completion(text, 12, 5, "small-1", finish_reason)
        self.asked: list[list[Message]] = []

    async def complete(
        self, messages: Sequence[Message], *, on_token: OnToken | None = None
    ) -> Completion:
        self.asked.append(list(messages))
        return self.completion

    async def aclose(self) -> None:
        """Nothing is open."""


async def run(text: str, state: State | None = None, name: str = "writer", **more: Any) -> State:
    agent = LlmAgent(name, "You are a writer.", Scripted(text), **more)
    return await agent(Event("writer", {"message": "Go"}), state or State(), CONTEXT)


async def test_answer_lands_in_state_and_meta() -> None:
    """The answer is under the agent's name and response, model and tokens in the meta."""
    state = await run("A poem.", State({"message": "Go"}, {"kept": "yes"}))
    assert state == State(
        {"message": "Go", "writer": "A poem.", "response": "A poem."},
        {
            "kept": "yes",
            "writer_model": "small-1",
            "writer_prompt_tokens": "12",
            "writer_completion_tokens": "5",
        },
    )


async def test_response_key_replaces_the_name() -> None:
    """With a response_key the answer is under that instead of the agent's name."""
    state = await run("A poem.", response_key="draft")
    assert (state["draft"], state["response"]) == ("A poem.", "A poem.")
    assert "writer" not in state


async def test_usage_is_told() -> None:
    """on_usage hears the agent, the prompt tokens and the completion tokens."""
    told: list[tuple[str, int, int]] = []
    await run("A poem.", on_usage=lambda *usage: told.append(usage))
    assert told == [("writer", 12, 5)]


async def test_prompt_goes_to_the_model() -> None:
    """The model is asked with the system prompt and the event's message."""
    provider = Scripted("A poem.")
    await LlmAgent("writer", "You are a writer.", provider)(
        Event("writer", {"message": "Go"}), State(), CONTEXT
    )
    assert provider.asked == [[Message("system", "You are a writer."), Message("user", "Go")]]


async def test_route_is_taken_off_the_answer() -> None:
    """ROUTE in the last line is the state's route and no part of the answer."""
    state = await run("Sent on.\nROUTE: quality_reviewer")
    assert state["writer"] == "Sent on."
    assert state.meta["route"] == "quality_reviewer"


async def test_loop_complete_is_set() -> None:
    """LOOP_COMPLETE in the last line ends a loop and is no part of the answer."""
    state = await run("Polished.\nLOOP_COMPLETE")
    assert state["writer"] == "Polished."
    assert state["loop_complete"] is True


async def test_a_mark_alone_keeps_the_answer_before_it() -> None:
    """An answer that is only LOOP_COMPLETE leaves the last round's answer in place."""
    state = await run("LOOP_COMPLETE", State({"writer": "Draft 2", "response": "Draft 2"}))
    assert (state["writer"], state["response"]) == ("Draft 2", "Draft 2")
    assert state["loop_complete"] is True


async def test_loop_over_the_mock_ends_in_its_second_round() -> None:
    """An LLM agent over the mock provider goes round twice, and then is complete."""
    agent = LlmAgent("writer", "", make_provider(Settings(name="mock", kind="mock")))
    event = Event("writer", {"message": "Polish it"})
    state = State(event.data)
    rounds = 0
    while not state.get("loop_complete"):
        rounds += 1
        state.meta["loop_iteration"] = str(rounds)
        state = await agent(event, state, CONTEXT)
    assert rounds == 2
    assert "LOOP_COMPLETE" not in state["writer"]


async def test_failure_leaves_the_state_alone() -> None:
    """When the provider fails, its error comes out and the state is as before."""
    provider = make_provider(Settings(name="local", kind="ollama", base_url="http://127.0.0.1:1"))
    await provider.aclose()
    state = State({"message": "Go"})
    with pytest.raises(ProviderUnavailable):
        await LlmAgent("writer", "", provider)(Event("writer"), state, CONTEXT)
    assert state == State({"message": "Go"})


async def test_rate_limit_is_waited_for() -> None:
    """A model is not asked before the rate limit lets the call through."""
    waited: list[float] = []

    class Stop(Exception):
        pass

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        raise Stop

    provider = Scripted("A poem.")
    limit = RateLimit(0.5, clock=lambda: 0.0, sleep=sleep)
    agent = LlmAgent("writer", "", provider, limit)
    await agent(Event("writer"), State(), CONTEXT)
    with pytest.raises(Stop):
        await agent(Event("writer"), State(), CONTEXT)
    assert waited == [2.0]
    assert len(provider.asked) == 1


async def test_cut_off_answer_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """An answer that hit max_tokens leaves a warning with the agent's logger."""
    agent = LlmAgent("writer", "", Scripted("A po", "length"))
    await agent(Event("writer"), State(), CONTEXT)
    assert [record.message for record in caplog.records] == ["the answer was cut off at max_tokens"]


def test_engine_can_tell_that_it_is_a_coroutine_handler() -> None:
    """The object's call is a coroutine function of event, state and context."""
    agent = LlmAgent("writer", "", Scripted(""))
    assert asyncio.iscoroutinefunction(agent.__call__)

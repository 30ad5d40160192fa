"""LlmAgent: an agent whose code is a system prompt."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from agentflow.agent import Context
from agentflow.event import Event
from agentflow.llm.prompt import build_messages
from agentflow.llm.provider import Provider
from agentflow.llm.rate_limit import RateLimit
from agentflow.llm.reply import read_reply
from agentflow.state import State

OnUsage: TypeAlias = Callable[[str, int, int], None]
"""Called with the agent's name, prompt tokens and completion tokens of each answer."""


class LlmAgent:
    """A handler that asks a language model.

    The model gets ``system_prompt``, the event's data and what earlier agents put into
    the state. Its answer lands in the state under ``response_key`` (the agent's name
    unless given) and under ``response``; the meta gets ``<name>_model``,
    ``<name>_prompt_tokens`` and ``<name>_completion_tokens``.

    The model can steer with the last line of its answer: ``ROUTE: agent_name`` sends
    the outcome on to that agent, ``LOOP_COMPLETE`` ends a loop (see ``read_reply``).

    Many agents may share a provider or a rate limit; whoever made those closes them.
    """

    def __init__(
        self,
        name: str,
        system_prompt: str,
        provider: Provider,
        rate_limit: RateLimit | None = None,
        on_usage: OnUsage | None = None,
        response_key: str | None = None,
    ) -> None:
        self.name = name
        self.system_prompt = system_prompt
        self.provider = provider
        self.rate_limit = rate_limit
        self.on_usage = on_usage
        self.response_key = response_key or name

    async def __call__(self, event: Event, state: State, context: Context) -> State:
        """Ask, and write the answer into ``state``, which stays as it was on failure.

        Raises one of the ProviderError family.
        """
        messages = build_messages(self.system_prompt, event, state)
        if self.rate_limit is not None:
            await self.rate_limit.acquire()
        completion = await self.provider.complete(messages)
        if self.on_usage is not None:
            self.on_usage(self.name, completion.prompt_tokens, completion.completion_tokens)
        if completion.finish_reason == "length":
            context.logger.warning("the answer was cut off at max_tokens")
        reply = read_reply(completion.text)
        if reply.text or self.response_key not in state:
            # An answer of nothing but a mark must not wipe out the round before it.
            state[self.response_key] = reply.text
            state["response"] = reply.text
        if reply.complete:
            state["loop_complete"] = True
        if reply.route:
            state.meta["route"] = reply.route
        state.meta[f"{self.name}_model"] = completion.model
        state.meta[f"{self.name}_prompt_tokens"] = str(completion.prompt_tokens)
        state.meta[f"{self.name}_completion_tokens"] = str(completion.completion_tokens)
        return state

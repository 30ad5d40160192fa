"""The tables under [agents]."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from agentflow.config.llm import LlmConfig
from agentflow.config.policies import RateLimitConfig, RetryConfig
from agentflow.config.section import Section, Spelling, ms, same, setting
from agentflow.config.values import Duration, Handler, Switch, Table, Text, Texts

OWN_LLM_KEYS = ("provider", "model", "temperature", "max_tokens", "top_p")
"""Keys of the ``llm`` table that real files also write on the agent itself."""


class AgentConfig(Section):
    """One agent: what it is for, what runs it, and what it is allowed."""

    role: Text = setting("", "What the agent is, in a word or two.")
    description: Text = setting("", "What the agent does.")
    system_prompt: Text = setting("", "Instructions for its language model.")
    capabilities: Texts = setting([], "What it can do, for people and for routing.")
    enabled: Switch = setting(True, "Whether events may reach it.")
    timeout: Duration | None = setting(None, "Seconds one run may take.")
    handler: Handler | None = setting(None, "Its code, as module:attribute.")
    llm: LlmConfig | None = setting(None, "Where it differs from the global [llm].")
    retry_policy: RetryConfig | None = setting(None, "Its own retry policy.")
    rate_limit: RateLimitConfig | None = setting(None, "Limit on its runs.")
    metadata: Table = setting({}, "Anything else worth knowing about it.")

    spellings: ClassVar[Mapping[str, Spelling]] = {
        "timeout_seconds": same("timeout"),
        "timeout_ms": ms("timeout"),
        "retry": same("retry_policy"),
        "prompt": same("system_prompt"),
        **{key: same("llm", key) for key in OWN_LLM_KEYS},
    }
    unused: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("memory_enabled", "tools_enabled", "fallback_llm", "tools", "memory", "mcp", "rag"), ""
    )

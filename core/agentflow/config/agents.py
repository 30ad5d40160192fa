"""The tables under [agents]."""

from __future__ import annotations

from pydantic import Field

from agentflow.config.llm import LlmConfig
from agentflow.config.policies import RateLimitConfig, RetryConfig
from agentflow.config.section import Section, ms, same
from agentflow.config.values import Duration, Handler, Switch, Table, Text, Texts

OWN_LLM_KEYS = ("provider", "model", "temperature", "max_tokens", "top_p")
"""Keys of the ``llm`` table that real files also write on the agent itself."""


class AgentConfig(Section):
    """One agent: what it is for, what runs it, and what it is allowed."""

    role: Text = Field("", description="What the agent is, in a word or two.")
    description: Text = Field("", description="What the agent does.")
    system_prompt: Text = Field("", description="Instructions for its language model.")
    capabilities: Texts = Field([], description="What it can do, for people and for routing.")
    enabled: Switch = Field(True, description="Whether events may reach it.")
    timeout: Duration | None = Field(None, description="Seconds one run may take.")
    handler: Handler | None = Field(None, description="Its code, as module:attribute.")
    llm: LlmConfig | None = Field(None, description="Where it differs from the global [llm].")
    retry_policy: RetryConfig | None = Field(None, description="Its own retry policy.")
    rate_limit: RateLimitConfig | None = Field(None, description="Limit on its runs.")
    metadata: Table = Field({}, description="Anything else worth knowing about it.")

    spellings = {
        "timeout_seconds": same("timeout"),
        "timeout_ms": ms("timeout"),
        "retry": same("retry_policy"),
        "prompt": same("system_prompt"),
        **{key: same("llm", key) for key in OWN_LLM_KEYS},
    }
    unused = dict.fromkeys(
        ("memory_enabled", "tools_enabled", "fallback_llm", "tools", "memory", "mcp", "rag"), ""
    )

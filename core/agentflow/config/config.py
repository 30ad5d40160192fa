"""The whole configuration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import PrivateAttr

from agentflow.config.agents import AgentConfig
from agentflow.config.alerts import ConsoleConfig
from agentflow.config.breakpoints import BreakpointsConfig
from agentflow.config.journal import JournalConfig
from agentflow.config.llm import LlmConfig, ProviderConfig
from agentflow.config.orchestration import OrchestrationConfig
from agentflow.config.policies import ErrorRoutingConfig
from agentflow.config.problems import Problem, Severity
from agentflow.config.providers import resolve
from agentflow.config.recording import RecordingConfig
from agentflow.config.runtime import AgentFlowConfig, LoggingConfig, RuntimeConfig
from agentflow.config.section import Section, Spelling, same, setting
from agentflow.config.supervision import SupervisionConfig

DEFAULT_PATH = "agentflow.toml"
"""The name of the file when none is given."""


class Config(Section):
    """Everything an ``agentflow.toml`` says. ``Config()`` is route mode with the defaults.

    Read one with ``Config.from_toml`` or ``load_config``; change one with ``override``.
    """

    agent_flow: AgentFlowConfig = setting(AgentFlowConfig(), "Name of the system.")
    llm: LlmConfig = setting(LlmConfig(), "The language model of all agents.")
    providers: dict[str, ProviderConfig] = setting({}, "How to reach each provider.")
    agents: dict[str, AgentConfig] = setting({}, "The agents, by name.")
    orchestration: OrchestrationConfig = setting(
        OrchestrationConfig(), "How the agents work together."
    )
    runtime: RuntimeConfig = setting(RuntimeConfig(), "Limits of the runner.")
    journal: JournalConfig = setting(JournalConfig(), "What is kept on disk.")
    recording: RecordingConfig = setting(RecordingConfig(), "What is recorded.")
    error_routing: ErrorRoutingConfig = setting(ErrorRoutingConfig(), "What happens to failures.")
    supervision: SupervisionConfig = setting(
        SupervisionConfig(), "When agents that keep failing are stopped."
    )
    breakpoints: BreakpointsConfig = setting(BreakpointsConfig(), "Where events are stopped.")
    logging: LoggingConfig = setting(LoggingConfig(), "What is logged.")
    console: ConsoleConfig = setting(ConsoleConfig(), "Settings of the console.")

    spellings: ClassVar[Mapping[str, Spelling]] = {
        "name": same("agent_flow", "name"),
        "version": same("agent_flow", "version"),
        "description": same("agent_flow", "description"),
        "log_level": same("logging", "level"),
    }
    unused: ClassVar[Mapping[str, str]] = dict.fromkeys(
        (
            "agent_memory", "load_balancer", "mcp", "memory", "metrics", "monitoring", "rag",
            "resources", "scaling", "security", "shared_resources", "streaming", "tools",
            "tracing", "visualization", "webhooks", "workflow",
        ),
        "",
    ) | {
        "provider": "write it as [llm]",
        "retry_policy": "write it as [error_routing.retry]",
        "circuit_breaker": "write it as [error_routing.circuit_breaker]",
        "system_prompt": "write it in [agents.NAME]",
        "timeout": "write timeout_seconds in [orchestration], or timeout in [agents.NAME]",
    }  # fmt: skip

    _text: str = PrivateAttr("")
    _path: str = PrivateAttr(DEFAULT_PATH)
    _problems: tuple[Problem, ...] = PrivateAttr(())
    _overlay: tuple[str, str] | None = PrivateAttr(None)
    _overrides: dict[str, Any] = PrivateAttr(default_factory=dict)
    _environ: Mapping[str, str] | None = PrivateAttr(None)

    @property
    def text(self) -> str:
        """The TOML it was read from; empty when it was made in code."""
        return self._text

    @property
    def path(self) -> str:
        """The file it was read from, as given."""
        return self._path

    @property
    def problems(self) -> list[Problem]:
        """The warnings that reading it gave."""
        return list(self._problems)

    @property
    def overlay(self) -> tuple[str, str] | None:
        """Path and text of the file that ``ENVIRONMENT`` laid over it, if one did."""
        return self._overlay

    @property
    def overrides(self) -> Mapping[str, Any]:
        """What flags and operators say instead of the file, by dotted key."""
        return self._overrides

    @property
    def enabled_agents(self) -> list[str]:
        """Names of the agents that events may reach, in the order of the file."""
        return [name for name, agent in self.agents.items() if agent.enabled]

    def llm_of(self, agent: str) -> LlmConfig:
        """The language-model settings of one agent, or of one that the file does not define.

        The agent's own ``llm`` table wins; then, for the provider that comes out of it, ``[llm]``
        and ``[providers.NAME]``. Where [llm] means another provider, its model, address and
        key are left out.
        """
        return resolve(self, agent)

    def problem_at(
        self, key: str, message: str, suggestion: str = "", severity: Severity = "error"
    ) -> Problem:
        """A problem with a dotted key, at the place in the file that writes it."""
        from agentflow.config.read import place_of

        return Problem(self._path, *place_of(self, key), key, message, suggestion, severity)

    def with_text(self, text: str) -> Config:
        """What ``text`` says in place of this one's file, under the same overlay, variables
        and flags. Raises ConfigError as reading does.
        """
        from agentflow.config.read import reread

        return reread(self, text, {})

    def override(self, values: Mapping[str, Any]) -> Config:
        """This configuration with other values by dotted key, checked anew.

        Raises ConfigError as reading does.
        """
        from agentflow.config.read import reread

        return reread(self, self._text, values)

    @classmethod
    def from_toml(
        cls,
        text: str,
        *,
        path: str | Path = DEFAULT_PATH,
        overrides: Mapping[str, Any] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> Config:
        """The configuration that ``text`` describes. ``path`` is for messages.

        ``overrides`` maps dotted keys to values and wins over everything (None: not given);
        ``environ`` is the environment (None: that of the process).
        Raises ConfigError, with every problem found, when one of them is an error.
        """
        from agentflow.config.read import read

        return read(text, str(path), overrides=overrides, environ=environ)

    def _with_source(
        self,
        text: str,
        path: str,
        problems: tuple[Problem, ...],
        overlay: tuple[str, str] | None,
        overrides: Mapping[str, Any],
        environ: Mapping[str, str] | None,
    ) -> Self:
        """Notes where it came from; for the reader, which makes it."""
        self._text, self._path, self._problems = text, path, problems
        self._overlay, self._overrides, self._environ = overlay, dict(overrides), environ
        return self

"""The system's name, the limits of its runner, and its log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator

from agentflow.config.section import Section, Spelling, ms, same, setting
from agentflow.config.values import Duration, Name, Natural, Positive, Switch, Text, choice

Ordering = Annotated[Literal["session", "none"], BeforeValidator(choice(("session", "none")))]
Level = Annotated[
    Literal["debug", "info", "warn", "error"],
    BeforeValidator(
        choice(
            ("debug", "info", "warn", "error"),
            {"warning": "warn", "critical": "error", "fatal": "error", "trace": "debug"},
        )
    ),
]
Format = Annotated[
    Literal["text", "json", "console"], BeforeValidator(choice(("text", "json", "console")))
]


class AgentFlowConfig(Section):
    """What the system is called."""

    name: Text = setting("", "Name of the system.")
    version: Text = setting("", "Version of the system.")
    description: Text = setting("", "What the system does.")
    provider: Name | None = setting(None, "Provider when [llm] names none.")


class RuntimeConfig(Section):
    """Limits of the runner."""

    queue_size: Positive = setting(1000, "Events that may wait at once.")
    max_concurrent_events: Positive = setting(10, "Events worked on at once.")
    ordering: Ordering = setting("session", "Keep the order of arrival inside a session, or none.")
    max_hops: Positive = setting(10, "Longest chain of follow-up events.")
    trace_capacity: Positive = setting(10000, "Events whose trace is kept.")
    drain_timeout: Duration = setting(10.0, "Seconds stop waits for queued events.")
    timeout_seconds: Duration | None = setting(
        None, "Seconds one agent run may take when the agent says nothing."
    )

    spellings: ClassVar[Mapping[str, Spelling]] = {
        "max_concurrent_agents": same("max_concurrent_events"),
        "timeout": same("timeout_seconds"),
        "timeout_ms": ms("timeout_seconds"),
        "drain_timeout_seconds": same("drain_timeout"),
        "drain_timeout_ms": ms("drain_timeout"),
    }
    unused: ClassVar[Mapping[str, str]] = {
        "enable_metrics": "metrics are always kept",
        "metrics_port": "",
    }


class LoggingConfig(Section):
    """What is logged, how and where."""

    level: Level = setting("info", "Least important level that is logged.")
    format: Format = setting("text", "text or json lines; console is taken for text.")
    file: Text | None = setting(None, "File to log to as well.")
    file_only: Switch = setting(False, "Log to the file and nowhere else.")
    max_size: Positive = setting(100, "Size at which the file is rotated, in MB.")
    max_backups: Natural = setting(3, "Rotated files that are kept.")
    max_age: Natural = setting(0, "Days a rotated file is kept; 0 is for ever.")
    compress: Switch = setting(False, "Whether rotated files are compressed.")

    unused: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("structured", "include_agent_context", "include_performance_metrics"), ""
    )

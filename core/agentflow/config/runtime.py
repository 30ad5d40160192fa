"""The system's name, the limits of its runner, and its log."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from agentflow.config.section import Section, ms, same
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

    name: Text = Field("", description="Name of the system.")
    version: Text = Field("", description="Version of the system.")
    description: Text = Field("", description="What the system does.")
    provider: Name | None = Field(None, description="Provider when [llm] names none.")


class RuntimeConfig(Section):
    """Limits of the runner."""

    queue_size: Positive = Field(1000, description="Events that may wait at once.")
    max_concurrent_events: Positive = Field(10, description="Events worked on at once.")
    ordering: Ordering = Field(
        "session", description="Keep the order of arrival inside a session, or none."
    )
    max_hops: Positive = Field(10, description="Longest chain of follow-up events.")
    trace_capacity: Positive = Field(10000, description="Events whose trace is kept.")
    drain_timeout: Duration = Field(10.0, description="Seconds stop waits for queued events.")
    timeout_seconds: Duration | None = Field(
        None, description="Seconds one agent run may take when the agent says nothing."
    )

    spellings = {
        "max_concurrent_agents": same("max_concurrent_events"),
        "timeout": same("timeout_seconds"),
        "timeout_ms": ms("timeout_seconds"),
        "drain_timeout_seconds": same("drain_timeout"),
        "drain_timeout_ms": ms("drain_timeout"),
    }
    unused = {"enable_metrics": "metrics are always kept", "metrics_port": ""}


class LoggingConfig(Section):
    """What is logged, how and where."""

    level: Level = Field("info", description="Least important level that is logged.")
    format: Format = Field("text", description="text or json lines; console is taken for text.")
    file: Text | None = Field(None, description="File to log to as well.")
    file_only: Switch = Field(False, description="Log to the file and nowhere else.")
    max_size: Positive = Field(100, description="Size at which the file is rotated, in MB.")
    max_backups: Natural = Field(3, description="Rotated files that are kept.")
    max_age: Natural = Field(0, description="Days a rotated file is kept; 0 is for ever.")
    compress: Switch = Field(False, description="Whether rotated files are compressed.")

    unused = dict.fromkeys(
        ("structured", "include_agent_context", "include_performance_metrics"), ""
    )

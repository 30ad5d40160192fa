"""Supervision: when an agent that fails again and again is stopped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from agentflow.config.section import Section, Spelling, ms, same, setting
from agentflow.config.values import Duration, Natural, Switch


class SupervisionConfig(Section):
    """When an agent is stopped: its events are held until somebody resumes it."""

    enabled: Switch = setting(True, "Whether agents that fail again and again are stopped.")
    max_restarts: Natural = setting(
        5,
        "Failed trials after a cool-down, in a row, that an agent may have within the period; "
        "so many handlers in a row may have to be left behind, too.",
    )
    period: Duration = setting(
        600.0,
        "Seconds over which they are counted; longer where the breaker's cool-downs need it. "
        "Those within a hundredth of it count as one.",
    )

    spellings: ClassVar[Mapping[str, Spelling]] = {
        "intensity": same("max_restarts"),
        "period_seconds": same("period"),
        "period_ms": ms("period"),
    }

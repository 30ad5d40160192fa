"""The journal: whether and where accepted events are kept on disk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator

from agentflow.config.section import Section, Spelling, same, setting
from agentflow.config.values import Duration, Positive, Switch, Text, choice

Durability = Annotated[
    Literal["power", "process", "none"],
    BeforeValidator(choice(("power", "process", "none"), {"full": "power", "normal": "process"})),
]


class JournalConfig(Section):
    """What survives the end of the process, and where it is kept."""

    enabled: Switch | None = setting(
        None, "Whether there is a journal. When not said: in the console, and where path is set."
    )
    path: Text | None = setting(
        None, "The journal's file, seen from this one. Else .agentflow/NAME.db beside it."
    )
    durability: Durability = setting(
        "power", "What an accepted event survives: a power cut, the end of the process, or none."
    )
    retention: Duration = setting(7 * 86400.0, "Seconds that events are kept after their end.")
    max_size: Positive = setting(1024, "Size of the journal, in MB, beyond which it accepts none.")
    max_event_size: Positive = setting(8, "Size of one event, in MB, beyond which it is refused.")
    max_deliveries: Positive = setting(
        3, "How often the process may die while an event runs until that is a dead letter."
    )

    spellings: ClassVar[Mapping[str, Spelling]] = {
        "file": same("path"),
        "retention_seconds": same("retention"),
        "max_size_mb": same("max_size"),
        "max_attempts": same("max_deliveries"),
    }

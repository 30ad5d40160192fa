"""The recording: whether and where what happens is recorded, to be looked at again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from agentflow.config.section import Section, Spelling, same, setting
from agentflow.config.values import Duration, Positive, Switch, Text


class RecordingConfig(Section):
    """What is recorded of what the engine does, and how far back that goes."""

    enabled: Switch | None = setting(
        None,
        "Whether a recording is made. When not said: in the console where there is a journal,"
        " and where path is set.",
    )
    path: Text | None = setting(
        None, "The recording's file, seen from this one. Else NAME.rec beside the journal."
    )
    retention: Duration = setting(2 * 86400.0, "Seconds that the recording goes back.")
    max_size: Positive = setting(1024, "Size of the recording, in MB; then the oldest goes.")
    max_state: Positive = setting(
        64, "Size of one state, in kB, beyond which only a part of it is recorded."
    )

    spellings: ClassVar[Mapping[str, Spelling]] = {
        "file": same("path"),
        "retention_seconds": same("retention"),
        "max_size_mb": same("max_size"),
    }

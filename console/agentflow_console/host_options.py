"""HostOptions: what an engine is to be started with, as plain data."""

from __future__ import annotations

from typing import Any

import msgspec


class HostOptions(msgspec.Struct, frozen=True):
    """Crosses to the engine's process as JSON."""

    path: str  # of the agentflow.toml
    overrides: dict[str, Any] = {}  # dotted keys of the configuration, from flags
    provider: str = ""  # language-model provider of all agents, whatever the file says
    events: str = ""  # a file of JSON lines to emit, or "-"
    demo: bool = False  # whether to emit the bundled demo's events
    pace: float = 0.0  # events a second of the feed; 0 for as fast as they are taken
    read_only: bool = False
    journal: str = ""  # path of the journal, "off" for none, "" for what the file says
    watch: bool = True  # whether saved files are applied
    standby: bool = False  # be ready for what another engine hands over

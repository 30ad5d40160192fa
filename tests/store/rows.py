"""Rows made by hand, and strategies for them."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st

from agentflow.telemetry.snapshot import Counts, EventRow, Snapshot

STATES = ("queued", "running", "held", "retrying", "succeeded", "dead")

_TEMPLATE = EventRow(
    seq=1,
    id="0190-aa",
    session="s-1",
    time=1000.0,
    source="test",
    target="analyzer",
    at="analyzer",
    mode="route",
    state="succeeded",
    duration=0.25,
    attempt=1,
    priority="normal",
    version=1,
    parent="",
    data='{"module":"json.decoder"}',
    error="",
)


def row(**fields: Any) -> EventRow:
    """An event row with these fields."""
    return msgspec.structs.replace(_TEMPLATE, **fields)


_EMPTY = Snapshot(
    time=1000.0, counts=Counts(), rate=0.0, paused=False, read_only=False, mode="route",
    version=1, name="test", live=[], live_total=0, settled=[], settled_cursor=0,
    settled_missed=0, agents=None, hooks=None, modes=None, points=[], log=[], log_cursor=0,
    log_missed=0, audit=[], audit_cursor=0, dead=None, dead_revision=0, config=None,
    config_revision=0, alerts=[], pid=1, memory=0,
)  # fmt: skip


def snapshot(**fields: Any) -> Snapshot:
    """A snapshot of an engine where nothing happens but what is given."""
    return msgspec.structs.replace(_EMPTY, **fields)


text = st.text(max_size=12)

rows = st.builds(
    row,
    seq=st.integers(1, 40),
    session=text,
    target=st.sampled_from(["analyzer", "Enricher", "größe", ""]),
    at=st.sampled_from(["", "analyzer", "analyzer +2"]),
    state=st.sampled_from(STATES),
    duration=st.floats(0, 100),
    attempt=st.integers(1, 5),
    data=text,
    error=text,
)

"""Store: what the screens read, fed by snapshots."""

from __future__ import annotations

import msgspec
import pytest

from agentflow.telemetry.snapshot import (
    AgentRow,
    Config,
    Cursor,
    LogRow,
    Point,
    VersionRow,
)
from agentflow_console.store import Store, Table

from .rows import row, snapshot

AGENT = AgentRow(
    "analyzer", "", "idle", "code", "", 0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, "", 0.0, "closed",
    0, 0, 0,
)  # fmt: skip


def point(time: float) -> Point:
    """A second in which nothing happened."""
    return Point(time, 0.0, 0.0, 0.0, 0, 0, 0, 0.0, 0.0)


def log_line(seq: int) -> LogRow:
    """One printed line."""
    return LogRow(seq, 1000.0, "stdout", "analyzer", f"line {seq}")


def test_the_cursor_asks_for_what_comes_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a snapshot only what came later is asked for."""
    monkeypatch.setattr("agentflow_console.store.store._TABLES_EVERY", 60.0)
    store = Store(limit=50)
    assert store.cursor == Cursor(limit=50)
    counted = {"settled_cursor": 7, "log_cursor": 3, "audit_cursor": 2}
    revisions = {"dead_revision": 4, "config_revision": 5, "breakpoints_revision": 6}
    points = [point(999.0), point(1000.0)]
    store.apply(snapshot(**counted, **revisions, points=points, agents=[AGENT]))
    assert store.cursor == Cursor(
        event=7, log=3, audit=2, point=1000.0, dead=4, versions=5, breakpoints=6, tables=False,
        limit=50,
    )  # fmt: skip


def test_tables_are_asked_for_about_five_times_a_second() -> None:
    """At twenty frames a second every fourth asks for the tables."""
    store = Store()
    asked = []
    for frame in range(13):
        wanted = store.cursor.tables
        asked.append(wanted)
        store.apply(snapshot(time=1000.0 + frame * 0.05, agents=[AGENT] if wanted else None))
    assert [frame for frame, wanted in enumerate(asked) if wanted] == [0, 4, 8, 12]


def test_none_means_as_before() -> None:
    """A table that a snapshot leaves out stays, with its revision."""
    store = Store()
    store.apply(snapshot(agents=[AGENT]))
    revision = store.agents.revision
    store.apply(snapshot(agents=None))
    assert store.agents == [AGENT]
    store.apply(snapshot(agents=[AGENT]))
    assert store.agents.revision == revision
    store.apply(snapshot(agents=[msgspec.structs.replace(AGENT, state="running")]))
    assert store.agents.revision == revision + 1


def test_streams_grow_and_stay_bounded() -> None:
    """Log lines are kept in order, the oldest go first, and what is gone is counted."""
    store = Store()
    store.apply(snapshot(log=[log_line(seq) for seq in range(1, 2001)], log_cursor=2000))
    store.apply(snapshot(log=[log_line(2001)], log_cursor=2001, log_missed=3))
    assert len(store.log) == 2000
    assert (store.log[0].seq, store.log[-1].seq) == (2, 2001)
    assert (store.log.dropped, store.log_missed) == (1, 3)


def test_a_new_configuration_brings_its_history() -> None:
    """The configuration stays until another comes; its versions are a table."""
    store = Store()
    version = VersionRow(1, 1000.0, "route", "start", "", [])
    config = Config("demo", "agentflow.toml", 1, "route", "", [version], [], "ok")
    store.apply(snapshot(config=config))
    store.apply(snapshot())
    assert store.config is config
    assert store.versions == [version]


def test_an_engine_that_counts_anew_is_read_from_its_beginning() -> None:
    """When another engine has taken the place of the last, nothing of it is skipped."""
    store = Store()
    store.apply(snapshot(settled=[row(seq=900)], settled_cursor=900, log=[log_line(1)]))
    store.apply(snapshot(settled_cursor=1, pid=2))
    assert store.cursor == Cursor()
    store.apply(snapshot(settled=[row(seq=1)], settled_cursor=1, pid=2))
    assert [one.seq for one in store.events.rows()] == [1]
    assert store.log == []


def test_a_table_without_bound_keeps_all() -> None:
    """Capacity zero is no bound."""
    table: Table[int] = Table()
    table.append_all(range(5000))
    assert len(table) == 5000
    assert table.revision == 1
    table.append_all([])
    assert table.revision == 1
    table.reset()
    assert (table, table.revision) == ([], 2)

"""Store: everything the screens show, brought up to date by one call for each snapshot."""

from __future__ import annotations

from agentflow.telemetry.health import Health
from agentflow.telemetry.snapshot import (
    AgentRow,
    AuditRow,
    BreakpointRow,
    Config,
    Cursor,
    DeadRow,
    HookRow,
    LogRow,
    ModeRow,
    Point,
    Snapshot,
    VersionRow,
)
from agentflow_console.store.ring import EventRing
from agentflow_console.store.table import Table

_TABLES_EVERY = 0.14  # seconds; asked for at the next frame after that, so about 5 times a second


class Store:
    """The console's memory of the engine. Read it anywhere, feed it with ``apply``.

    ``snapshot`` is the last one, ``config`` the last configuration that came, ``health``
    the last report. The tables are lists with a ``revision`` each; ``events`` is a ring of its own.
    """

    def __init__(self, *, capacity: int = 5000, limit: int = 400) -> None:
        self.events = EventRing(capacity)
        self.agents: Table[AgentRow] = Table()
        self.hooks: Table[HookRow] = Table()
        self.modes: Table[ModeRow] = Table()
        self.dead: Table[DeadRow] = Table()
        self.versions: Table[VersionRow] = Table()
        self.breakpoints: Table[BreakpointRow] = Table()
        self.points: Table[Point] = Table(capacity=600)
        self.log: Table[LogRow] = Table(capacity=2000)
        self.audit: Table[AuditRow] = Table(capacity=1000)
        self.snapshot: Snapshot | None = None
        self.config: Config | None = None
        self.health: Health | None = None
        self.log_missed = 0
        self._limit = limit
        self._tables_time = 0.0

    @property
    def cursor(self) -> Cursor:
        """What to pull next."""
        last = self.snapshot
        if last is None:
            return Cursor(limit=self._limit)
        return Cursor(
            event=last.settled_cursor,
            log=last.log_cursor,
            audit=last.audit_cursor,
            point=self.points[-1].time if self.points else 0.0,
            dead=last.dead_revision,
            versions=last.config_revision,
            health=self.health.time if self.health else 0.0,
            breakpoints=last.breakpoints_revision,
            tables=not 0 <= last.time - self._tables_time < _TABLES_EVERY,
            limit=self._limit,
        )

    def apply(self, snapshot: Snapshot) -> None:
        """Take what the engine said since the cursor."""
        last = self.snapshot
        if snapshot.whole:
            if last is not None:
                self._start_over()
            self._take(snapshot)
        elif last is not None and snapshot.settled_cursor < last.settled_cursor:
            self._start_over()  # another engine, which counts from one again
        else:
            self._take(snapshot)

    def _take(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.events.update(snapshot.live, snapshot.settled, snapshot.settled_missed)
        if snapshot.agents is not None:
            self.agents.replace_all(snapshot.agents)
            self._tables_time = snapshot.time
        if snapshot.hooks is not None:
            self.hooks.replace_all(snapshot.hooks)
        if snapshot.modes is not None:
            self.modes.replace_all(snapshot.modes)
        if snapshot.dead is not None:
            self.dead.replace_all(snapshot.dead)
        if snapshot.breakpoints is not None:
            self.breakpoints.replace_all(snapshot.breakpoints)
        if snapshot.config is not None:
            self.config = snapshot.config
            self.versions.replace_all(snapshot.config.versions)
        if snapshot.health is not None:
            self.health = snapshot.health
        self.points.append_all(snapshot.points)
        self.log.append_all(snapshot.log)
        self.log_missed += snapshot.log_missed
        self.audit.append_all(snapshot.audit)

    def forget(self) -> None:
        """Forget it all: another engine, or another moment of a recorded one."""
        self._start_over()

    def _start_over(self) -> None:
        """Forget it all. What this snapshot left out is asked for again with the next one."""
        self.events.reset()
        for table in (
            self.agents,
            self.hooks,
            self.modes,
            self.dead,
            self.versions,
            self.breakpoints,
        ):
            table.reset()
        for stream in (self.points, self.log, self.audit):
            stream.reset()
        self.snapshot = None
        self.health = None
        self.log_missed = 0
        self._tables_time = 0.0

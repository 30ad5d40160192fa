"""Observer: takes snapshots of a runner, and looks up single things in it."""

from __future__ import annotations

import os
from collections import Counter
from itertools import islice

import msgspec

from agentflow.control import rows
from agentflow.control.alerts import alerts
from agentflow.control.stop_rows import breakpoint_row, stop_detail, stop_row
from agentflow.control.words import DeadDetail, EventDetail, StopDetail
from agentflow.engine import Runner
from agentflow.engine.execution import Execution
from agentflow.engine.preview import asks_why
from agentflow.resilience.dead_letters import describe, trace_text
from agentflow.telemetry.health.resources import memory
from agentflow.telemetry.snapshot import (
    BreakpointRow,
    Config,
    Counts,
    Cursor,
    EventRow,
    Snapshot,
)
from agentflow.telemetry.spans import spans

DEAD_LIMIT = 1_000
LOG_LIMIT = 500


class Observer:
    """Reads everything and changes nothing."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def snapshot(self, cursor: Cursor, *, read_only: bool) -> Snapshot:
        """The engine now, with what is new since ``cursor``."""
        runner = self._runner
        dispatcher, telemetry = runner.dispatcher, runner.telemetry
        offset, now = dispatcher.wall_offset, dispatcher.now()
        counts = Counts(*dispatcher.counts())
        plan = runner.plan
        shown = dispatcher.latest(cursor.limit)
        held_sessions = dispatcher.held_sessions()
        settled, missed = telemetry.settled.since(cursor.event, cursor.limit)
        lines, lines_missed = telemetry.lines.since(cursor.log, LOG_LIMIT)
        actions, _ = telemetry.actions.since(cursor.audit, LOG_LIMIT)
        letters = dispatcher.dead_letters
        health = runner.health.report
        revision = runner.breakpoints.revision
        canary = rows.canary_row(runner) if dispatcher.canary is not None else None
        agents = hooks = modes = None
        if cursor.tables:
            in_flight = Counter(
                agent for guard in dispatcher.guards for agent, _, _ in guard.frames()
            )
            begun = dispatcher.begun()
            held = Counter(execution.at for execution in begun if execution.status == "held")
            modes_now = Counter(execution.mode for execution in begun if execution.started)
            agents = rows.agent_rows(plan, in_flight, held, now, offset)
            if dispatcher.canary is not None:
                agents += rows.agent_rows(dispatcher.canary.plan, in_flight, held, now, offset,
                                          but={row.name for row in agents})  # fmt: skip
            hooks = [rows.hook_row(callback, offset) for callback in dispatcher.hooks.callbacks()]
            modes = [
                rows.mode_row(mode, meter, modes_now.get(mode, 0), now)
                for mode, meter in telemetry.modes.items()
                if meter.latency.count or mode == plan.mode
            ]
        return Snapshot(
            time=dispatcher.clock.time(),
            counts=counts,
            rate=telemetry.rate.read(counts.succeeded + counts.dead, now),
            paused=dispatcher.paused,
            read_only=read_only,
            mode=plan.mode,
            version=plan.version,
            name=plan.config.agent_flow.name or "agentflow",
            live=[
                msgspec.structs.replace(row, state="held")
                if row.state == "queued" and (dispatcher.paused or row.session in held_sessions)
                else row
                for row in map(self._row, shown)
            ],
            live_total=dispatcher.open(),
            settled=[self._row(execution) for execution in settled],
            settled_cursor=telemetry.settled.total,
            settled_missed=missed,
            agents=agents,
            hooks=hooks,
            modes=modes,
            points=[point for point in telemetry.points.items if point.time > cursor.point],
            log=lines,
            log_cursor=telemetry.lines.total,
            log_missed=lines_missed,
            audit=actions,
            audit_cursor=telemetry.actions.total,
            dead=None
            if cursor.dead == letters.revision
            else [rows.dead_row(letter) for letter in letters[-DEAD_LIMIT:]],
            dead_revision=letters.revision,
            config=None if cursor.versions == runner.history.revision else self._config(),
            config_revision=runner.history.revision,
            alerts=alerts(runner),
            alert_rules=runner.alert_rules,
            pid=os.getpid(),
            memory=memory(),
            pace=runner.pace,
            breakpoints=None if cursor.breakpoints == revision else self._breakpoints(),
            breakpoints_revision=revision,
            stops=[stop_row(stop, runner) for stop in runner.breakpoints.stops.values()],
            on_quit=runner.on_quit,
            health=health if health is not None and health.time != cursor.health else None,
            canary=canary,
            recording=str(dispatcher.recorder.path) if dispatcher.recorder is not None else "",
        )

    def _row(self, execution: Execution) -> EventRow:
        dispatcher = self._runner.dispatcher
        return rows.event_row(
            execution,
            dispatcher.guards,
            dispatcher.wall_offset,
            dispatcher.now(),
            dispatcher.breakpoints.stopped(execution),
        )

    def _config(self) -> Config:
        runner, history = self._runner, self._runner.history
        config = runner.config
        return Config(
            name=config.agent_flow.name or "",
            path=config.path,
            version=runner.plan.version,
            mode=runner.plan.mode,
            text=config.text if history.refused_text is None else history.refused_text,
            versions=[rows.version_row(version) for version in history.versions],
            problems=[rows.problem_row(problem) for problem in history.problems],
            status="ok" if history.refused_text is None else "refused",
            ask_why=asks_why(config),
        )

    def _breakpoints(self) -> list[BreakpointRow]:
        breakpoints = self._runner.breakpoints
        return [breakpoint_row(point, applies=breakpoints.applies(point)) for point in breakpoints]

    # -- single things --------------------------------------------------------------------

    def page(self, before: int, limit: int) -> list[EventRow]:
        """Up to ``limit`` ended events accepted before number ``before``, oldest first."""
        older = (
            execution
            for execution in reversed(self._runner.telemetry.settled.items)
            if execution.seq < before
        )
        found = [self._row(execution) for execution in islice(older, limit)]
        return sorted(found, key=lambda row: row.seq)

    def event(self, event_id: str) -> EventDetail | None:
        """One event in full, None if it isn't remembered."""
        runner = self._runner
        dispatcher = runner.dispatcher
        execution = next(
            (found for found in runner.executions() if found.event.id == event_id), None
        )
        if execution is None:
            return None
        offset, now = dispatcher.wall_offset, dispatcher.now()
        letter = next((found for found in runner.dead_letters if found.event.id == event_id), None)
        family = self._family(execution)
        runs = execution.runs
        return EventDetail(
            row=self._row(execution),
            event=rows.plain(execution.event.to_dict()),
            state=None if execution.view is None else rows.plain(execution.view),
            meta=rows.plain(runs[-1][6] or {}) if runs else {},
            error_trace=trace_text(letter.error) if letter is not None else execution.error,
            children=list(execution.children or ()),
            spans=spans(family, dispatcher.guards, offset, now),
        )

    def _family(self, execution: Execution) -> list[Execution]:
        """An execution and everything that came of it, in other sessions too."""
        family, complete = _descent(execution, self._runner.executions(execution.event.session_id))
        if not complete:
            family, _ = _descent(execution, self._runner.executions())
        return family

    def dead_letter(self, number: int) -> DeadDetail | None:
        """One dead letter in full, None if there is none of that number."""
        letter = self._runner.dispatcher.dead_letters.find(number)
        if letter is None:
            return None
        return DeadDetail(
            rows.dead_row(letter),
            rows.plain(letter.event.to_dict()),
            describe(letter.error),
            trace_text(letter.error),
        )

    def stop(self, number: int) -> StopDetail | None:
        """One event that is stopped, in full; None if it isn't any more."""
        return stop_detail(self._runner, number)


def _descent(execution: Execution, among: list[Execution]) -> tuple[list[Execution], bool]:
    """What came of an execution, and whether all of it was ``among`` these."""
    wanted = {execution.event.id}
    family = []
    for other in sorted(among, key=lambda found: found.seq):
        if other.event.id in wanted:
            family.append(other)
            wanted.update(other.children or ())
    return family, len(family) == len(wanted)

"""Handover: everything unfinished of one runner as plain data, for another one to go on with.

Used when the code of the handlers has changed: a new process, with the new code, takes
over from the old one without losing an event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from agentflow.config import Config
from agentflow.config.read import read
from agentflow.engine.history import Version
from agentflow.errors import ConfigError, InvalidEvent, Restored
from agentflow.event import Event
from agentflow.resilience import DeadLetter
from agentflow.resilience.dead_letters import describe, trace_text
from agentflow.telemetry.snapshot import AuditRow, LogRow, Point

if TYPE_CHECKING:
    from agentflow.engine.runner import Runner

KEPT_ROWS = 500


def pack(runner: Runner) -> dict[str, Any]:
    """What ``runner``, which has been stopped without drain, leaves behind."""
    dispatcher, telemetry, history = runner.dispatcher, runner.telemetry, runner.history
    return {
        "counts": list(dispatcher.counts()),
        "paused": dispatcher.paused,
        "paused_agents": [
            # One that the supervisor has stopped begins afresh, as its code does.
            name
            for name, agent in runner.agents.items()
            if agent.vitals.paused and not agent.vitals.stopped
        ],
        # What a journal has, the next runner finds there.
        "open": []
        if runner.journal is not None
        else [
            {"seq": execution.seq, "event": _event(execution.event)}
            for execution in dispatcher.live()
        ],
        "open_now": dispatcher.open(),
        "dead": []
        if runner.journal is not None
        else [_letter(letter) for letter in dispatcher.dead_letters],
        "dead_revision": dispatcher.dead_letters.revision,
        "versions": [version_fields(version) for version in history.versions],
        "history_revision": history.revision,
        "canary": runner.rollout.pack(),
        "log": [msgspec.to_builtins(row) for row in telemetry.lines.since(0, KEPT_ROWS)[0]],
        "log_total": telemetry.lines.total,
        "audit": [msgspec.to_builtins(row) for row in telemetry.actions.since(0, KEPT_ROWS)[0]],
        "audit_total": telemetry.actions.total,
        "points": [msgspec.to_builtins(point) for point in telemetry.points.items],
        "pace": runner.pace,
        "breakpoints": runner.breakpoints.pack(),
    }


async def unpack(runner: Runner, left: dict[str, Any]) -> None:
    """Let ``runner``, which has been started and has done nothing, go on from there."""
    dispatcher, telemetry = runner.dispatcher, runner.telemetry
    runner.breakpoints.unpack(left["breakpoints"])  # before anything runs
    await _restore_history(runner, left)
    accepted, *_, succeeded, dead = left["counts"]
    restored = dispatcher.accepted
    dispatcher.accepted = accepted - (left["open_now"] - restored)
    dispatcher.done = telemetry.settled.total = succeeded + dead
    dispatcher.dead = dead
    for fields in left["dead"]:
        dispatcher.dead_letters.add(_restored(fields))
    letters = dispatcher.dead_letters
    letters.revision = max(letters.revision, left["dead_revision"]) + 1
    _refill(telemetry.lines, [msgspec.convert(row, LogRow) for row in left["log"]],
            left["log_total"])  # fmt: skip
    _refill(telemetry.actions, [msgspec.convert(row, AuditRow) for row in left["audit"]],
            left["audit_total"])  # fmt: skip
    for point in left["points"]:
        telemetry.points.append(msgspec.convert(point, Point))
    runner.pace = left["pace"]
    if left["paused"]:
        runner.pause()
    for agent in left["paused_agents"]:
        if agent in runner.agents:
            runner.pause(agent)
    for fields in left["open"]:
        # It keeps its number: screens know it by that.
        dispatcher.accept(Event.from_dict(fields["event"])).seq = fields["seq"]


def _refill(ring: Any, rows: list[Any], total: int) -> None:
    fresh = list(ring.items)
    ring.items.clear()
    for row in rows:
        ring.items.append(row)
    ring.total = total
    for row in fresh:
        ring.number(lambda seq, row=row: msgspec.structs.replace(row, seq=seq))


async def _restore_history(runner: Runner, left: dict[str, Any]) -> None:
    """Bring back the versions; the last of them is what must run."""
    history = runner.history
    started = history.current
    versions = []
    for fields in left["versions"]:
        version = version_of(fields)
        if version is not None:
            versions.append(version)
    if versions and started is not None:
        history.versions = versions
        current = history.current or versions[-1]
        runner.version = current.number
        # An operator may have changed what the file says; that stays so.
        same = current.config == started.config
        await runner.adopt(started.config if same else current.config)
        runner.rollout.resume(left["canary"])
    history.revision = left["history_revision"] + 1


def _event(event: Event) -> dict[str, Any]:
    fields = event.to_dict()
    try:
        msgspec.msgpack.encode(fields)
    except (TypeError, ValueError, OverflowError):
        fields["data"] = msgspec.to_builtins(fields["data"], enc_hook=repr, str_keys=True)
    return fields


def _letter(letter: DeadLetter) -> dict[str, Any]:
    return {
        "event": _event(letter.event),
        "error": describe(letter.error),
        "trace": trace_text(letter.error),
        "agent": letter.agent,
        "attempts": letter.attempts,
        "config_version": letter.config_version,
        "time": letter.time,
        "status": letter.status,
    }


def _restored(fields: dict[str, Any]) -> DeadLetter:
    try:
        event = Event.from_dict(fields["event"])
    except InvalidEvent:
        event = Event(fields["event"].get("target", ""))
    return DeadLetter(
        event,
        Restored(fields["error"], fields["trace"]),
        fields["agent"],
        fields["attempts"],
        fields["config_version"],
        time=fields["time"],
        status=fields["status"],
    )


def version_fields(version: Version) -> dict[str, Any]:
    """A configuration that ran, as plain data."""
    config = version.config
    return {
        "number": version.number,
        "time": version.time,
        "cause": version.cause,
        "differences": version.differences,
        "state": version.state,
        "path": config.path,
        "text": config.text,
        "overlay": config.overlay,
        "overrides": dict(config.overrides),
    }


def version_of(fields: dict[str, Any]) -> Version | None:
    """The configuration that ran, None if it can't be read any more."""
    config = _config(fields)
    if config is None:
        return None
    return Version(
        fields["number"], config, fields["time"], fields["cause"], fields["differences"],
        fields.get("state", ""),
    )  # fmt: skip


def _config(fields: dict[str, Any]) -> Config | None:
    overlay = fields["overlay"]
    try:
        return read(
            fields["text"],
            fields["path"],
            overlay=(overlay[0], overlay[1]) if overlay else None,
            overrides=fields["overrides"],
        )
    except ConfigError:
        return None

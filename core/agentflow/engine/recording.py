"""Recording: the life of a runner's recording, which may fail without the runner noticing."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from agentflow.config import Config
from agentflow.engine.handover import version_fields
from agentflow.engine.history import Version
from agentflow.errors import RecordingUnusable
from agentflow.journal import Journal
from agentflow.journal.place import default_path
from agentflow.recording import Recorder, VersionRecord

if TYPE_CHECKING:
    from agentflow.engine.runner import Runner

ENDING = ".rec"


def recorder_for(config: Config, journal: Journal | None) -> Recorder | None:
    """What makes the recording that ``config`` asks for; beside the journal if it says nowhere.

    Without a journal there is one only if the configuration says so. A path there is seen
    from its file. The file is not touched yet.
    """
    settings = config.recording
    if settings.enabled is False:
        return None
    if settings.path:
        path = Path(config.path).parent / settings.path
    elif journal is not None:
        path = journal.path.with_suffix(ENDING)
    elif settings.enabled:
        path = default_path(config.path).with_suffix(ENDING)
    else:
        return None
    return Recorder(
        path,
        retention=settings.retention,
        max_bytes=settings.max_size * 1_000_000,
        max_state=settings.max_state * 1_000,
    )


def record_of(version: Version) -> VersionRecord:
    """A configuration that ran, as it is kept."""
    return msgspec.convert(version_fields(version), VersionRecord)


async def start(runner: Runner, recorder: Recorder) -> None:
    """Begin to record. What stands in the way is said, and nothing is recorded."""
    dispatcher = runner.dispatcher
    versions = [record_of(version) for version in runner.history.versions]
    now, offset = dispatcher.clock.time(), dispatcher.wall_offset

    def failed(reason: str) -> None:
        dispatcher.recorder = None
        runner.report("error", f"the recording has ended, the engine goes on: {reason}")

    try:
        await asyncio.to_thread(recorder.open, now, offset, versions)
    except RecordingUnusable as error:
        runner.report("warning", f"nothing is recorded: {error}")
        return
    for sentence in recorder.damage:
        runner.report("warning", sentence)
    recorder.start(asyncio.get_running_loop(), runner.observe, failed)
    dispatcher.recorder = recorder


async def stop(runner: Runner, recorder: Recorder) -> None:
    """Keep how everything stands at the end, and let the file go."""
    if runner.dispatcher.recorder is not None:
        runner.dispatcher.recorder = None
        recorder.tick(last=True)
    await asyncio.to_thread(recorder.close)
    if recorder.missed:
        runner.report(
            "warning", f"{recorder.missed:,} events ended too fast to be in the recording"
        )

"""Replaying: ``agentflow-console replay``, on the screens or as lines."""

from __future__ import annotations

import os
import sys
import time
from argparse import Namespace
from pathlib import Path

import msgspec

from agentflow.errors import RecordingUnusable
from agentflow.recording import Recording
from agentflow_console.arguments import UsageError
from agentflow_console.moments import parse_moment
from agentflow_console.recordings import find_recording
from agentflow_console.text import safe

_SLICE = 1.0  # seconds of the recording that are printed at once
_LIMIT = 1_000_000  # event rows in one of them: all there are


def replay(flags: Namespace) -> int:
    """Show a recording again. Gives the exit code; raises UsageError."""
    path = find_recording(flags.file)
    try:
        recording = Recording.open(path)
    except RecordingUnusable as error:
        raise UsageError(safe(str(error))) from error
    at = None
    if flags.at:
        try:
            at = parse_moment(flags.at, recording.span)
        except ValueError as error:
            recording.close()
            raise UsageError(str(error)) from None
    if not recording.count and not recording.frame_times:
        recording.close()
        raise UsageError(f"{safe(str(path))} is empty: nothing has been recorded yet")
    if flags.headless or not _has_terminal():
        return _print(recording, at, flags.speed, flags.format)
    return _open_console(recording, at, flags)


def _has_terminal() -> bool:
    from agentflow_console.cli import has_terminal

    return has_terminal()


def _open_console(recording: Recording, at: float | None, flags: Namespace) -> int:
    os.environ.setdefault("TEXTUAL_FPS", "120")
    from agentflow_console.app import ConsoleApp
    from agentflow_console.keymap import load_keymap
    from agentflow_console.link.recorded import RecordedLink

    link = RecordedLink(recording, at=at, speed=flags.speed or 1.0, playing=True)
    app = ConsoleApp(
        link,
        read_only=True,
        theme=flags.theme,
        fps=flags.fps,
        keymap=load_keymap(Path(flags.keymap)) if flags.keymap else None,
        clock=lambda: link.at,
    )
    app.run()
    words, code = app.last_words()
    for line in words:
        print(line, file=sys.stderr)
    return code


def _print(recording: Recording, at: float | None, speed: float | None, format: str) -> int:
    """Print the lines as they were; as fast as it goes, if no ``speed`` is wanted."""
    from agentflow.control.replaying import Replay
    from agentflow_console.report import JsonReport, Report, TextReport
    from agentflow_console.store import Store

    report: Report = (JsonReport if format == "json" else TextReport)(sys.stdout, sys.stderr)
    span = recording.span
    begin = span.start if at is None else min(max(at, span.start), span.end)
    replay, store = Replay(recording), Store(limit=_LIMIT)
    if at is not None:
        replay.at = begin
        store.apply(replay.snapshot(store.cursor))  # what was before is not printed
    moment = min(begin, span.end)
    while True:
        if speed is not None:
            time.sleep(_SLICE / speed)
        moment = min(moment + _SLICE, span.end)
        replay.at = moment
        snapshot = replay.snapshot(msgspec.structs.replace(store.cursor, tables=False))
        store.apply(snapshot)
        report.show(snapshot)
        if moment >= span.end:
            break
    counts = snapshot.counts
    for sentence in recording.damage:
        print(safe(sentence), file=sys.stderr)
    summary = {"counts": msgspec.structs.asdict(counts), "bad_lines": 0, "not_shown": 0}
    report.end({**summary, "duration": round(span.end - begin, 3), "exit_code": 0})
    recording.close()
    return 0

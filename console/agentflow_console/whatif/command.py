"""Command: ``agentflow-console whatif RECORDING [CONFIG]``."""

from __future__ import annotations

import shutil
import sys
from argparse import Namespace
from collections.abc import Iterator
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any

from agentflow.errors import ConfigError, RecordingUnusable
from agentflow_console.arguments import CONFIG_FLAGS, UsageError
from agentflow_console.moments import parse_moment
from agentflow_console.recordings import find_recording
from agentflow_console.text import crop_left, safe
from agentflow_console.whatif.lines import divergence_lines, session_line, summary_lines

if TYPE_CHECKING:
    from agentflow.config import Config
    from agentflow.recording import Recording
    from agentflow.whatif import SessionReport, WhatIf

_NARROW = 100  # where nothing says how wide the output is
_LISTED = 20


def whatif(flags: Namespace) -> int:
    """Run recorded sessions under another configuration, and print where the two part.

    0 the same, 1 they part, 2 it can't be told. Raises UsageError.
    """
    from agentflow.recording import Recording
    from agentflow.testing import Stuck
    from agentflow.whatif import ChoiceError

    if isinstance(sys.stdout, TextIOWrapper):  # a terminal that can't show a letter is no error
        sys.stdout.reconfigure(errors="backslashreplace")
    path = find_recording(flags.recording)
    try:
        with Recording.open(path) as recording:
            run = _prepare(recording, flags)
        return _print(run, flags)
    except RecordingUnusable as error:
        raise UsageError(safe(str(error))) from error
    except ChoiceError as error:
        raise UsageError(safe(str(error))) from error
    except Stuck as error:
        raise UsageError(f"the run has come to a standstill: {safe(str(error))}") from error
    except ConfigError as error:
        raise UsageError(f"the configuration can't run:\n{safe_lines(str(error))}") from error


def safe_lines(text: str) -> str:
    """``text`` made harmless, line by line."""
    return "\n".join(safe(line) for line in text.splitlines())


def _prepare(recording: Recording, flags: Namespace) -> WhatIf:
    from agentflow.whatif import WhatIf, choices_from, chosen

    choices = choices_from(flags.agent or (), flags.default, flags.missing)
    begin = _moment(flags.begin, recording, float("-inf"))
    end = _moment(flags.end, recording, float("inf"))
    if begin == float("-inf") and end == float("inf") and flags.session:
        stories = [story for name in flags.session for story in recording.session(name)]
    else:
        stories = list(recording.stories())
    stories = chosen(stories, flags.session or (), begin, end)
    for sentence in recording.damage:
        print(f"agentflow-console: {safe(sentence)}", file=sys.stderr)
    if not stories:
        raise UsageError("the recording has no events of that kind: nothing to compare")
    versions = list(recording.versions.values())
    return WhatIf(stories, versions, _config(flags, versions), choices)


def _moment(text: str, recording: Recording, otherwise: float) -> float:
    """The moment that a flag means; ``otherwise`` when it says nothing. Raises UsageError."""
    try:
        return parse_moment(text, recording.span) if text else otherwise
    except ValueError as error:
        raise UsageError(safe(str(error))) from None


def _config(flags: Namespace, versions: list[Any]) -> Config:
    """The configuration to run under; that of the recording when no file is named."""
    from agentflow.config import load_config
    from agentflow.config.read import read

    overrides = {
        key: getattr(flags, flag)
        for flag, key in CONFIG_FLAGS.items()
        if getattr(flags, flag) is not None
    }
    if flags.provider:
        overrides["llm.provider"] = flags.provider
    if flags.config:
        return load_config(flags.config, overrides=overrides)
    if not versions:
        raise UsageError("the recording holds no configuration: name one")
    last = max(versions, key=lambda version: version.number)
    return read(
        last.text, last.path, overlay=last.overlay, overrides={**last.overrides, **overrides}
    )


def _print(run: WhatIf, flags: Namespace) -> int:
    from agentflow.whatif import Summary

    summary = Summary.empty(run.notes())
    reports = _counted(run, summary, flags)
    if flags.format == "json":
        _print_json(reports, summary, flags.most_events)
    else:
        _print_text(reports, summary, run)
    return summary.exit_code


def _counted(run: WhatIf, summary: Any, flags: Namespace) -> Iterator[SessionReport]:
    """The reports, counted, with how far it has come on standard error if that is wanted."""
    if flags.progress:
        run.progress = lambda done: print(f"{done}/{run.events}", file=sys.stderr, flush=True)
    for report in run:
        summary.add(report)
        yield report


def _print_json(reports: Iterator[SessionReport], summary: Any, most: int) -> None:
    from agentflow.whatif import as_data, encode, summary_data

    for report in reports:
        print(encode(as_data(report, most)).decode(), flush=True)
    print(encode(summary_data(summary)).decode(), flush=True)


def _print_text(reports: Iterator[SessionReport], summary: Any, run: WhatIf) -> None:
    from agentflow.whatif import SAME, as_data, summary_data

    cells = shutil.get_terminal_size((_NARROW, 24)).columns
    first: dict[str, Any] | None = None
    listed: list[str] = []
    different = 0
    for report in reports:
        if report.verdict == SAME:
            continue
        different += 1
        data = as_data(report) if first is None or len(listed) < _LISTED else None
        if data is not None:
            listed.append(session_line(data, cells))
            if first is None or (first["verdict"] != "parted" and data["verdict"] == "parted"):
                first = data
    mode = run.config.orchestration.mode
    rest = f", mode {mode}"
    path = crop_left(safe(str(run.config.path)), cells - len(f"what if: {rest}"))
    print(f"what if: {path}{rest}")
    for line in summary_lines(summary_data(summary)["summary"], cells):
        print(line)
    if first is None:
        print("\nno divergence")
        return
    print()
    for line in listed:
        print(line)
    if different > len(listed):
        print(f"… {different - len(listed):,} more sessions")
    print()
    for line in divergence_lines(first, cells):
        print(line)

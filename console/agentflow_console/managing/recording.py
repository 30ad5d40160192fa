"""A recording from the command line: what it holds, and a part of it as one file."""

from __future__ import annotations

import gc
from argparse import Namespace
from math import inf
from pathlib import Path
from typing import Any

from agentflow.journal.lock import owner
from agentflow.recording import Recording
from agentflow.recording.export import export
from agentflow_console.arguments import UsageError
from agentflow_console.forms.json_text import write_object
from agentflow_console.journals import shown
from agentflow_console.managing.words import size, when
from agentflow_console.moments import parse_moment
from agentflow_console.recordings import find_recording
from agentflow_console.show import duration
from agentflow_console.text import crop, fit, safe

_SESSIONS = 10  # that are listed
_VERSIONS = 10
_CELLS = 80


def recording(flags: Namespace) -> int:
    """Print what a recording holds, or export a part: 0 if all is right, 1 if it is damaged."""
    gc.disable()  # very much is read, nothing of it in circles
    words = list(flags.words)
    if words[:1] == ["export"]:
        return _export(words[1:], flags)
    if flags.start or flags.end or flags.session:
        raise UsageError("--from, --to and --session are for export OUT")
    if len(words) > 1:
        raise UsageError(f"one recording at a time, not {' '.join(words)}")
    path = find_recording(words[0] if words else "")
    with Recording.open(path) as found:
        facts = _facts(path, found)
    if flags.format == "json":
        print(write_object(facts))
    else:
        _print(path, facts)
    return int(bool(facts["damage"]))


def _export(words: list[str], flags: Namespace) -> int:
    if not 1 <= len(words) <= 2:
        raise UsageError("export needs a file to write: recording export [FILE] OUT")
    out = Path(words[-1])
    path = find_recording(words[0] if len(words) == 2 else "")
    with Recording.open(path) as found:
        try:
            start = parse_moment(flags.start, found.span) if flags.start else 0.0
            end = parse_moment(flags.end, found.span) if flags.end else inf
        except ValueError as error:
            raise UsageError(str(error)) from None
        known = set(flags.session)
        try:
            count = export(found, out, start=start, end=end, sessions=known)
        except FileExistsError:
            raise UsageError(f"{safe(str(out))} is there already") from None
        except OSError as error:
            raise UsageError(f"{safe(str(out))} can't be written: {error.strerror}") from error
        damage = found.damage
    if flags.format == "json":
        print(write_object({"path": str(out), "events": count, "damage": damage}))
    else:
        events = f"{count:,} event{'s' * (count != 1)}"
        print(f"{events} written to {safe(shown(out.absolute()))}, {size(out)}")
        for sentence in damage:
            print(f"left out: {safe(sentence)}")
    return int(bool(damage))


def _facts(path: Path, found: Recording) -> dict[str, Any]:
    sessions = found.sessions()
    span, has = found.span, owner(path)
    return {
        "path": str(path),
        "bytes": path.stat().st_size,
        "start": span.start,
        "end": span.end,
        "events": found.count,
        "dead": found.failed,
        "frames": len(found.frame_times),
        "missed": found.missed,
        "sessions": len(sessions),
        "latest": [
            {
                "id": row.id, "events": row.events, "dead": row.dead, "start": row.start,
                "last": row.last, "target": row.target,
            }
            for row in sessions[:_SESSIONS]
        ],
        "versions": [
            {
                "number": version.number, "time": version.time, "cause": version.cause,
                "path": version.path, "differences": version.differences,
            }
            for version in found.versions.values()
        ],
        "written_by": None if has is None else has.pid,
        "damage": found.damage,
    }  # fmt: skip


def _print(path: Path, facts: dict[str, Any]) -> None:
    start, end = facts["start"], facts["end"]
    print(f"{safe(shown(path))}  {size(path)}")
    if facts["events"] or facts["frames"]:
        print(f"  from      {when(start)}")
        print(f"  to        {when(end)}, {duration(end - start)} in all")
    dead = f", {facts['dead']:,} dead" if facts["dead"] else ""
    print(f"  events    {facts['events']:,}{dead}, in {facts['sessions']:,} sessions")
    print(f"  frames    {facts['frames']:,}")
    if facts["written_by"] is not None:
        print(f"  written   by process {facts['written_by']}, at this moment")
    if facts["missed"]:
        print(f"  missing   {facts['missed']:,} events that ended too fast to be written")
    for sentence in facts["damage"]:
        print(f"  damaged   {safe(sentence)}")
    if facts["versions"]:
        print("\nversions of the configuration")
        for version in facts["versions"][-_VERSIONS:]:
            said = version["differences"][0] if version["differences"] else ""
            cause = fit(safe(version["cause"]), 12)
            line = f"  v{version['number']}  {when(version['time'])}  {cause}  "
            print((line + crop(safe(said), _CELLS)).rstrip())
    if facts["latest"]:
        print("\nsessions, the latest first")
        for row in facts["latest"]:
            dead = f", {row['dead']} dead" if row["dead"] else ""
            print(f"  {when(row['last'])}  {fit(safe(row['id']), 36)}  {row['events']}{dead}")

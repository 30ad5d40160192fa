"""Health from the command line: asked of the running engine, else of what the journal knows."""

from __future__ import annotations

import asyncio
import sys
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

import msgspec

from agentflow.journal.reading import Reader, open_for_reading, owner
from agentflow.telemetry.health import Health
from agentflow_console.forms.json_text import write_object
from agentflow_console.health_text import health_json, health_text
from agentflow_console.journals import shown
from agentflow_console.link.protocol import LinkError
from agentflow_console.managing.engine import Engine
from agentflow_console.managing.place import find_journal
from agentflow_console.managing.words import size
from agentflow_console.text import safe

UNKNOWN = 2

_FIRST_REPORT = 3.0  # seconds that an engine may take from its start to its first report
_kept = msgspec.msgpack.Decoder(Health)


def health(flags: Namespace) -> int:
    """Print how the system is: 0 if well, 1 if not, 2 if it can't be told."""
    path = find_journal(flags.file, flags.journal)
    running = owner(path)
    as_json = flags.format == "json"
    if running is None:
        return _from_journal(path, as_json)
    if not running.socket:
        print(f"process {running.pid} runs, but takes no questions", file=sys.stderr)
        return UNKNOWN
    try:
        report = asyncio.run(_ask(running.socket, running.pid))
    except LinkError as error:
        print(safe(str(error)), file=sys.stderr)
        return UNKNOWN
    if report is None:
        print("the engine has only just started: ask again in a second", file=sys.stderr)
        return UNKNOWN
    if as_json:
        print(health_json(report))
    else:
        print(*health_text(report), sep="\n")
    return 0 if report.status == "ok" else 1


async def _ask(socket: str, pid: int) -> Health | None:
    async with Engine(socket, pid) as engine:
        end = time.monotonic() + _FIRST_REPORT
        while True:
            report = await engine.health()
            if report is not None or time.monotonic() > end:
                return report
            await asyncio.sleep(0.1)


def _from_journal(path: Path, as_json: bool) -> int:
    """What is known of an engine that does not run. One that was killed was not well."""
    with open_for_reading(path) as reader:
        report = _last(reader)
        counts, clean = reader.counts(), reader.clean
    if as_json:
        fields: dict[str, Any] = {
            "running": False,
            "clean": clean,
            "journal": str(path),
            "bytes": path.stat().st_size,
            "open": counts.open,
            "settled": counts.settled,
            "dead": counts.dead,
            "last": None if report is None else msgspec.json.decode(health_json(report)),
        }
        print(write_object(fields))
    else:
        how = "its last end was orderly" if clean else "it did not end in good order"
        print(f"no engine runs: {how}")
        print(
            f"{safe(shown(path))}: {counts.open:,} open, {counts.settled:,} settled, "
            f"{counts.dead:,} dead letters, {size(path)}"
        )
        if report is not None:
            print("\nlast known:")
            print(*health_text(report), sep="\n")
    if not clean:
        return 1
    return UNKNOWN if report is None else int(report.status != "ok")


def _last(reader: Reader) -> Health | None:
    """The last report that was kept, unless another version wrote it."""
    kept = reader.facts().get("health")
    try:
        return None if kept is None else _kept.decode(kept)
    except msgspec.DecodeError:
        return None

"""The journal from the command line: what it holds, who has it, and whether it is whole."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

from agentflow.journal.reading import Owner, Reader, open_for_reading, owner
from agentflow.telemetry.snapshot import AuditRow
from agentflow_console.arguments import UsageError
from agentflow_console.audit_export import exported
from agentflow_console.forms.json_text import write_object
from agentflow_console.journals import shown
from agentflow_console.managing.place import find_journal
from agentflow_console.managing.words import size, when
from agentflow_console.text import crop, fit, safe

_ROWS = 10  # of the audit and of the versions
_CELLS = 80


def journal(flags: Namespace) -> int:
    """Print what the journal holds, or check it: 0 if all is right, 1 if it is damaged."""
    words = list(flags.words)
    checking = words[:1] == ["check"]
    file, *more = [*words[checking:], ""]
    if len(more) > 1:
        raise UsageError(f"one configuration at a time, not {' '.join(words)}")
    path = find_journal(file, flags.journal)
    with open_for_reading(path) as reader:
        if checking:
            return _check(path, reader, flags.format == "json")
        if flags.format == "json":
            print(write_object(_facts(path, reader, owner(path))))
        else:
            _print(path, reader, owner(path))
    return 0


def _check(path: Path, reader: Reader, as_json: bool) -> int:
    damage = reader.check()
    if as_json:
        print(write_object({"path": str(path), "whole": not damage, "damage": damage}))
    elif not damage:
        counts = reader.counts()
        print(
            f"{safe(shown(path))} is whole: {counts.open:,} open, {counts.settled:,} settled, "
            f"{counts.dead:,} dead letters"
        )
    else:
        print(f"{safe(shown(path))} is damaged:")
        for sentence in damage:
            print(f"  {safe(sentence)}")
        print("the next start sets aside what is broken and goes on with the rest")
    return int(bool(damage))


def _facts(path: Path, reader: Reader, has: Owner | None) -> dict[str, Any]:
    counts = reader.counts()
    return {
        "path": str(path),
        "bytes": path.stat().st_size,
        "open": counts.open,
        "settled": counts.settled,
        "dead": counts.dead,
        "clean": reader.clean,
        "owner": None if has is None else has._asdict(),
        "feeds": {
            name: {"position": position, "finished": finished}
            for name, (position, finished) in reader.feeds().items()
        },
        "versions": [
            {key: fields.get(key) for key in ("number", "time", "cause", "differences")}
            for fields in reader.versions(_ROWS)
        ],
        "audit": [{**exported(row), "time": row.time} for row in reader.audit(_ROWS)],
    }


def _print(path: Path, reader: Reader, has: Owner | None) -> None:
    counts = reader.counts()
    print(f"{safe(shown(path))}  {size(path)}")
    print(f"  events    {counts.open:,} open, {counts.settled:,} settled, {counts.dead:,} dead")
    print(f"  used by   {_used_by(has, reader.clean)}")
    for name, (position, finished) in sorted(reader.feeds().items()):
        state = f"{position:,} events" if not finished else f"all {position:,} events"
        print(f"  feed      {safe(name)}: {state}")
    versions = reader.versions(_ROWS)
    if versions:
        print("\nversions of the configuration")
        for fields in versions:
            differences = fields.get("differences")
            said = differences[0] if isinstance(differences, list) and differences else ""
            number, cause = fields.get("number"), safe(str(fields.get("cause", "")))
            began = when(_number(fields.get("time")))
            line = f"  v{number}  {began}  {fit(cause, 12)}  {crop(safe(str(said)), _CELLS)}"
            print(line.rstrip())
    rows = reader.audit(_ROWS)
    if rows:
        print("\nwhat operators did last")
        for row in rows:
            print(f"  {_audited(row)}")


def _used_by(has: Owner | None, clean: bool) -> str:
    if has is not None:
        return f"process {has.pid} since {when(has.started)}" if has.pid else "another process"
    return "nobody" if clean else "nobody; the last process did not end in good order"


def _audited(row: AuditRow) -> str:
    what = " ".join(part for part in (row.action, row.target) if part)
    return (
        f"{when(row.time)}  {fit(safe(row.operator), 12)}  {fit(safe(what), 20)}  "
        f"{fit(safe(row.outcome), 8)}  {crop(safe(row.detail), _CELLS)}"
    ).rstrip()


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0

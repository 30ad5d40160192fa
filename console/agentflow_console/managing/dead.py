"""Dead letters from the command line: look, edit, replay, drop, export."""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agentflow.control import DeadDetail
from agentflow.journal.reading import Owner, owner
from agentflow_console import show
from agentflow_console.arguments import UsageError
from agentflow_console.dead_export import exported
from agentflow_console.forms.json_text import Fault, read_object, write_object
from agentflow_console.journals import shown
from agentflow_console.json_files import as_lines, as_list, write_new
from agentflow_console.link.asking import operator_name
from agentflow_console.link.protocol import LinkError
from agentflow_console.managing.edit import edited
from agentflow_console.managing.engine import Engine
from agentflow_console.managing.letters import Letters
from agentflow_console.managing.place import find_journal
from agentflow_console.managing.words import when
from agentflow_console.text import crop, fit, safe

_ERROR_CELLS = 60


def dead(flags: Namespace) -> int:
    """Do what ``dead`` is told to. Raises UsageError, JournalError."""
    path = find_journal(flags.file, flags.journal)
    actions = {
        "list": _list,
        "show": _show,
        "replay": _replay,
        "drop": _drop,
        "export": _export,
    }
    return actions[flags.action](path, flags)


# -- looking ------------------------------------------------------------------------------


def _list(path: Path, flags: Namespace) -> int:
    with Letters(path) as letters:
        if flags.format == "json":
            sys.stdout.writelines(as_list(map(_summary, letters.all())))
            return 0
        total = waiting = 0
        for letter in letters.all():
            row = letter.row
            if not total:
                print("   NO  WHEN                 AGENT             STATUS    TRIES  ERROR")
            total += 1
            waiting += row.status == "dead"
            print(
                f"{row.number:>5}  {when(row.time)}  {fit(safe(row.agent or row.target), 16)}  "
                f"{fit(safe(row.status), 8)}  {row.attempts:>5}  "
                f"{crop(safe(letter.error), _ERROR_CELLS)}".rstrip()
            )
    print(f"{_letters(total)} in {safe(shown(path))}, {waiting:,} not handled")
    return 0


def _summary(letter: DeadDetail) -> dict[str, Any]:
    fields = exported(letter)
    del fields["trace"]
    return fields


def _show(path: Path, flags: Namespace) -> int:
    letter = _one(path, flags.number)
    if letter is None:
        return _no_letter(path, flags.number)
    if flags.format == "json":
        sys.stdout.writelines([write_object(exported(letter)), "\n"])
        return 0
    row = letter.row
    print(f"dead letter {row.number}: {show.state(row.status)}")
    for name, value in (
        ("when", when(row.time)),
        ("agent", row.agent or row.target or "-"),
        ("attempts", str(row.attempts)),
        ("version", f"v{row.version}"),
        ("session", row.session),
        ("event", row.event_id),
        ("error", letter.error),
    ):
        print(f"  {name:<9} {safe(value)}")
    print("\ntraceback")
    for line in letter.error_trace.splitlines():
        print(f"  {safe(line)}")
    print("\nevent")
    for line in write_object(letter.event).splitlines():
        print(f"  {line}")
    return 0


def _export(path: Path, flags: Namespace) -> int:
    with Letters(path) as letters:
        pieces = (as_list if flags.format == "json" else as_lines)(map(exported, letters.all()))
        if flags.to == "-":
            sys.stdout.writelines(pieces)
            return 0
        to, number = Path(flags.to), 0

        def counted() -> Iterator[str]:
            nonlocal number
            for number, piece in enumerate(pieces, 1):  # noqa: B007
                yield piece

        try:
            write_new(to, counted(), replace=flags.yes)
        except FileExistsError as error:
            raise UsageError(f"{safe(str(to))} is there already: --yes overwrites it") from error
        except OSError as error:
            raise UsageError(f"{safe(str(to))} can't be written: {error.strerror}") from error
    count = number - 1 if flags.format == "json" else number
    print(f"{_letters(count)} written to {safe(str(to))}", file=sys.stderr)
    return 0


# -- doing something about it ---------------------------------------------------------------


def _replay(path: Path, flags: Namespace) -> int:
    if flags.number is None:
        if flags.data is not None or flags.edit:
            raise UsageError("--data and --edit are for one letter")
        if not _sure(path, "replay", flags.yes):
            return 1
        return _do(path, flags, "replay_all", {})
    arguments: dict[str, Any] = {"number": flags.number}
    if flags.data is not None:
        data = read_object(flags.data)
        if isinstance(data, Fault):
            raise UsageError(f"--data: {data}")
        arguments["data"] = data
    if flags.edit:
        letter = _one(path, flags.number)
        if letter is None:
            return _no_letter(path, flags.number)
        arguments["data"] = edited(flags.number, arguments.get("data", letter.event["data"]))
    return _do(path, flags, "replay", arguments)


def _drop(path: Path, flags: Namespace) -> int:
    if flags.number is not None:
        return _do(path, flags, "drop", {"number": flags.number})
    if not _sure(path, "drop", flags.yes):
        return 1
    return _do(path, flags, "clear_dead", {})


def _do(path: Path, flags: Namespace, name: str, arguments: dict[str, Any]) -> int:
    """Have the running engine do it, or do it in the journal. 0 if it was done, else 1."""
    operator = flags.operator or operator_name()
    if flags.why:
        arguments = {**arguments, "why": flags.why}
    running = owner(path)
    if running is None:
        from agentflow_console.managing.offline import offline

        answer = offline(path, name, arguments, operator)
    elif not running.socket:
        raise UsageError(
            f"process {running.pid} is using {safe(shown(path))}, and it takes no commands: "
            "do it there, or end it first"
        )
    else:
        try:
            answer = asyncio.run(_command(running, operator, name, arguments))
        except LinkError as error:
            print(safe(str(error)), file=sys.stderr)
            return 1
    print(safe(answer.message), file=sys.stdout if answer.ok else sys.stderr)
    return 0 if answer.ok else 1


async def _command(running: Owner, operator: str, name: str, arguments: dict[str, Any]) -> Any:
    async with Engine(running.socket, running.pid) as engine:
        engine.operator = operator
        return await engine.command(name, **arguments)


def _sure(path: Path, verb: str, yes: bool) -> bool:
    """Whether the person means all of them. Raises UsageError if nobody can be asked."""
    if yes:
        return True
    with Letters(path) as letters:
        count = sum(letter.row.status == "dead" or verb == "drop" for letter in letters.all())
    if not sys.stdin.isatty():
        raise UsageError(f"{verb} all means {_letters(count)}: say --yes if that is meant")
    print(f"{verb} {_letters(count)}? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() in ("y", "yes"):
        return True
    print("nothing was done", file=sys.stderr)
    return False


# -- words ----------------------------------------------------------------------------------


def _one(path: Path, number: int) -> DeadDetail | None:
    with Letters(path) as letters:
        return letters.one(number)


def _no_letter(path: Path, number: int) -> int:
    print(f"there is no dead letter {number} in {safe(shown(path))}", file=sys.stderr)
    return 1


def _letters(count: int) -> str:
    return f"{count:,} dead letter{'s'[: count != 1]}"

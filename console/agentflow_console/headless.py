"""Headless: the same engine and the same store, printing lines instead of drawing screens."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from typing import Any, TextIO

import msgspec

from agentflow.errors import JournalError
from agentflow.telemetry.snapshot import Cursor
from agentflow_console.farewell import left_sentence, progress, second_quit
from agentflow_console.host import Host, HostError
from agentflow_console.host_options import HostOptions
from agentflow_console.journals import recovered_sentence, shown
from agentflow_console.link.capture import LEVELS, LogHandler
from agentflow_console.report import JsonReport, Report, TextReport
from agentflow_console.signals import Signals
from agentflow_console.store import Store
from agentflow_console.text import safe

_TELL = 2.0  # seconds between two lines about a drain
_EVERY = 0.02  # seconds between two looks at the engine
_LIMIT = 1_000_000  # event rows in one look: whatever the engine still has


def run(options: HostOptions, format: str) -> int:
    """Run until the input has ended and nothing is left to do, printing as it goes.

    Gives the exit code: 0 if every event succeeded and the journal has that, 1 if not, 2 if it
    can't be run.
    """
    sys.stderr.flush()
    out = _own_output()
    report: Report = (JsonReport if format == "json" else TextReport)(out, sys.stderr)
    try:
        code = asyncio.run(_run(options, report))
        out.flush()
    except HostError as error:
        for line in str(error).splitlines():
            print(safe(line), file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever read has gone, and that is all right: nothing is said, here or at the exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
        return 1
    return code


def _own_output() -> TextIO:
    """Standard output for the report alone: what handlers print goes to standard error."""
    sys.stdout.flush()
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="replace")
    os.dup2(2, 1)
    return out


async def _run(options: HostOptions, report: Report) -> int:
    host = Host(options)
    host.open()
    root = logging.getLogger()
    root.addHandler(LogHandler(host.runner.telemetry.log))
    root.setLevel(LEVELS[host.runner.config.logging.level])
    if not options.events and not options.demo:
        print("there are no events: --events FILE (or -) emits some", file=sys.stderr)
    printing = _Printing(host, report)
    host.on_bad_line = printing.bad_line
    began = time.monotonic()
    stopping = _Stopping(host)
    with Signals(stopping.signalled, _give_up):
        await host.start()
        _tell_recovery(host, report)
        await _work(host, printing, stopping)
    printing.look()
    counts = host.runner.counts()
    unkept = _unkept(host)
    code = 1 if unkept or counts.accepted != counts.succeeded else 0
    report.end(
        {
            "counts": counts._asdict(),
            "bad_lines": printing.bad_lines,
            "not_shown": printing.store.events.missed,
            "duration": round(time.monotonic() - began, 3),
            "exit_code": code,
        }
    )
    left = left_sentence(counts.queued + counts.held + counts.running, host.journal)
    for sentence in (unkept, left):
        if sentence:
            print(sentence, file=sys.stderr)
    return code


def _unkept(host: Host) -> str:
    """What to say if the journal could not keep everything; '' if it has, or there is none."""
    journal = host.runner.journal
    if journal is None or (stats := journal.stats()).state == "ok":
        return ""
    return (
        f"{shown(stats.path)} does not have everything that was done: {safe(stats.reason, 300)};"
        " the next start does some of it again"
    )


async def _work(host: Host, printing: _Printing, stopping: _Stopping) -> None:
    """Until there is nothing left to do, or somebody wants to end it."""
    printer = asyncio.create_task(printing.go_on())
    working = asyncio.create_task(_until_idle(host))
    try:
        await asyncio.wait([printer, working, stopping.asked], return_when=asyncio.FIRST_COMPLETED)
        if printer.done():
            stopping.drain = False  # it only ends by failing: nobody reads what would be said
            printer.result()
        if working.done():
            working.result()
    finally:
        telling = asyncio.create_task(stopping.tell()) if stopping.asked.done() else None
        stopping.begin()
        working.cancel()
        await host.stop(stopping.drain)
        printer.cancel()
        if telling is not None:
            telling.cancel()


def _tell_recovery(host: Host, report: Report) -> None:
    """What the start found in the journal, where the log does not say so to people."""
    recovered = host.runner.recovered
    if recovered is None or isinstance(report, TextReport):
        return
    for sentence in (recovered_sentence(recovered), *recovered.damage):
        if sentence:
            print(safe(sentence), file=sys.stderr)


def _give_up() -> None:
    """Nothing moves here any more, and somebody has asked twice for the end."""
    os._exit(1)


async def _until_idle(host: Host) -> None:
    try:
        await host.fed()
    except JournalError:
        return  # the log says why nothing is accepted; what was accepted waits in the journal
    except OSError as error:
        raise HostError(f"the events can't be read: {error}") from error
    await host.runner.join()


class _Printing:
    """Looks at the engine again and again and reports what is new."""

    def __init__(self, host: Host, report: Report) -> None:
        self.store = Store(limit=_LIMIT)
        self.bad_lines = 0
        self._host = host
        self._report = report

    async def go_on(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(_EVERY)

    def look(self) -> None:
        cursor = msgspec.structs.replace(self.store.cursor, tables=False)
        snapshot = self._host.control.snapshot(cursor)
        self.store.apply(snapshot)
        self._report.show(snapshot)

    def bad_line(self, number: int, what: str) -> None:
        self.bad_lines += 1
        self._report.bad_line(number, what)


class _Stopping:
    """SIGTERM, SIGINT and SIGHUP: the first one drains, a second one doesn't wait."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.asked: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.drain = True

    def begin(self) -> None:
        """The end has begun, whoever wanted it."""
        if not self.asked.done():
            self.asked.set_result(None)

    def signalled(self, number: int, count: int) -> None:
        """A signal says that this is to end."""
        if count == 1 and not self.asked.done():
            self._host.stop_feeding()
            self.asked.set_result(None)
        elif count > 1:
            self.drain = False
            self._hurry = asyncio.ensure_future(self._host.stop(drain=False))

    async def tell(self) -> None:
        """Say again and again how far the drain is."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + self._host.drain_timeout
        would = second_quit("", self._host.journal)[0].partition(": ")[2]
        again = f" (once more: {would})"
        while self.drain:
            snapshot = self._host.control.snapshot(Cursor(limit=0))
            agents = [row.name for row in snapshot.agents or [] if row.in_flight]
            line = progress(snapshot.counts, agents, max(ends - loop.time(), 0.0))[0]
            print(f"{line}{again}", file=sys.stderr, flush=True)
            again = ""
            await asyncio.sleep(_TELL)

"""Running: a what-if run in a process of its own, and what has come of it so far."""

from __future__ import annotations

import asyncio
import sys
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec

from agentflow_console.text import safe

_LONGEST = 1 << 26  # bytes of a line, which is one session
_MOST_EVENTS = 100  # of a session: that many can be looked at
_GRACE = 3.0  # seconds that a process has to end

RUNNING, ENDED, CANCELLED, FAILED = "running", "ended", "cancelled", "failed"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one session; ``packed`` is its whole report."""

    session: str
    verdict: str
    parts: int
    events: int
    dead: tuple[int, int]
    """Dead letters: recorded, and now."""
    packed: bytes

    def report(self) -> dict[str, Any]:
        """The report, as ``agentflow.whatif.as_data`` made it."""
        report: dict[str, Any] = msgspec.json.decode(zlib.decompress(self.packed))
        return report


class Run:
    """One run of ``agentflow-console whatif`` with these arguments.

    ``go`` runs it to its end, and ends the process when it is cancelled; ``changed`` is
    called when there is more to show.
    """

    def __init__(self, arguments: Sequence[str], changed: Callable[[], object]) -> None:
        self.arguments = list(arguments)
        self.verdicts: list[Verdict] = []
        self.summary: dict[str, Any] | None = None
        self.state = RUNNING
        self.error = ""
        self.process = 0
        """The id of its process, once there is one."""
        self.done = self.events = 0
        """Events that were run, of all; 0 and 0 before anything is known."""
        self._changed = changed

    async def go(self) -> None:
        """Run it. What goes wrong is in ``error``."""
        command = (sys.executable, "-P", "-m", "agentflow_console", "whatif")
        try:
            process = await asyncio.create_subprocess_exec(
                *command, "--format", "json", "--progress", "--most-events", str(_MOST_EVENTS),
                *self.arguments,
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE, limit=_LONGEST, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            self._end(FAILED, f"the run can't be started: {error.strerror or error}")
            return
        assert process.stdout is not None
        assert process.stderr is not None
        self.process = process.pid
        try:
            self._changed()
            said = asyncio.create_task(self._listen(process.stderr))
            await self._read(process.stdout)
            words = await said
            await process.wait()
            if self.summary is not None:
                self._end(ENDED)
            else:
                self._end(FAILED, words or f"the run ended with {process.returncode}")
        except ValueError:  # a line that is longer than anybody could look at
            self._end(FAILED, "a session is too large to be shown: use the command line")
        except asyncio.CancelledError:
            self._end(CANCELLED)
            raise
        finally:
            if process.returncode is None:
                await _stop(process)

    def _end(self, state: str, error: str = "") -> None:
        self.state, self.error = state, error
        self._changed()

    async def _read(self, lines: asyncio.StreamReader) -> None:
        while line := await lines.readline():
            report = msgspec.json.decode(line)
            if "summary" in report:
                self.summary = report["summary"]
            else:
                self.verdicts.append(_verdict(report, line))
            self._changed()

    async def _listen(self, lines: asyncio.StreamReader) -> str:
        """Take in how far it has come; the last sentence that is no such thing."""
        words = ""
        while line := await lines.readline():
            text = line.decode("utf-8", "replace").strip()
            done, slash, events = text.partition("/")
            if slash and done.isdigit() and events.isdigit():
                self.done, self.events = int(done), int(events)
            elif text:
                words = f"{words} {text.removeprefix('agentflow-console: ')}".strip()
        return safe(words, 600)


def _verdict(report: dict[str, Any], line: bytes) -> Verdict:
    return Verdict(
        report["session"],
        report["verdict"],
        report["parts"],
        report["recorded"]["events"],
        (report["recorded"]["dead"], report["new"]["dead"]),
        zlib.compress(line, 1),
    )


async def _stop(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_GRACE):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()

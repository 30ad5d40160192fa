"""Feeds: where an engine's events come from when nobody else emits them."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from agentflow.errors import InvalidEvent, QueueFull
from agentflow.event import Event

if TYPE_CHECKING:
    from agentflow import Runner

_SLICE = 0.1  # seconds after which a changed pace is noticed
_LONGEST_LINE = 64 * 1024 * 1024  # bytes


class Port:
    """What a feed may do with the runner, counted.

    ``position`` is how many events have been accepted. The first ``skip`` ones are taken
    for granted: another engine had them before it handed over to this one.
    """

    def __init__(self, runner: Runner, skip: int = 0) -> None:
        self._runner = runner
        self._skip = skip
        self._due = time.monotonic()
        self.position = 0

    @property
    def pace(self) -> float:
        """Events a second, 0 for as fast as they are taken."""
        return 0.0 if self.position < self._skip else self._runner.pace

    @property
    def register_callback(self) -> Callable[..., None]:
        """The runner's own: a feed may want to see what becomes of its events."""
        return self._runner.register_callback

    async def emit(self, event: Event) -> str:
        """Queue the event and give its id. Raises QueueFull when there is no room for it."""
        if self.position < self._skip:
            event_id = event.id
        else:
            event_id = await self._runner.emit(event)
        self.position += 1
        return event_id

    async def emit_paced(self, event: Event) -> None:
        """Queue the event when its turn comes and there is room for it."""
        while (pace := self.pace) and (wait := self._due - time.monotonic()) > 0:  # noqa: ASYNC110
            # In slices, because the pace may change meanwhile.
            await asyncio.sleep(min(wait, _SLICE, 1 / pace))
        now = time.monotonic()
        self._due = max(self._due, now - _SLICE) + (1 / pace if pace else 0.0)
        while True:
            try:
                await self.emit(event)
                return
            except QueueFull:
                continue


async def demo_feed(port: Port) -> None:
    """The bundled demo's events."""
    from agentflow_console.demo.feed import feed

    await feed(port)


async def lines_feed(port: Port, path: str, bad_line: Callable[[int, str], None]) -> None:
    """Events from JSON lines, one object each; "-" is standard input.

    ``bad_line`` is told the number (from 1) and what is wrong; the rest goes on.
    Raises OSError if the file can't be read.
    """
    number = 0
    async for line in _lines(path):
        number += 1
        if not line.strip():
            continue
        try:
            await port.emit_paced(parse_event(line))
        except InvalidEvent as error:
            bad_line(number, str(error))


def parse_event(line: bytes) -> Event:
    """The event in one line. Raises InvalidEvent with what is wrong."""
    try:
        fields: Any = json.loads(line)
    except json.JSONDecodeError as error:
        raise InvalidEvent("event", f"not JSON: {error.msg} at column {error.colno}") from None
    except (ValueError, RecursionError) as error:
        raise InvalidEvent("event", f"not JSON: {error}") from None
    event = Event.from_dict(fields)
    _ = event.priority_rank  # an unknown priority is the line's fault, and said here
    return event


async def _lines(path: str) -> AsyncIterator[bytes]:
    """Lines as they come, from a thread that may be stuck in a read when all else ends."""
    stream: IO[bytes] = sys.stdin.buffer if path == "-" else Path(path).open("rb")  # noqa: ASYNC230, SIM115
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[bytes | OSError] = asyncio.Queue()
    room = threading.Semaphore(16)
    fd = stream.fileno()

    def read() -> None:
        while True:
            room.acquire()
            try:
                piece: bytes | OSError = os.read(fd, 65536)
            except OSError as error:
                piece = error
            try:
                loop.call_soon_threadsafe(pieces.put_nowait, piece)
            except RuntimeError:
                return  # the loop is closed: nobody reads any more
            if not piece or isinstance(piece, OSError):
                return

    threading.Thread(target=read, name="read-events", daemon=True).start()
    rest = b""
    try:
        while piece := await pieces.get():
            room.release()
            if isinstance(piece, OSError):
                raise piece
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                yield line
            if len(rest) > _LONGEST_LINE:
                raise OSError(f"a line is longer than {_LONGEST_LINE:,} bytes")
        if rest:
            yield rest
    finally:
        room.release()
        if path != "-":
            stream.close()

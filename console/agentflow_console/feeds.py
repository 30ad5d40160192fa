"""Feeds: where an engine's events come from when nobody else emits them."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, Protocol

from agentflow.errors import InvalidEvent, JournalFailed, JournalFull, QueueFull
from agentflow.event import Event

if TYPE_CHECKING:
    from agentflow import Runner

_SLICE = 0.1  # seconds after which a changed pace is noticed
_IN_FLIGHT = 256  # events of a feed on their way to the disk
_LONGEST_LINE = 64 * 1024 * 1024  # bytes
_LOOKED_AT = 64 * 1024 * 1024  # bytes at the beginning of a file that must be the same


class Source(NamedTuple):
    """What a feed's events come from: the same name only if they are the same events.

    "" is the name of what can't be had a second time. ``total`` is how many there are, 0
    if that isn't known.
    """

    name: str
    total: int = 0


class Port:
    """What a feed may do with the runner, counted.

    ``position`` is how many events of the feed were dealt with. The first ``skip`` ones
    are taken for granted: an earlier engine had them. With a name the position is kept
    in the journal, together with each event.
    """

    def __init__(self, runner: Runner, name: str = "", skip: int = 0) -> None:
        self._runner = runner
        self._name = name
        self._due = time.monotonic()
        self._place = 0
        # On their way to the disk, in order. One at a time would be a wait for the disk each.
        self._sent: deque[tuple[int, Event, asyncio.Future[str]]] = deque()
        self.skip = skip
        self.repeated = 0
        """How many were not accepted because the journal has had them before."""

    @property
    def position(self) -> int:
        """How many events were dealt with, up to the first that could not be kept."""
        failed = (place for place, _, told in self._sent if told.done() and _failed(told))
        return min(failed, default=self._place + 1) - 1

    @property
    def pace(self) -> float:
        """Events a second, 0 for as fast as they are taken."""
        return 0.0 if self._place < self.skip else self._runner.pace

    async def emit_paced(self, event: Event) -> None:
        """Queue the event when its turn comes and there is room for it.

        Raises InvalidEvent for one that can never be accepted: the next one has its turn.
        """
        while (pace := self.pace) and (wait := self._due - time.monotonic()) > 0:  # noqa: ASYNC110
            # In slices, because the pace may change meanwhile.
            await asyncio.sleep(min(wait, _SLICE, 1 / pace))
        now = time.monotonic()
        self._due = max(self._due, now - _SLICE) + (1 / pace if pace else 0.0)
        place = self._place + 1
        if place > self.skip:
            try:
                self._sent.append((place, event, await self._next(place, event)))
            except InvalidEvent:
                self._place = place
                raise
        self._place = place

    async def finish(self) -> None:
        """There is nothing more: wait for what is on its way, and note it."""
        while not await self._all_kept(0):
            continue
        self._runner.health.source_ended()
        if self._name:
            self._runner.note_feed(self._name, self._place, finished=True)

    async def _next(self, place: int, event: Event) -> asyncio.Future[str]:
        """Submit an event, when nothing before it is known to be refused: none may overtake."""
        while True:
            await self._runner.room()
            if not await self._all_kept(_IN_FLIGHT - 1):
                continue
            try:
                return self._submit(place, event)
            except (QueueFull, JournalFull):
                await asyncio.sleep(_SLICE)

    def _submit(self, place: int, event: Event) -> asyncio.Future[str]:
        return self._runner.submit(event, feed=(self._name, place) if self._name else None)

    async def _all_kept(self, left: int) -> bool:
        """Wait until at most ``left`` are on their way. False if that took time."""
        at_once = True
        while self._sent and (len(self._sent) > left or self._sent[0][2].done()):
            place, event, told = self._sent[0]
            if not told.done():
                at_once = False
                await asyncio.wait([told])
            error = told.exception()
            if error is None:
                self.repeated += told.result() != event.id
            elif isinstance(error, (JournalFull, JournalFailed)):
                at_once = False
                await self._send_again()
                continue
            else:
                self._runner.report("error", f"event {place} of the feed is left out: {error}")
            self._sent.popleft()
        return at_once

    async def _send_again(self) -> None:
        """Submit what was refused anew, one by one: together it may be too much.

        When one is refused, all behind it are, too: so each has its own place once more.
        """
        await asyncio.wait([told for _, _, told in self._sent])
        for index, (place, event, told) in enumerate(self._sent):
            while isinstance(told.exception(), (JournalFull, JournalFailed)):
                try:
                    told = self._submit(place, event)
                except (QueueFull, JournalFull):
                    await asyncio.sleep(_SLICE)
                    continue
                self._sent[index] = (place, event, told)
                await asyncio.wait([told])


def _failed(told: asyncio.Future[str]) -> bool:
    return told.exception() is not None


class Feed(Protocol):
    """Where events come from."""

    def attach(self, runner: Runner) -> None:
        """Get ready with a runner that has not been started."""

    async def identify(self) -> Source:
        """What the events come from. Raises OSError if that can't be read."""

    async def run(self, port: Port) -> None:
        """Emit all events. Raises OSError if they can't be read."""


class LinesFeed:
    """Events from JSON lines, one object each; "-" is standard input.

    ``bad_line`` is told the number (from 1) and what is wrong; the rest goes on.
    """

    def __init__(self, path: str, bad_line: Callable[[int, str], None]) -> None:
        self._path = path
        self._bad_line = bad_line

    def attach(self, runner: Runner) -> None:
        """There is nothing to do."""

    async def identify(self) -> Source:
        """The file with just this content: one that was edited is another one."""
        if self._path == "-":
            return Source("")
        return Source(await asyncio.to_thread(_name_of, Path(self._path)))

    async def run(self, port: Port) -> None:
        """Emit an event for each line that is one."""
        number = 0
        async for line in _lines(self._path):
            number += 1
            if not line.strip():
                continue
            try:
                await port.emit_paced(parse_event(line))
            except InvalidEvent as error:
                # The lines before the first new event were told when they were read first.
                if port.position >= port.skip:
                    self._bad_line(number, str(error))


def feed_of(events: str, demo: bool, bad_line: Callable[[int, str], None]) -> Feed | None:
    """The feed that reads ``events``, or the bundled demo's, if there is to be one."""
    if demo:
        from agentflow_console.demo.feed import DemoFeed

        return DemoFeed()
    return LinesFeed(events, bad_line) if events else None


def _name_of(path: Path) -> str:
    """The path and what tells the content: of big files not all of it is read.

    "" for standard input, a pipe, and all else that can be read only once.
    """
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        digest = hashlib.blake2b(file.read(_LOOKED_AT), digest_size=8)
        facts = os.fstat(file.fileno())
        if facts.st_size > _LOOKED_AT:
            digest.update(f"{facts.st_size} {facts.st_mtime_ns}".encode())
    return f"{path.resolve()} {digest.hexdigest()}"


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
    begun: list[bytes] = []  # pieces of a line whose end has not come yet
    length = 0
    try:
        while piece := await pieces.get():
            room.release()
            if isinstance(piece, OSError):
                raise piece
            *ends, last = piece.split(b"\n")
            for end in ends:
                yield b"".join((*begun, end))
                begun.clear()
                length = 0
            begun.append(last)
            length += len(last)
            if length > _LONGEST_LINE:
                raise OSError(f"a line is longer than {_LONGEST_LINE:,} bytes")
        if rest := b"".join(begun):
            yield rest
    finally:
        room.release()
        if path != "-":
            stream.close()

"""EngineConnection: the console's end of the socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from agentflow.telemetry.snapshot import Counts
from agentflow_console.link.frames import FrameBuffer, FrameError, frame
from agentflow_console.link.messages import (
    AnyRequest,
    CodeChanged,
    Draining,
    Ended,
    Failed,
    FromEngine,
    HandOver,
    Push,
    Ready,
    Refusal,
    RefuseCode,
    Reply,
    Report,
    Stop,
    Stuck,
    TakeOver,
)
from agentflow_console.link.process import EngineProcess
from agentflow_console.link.protocol import LinkError

_messages: msgspec.msgpack.Decoder[FromEngine] = msgspec.msgpack.Decoder(FromEngine)
_handover = msgspec.msgpack.Decoder(dict)
_GRACE = 2.0  # seconds beyond the drain's own limit before a child that won't end is killed
_TOLD = "the engine was told from elsewhere to end"


class EngineConnection(asyncio.Protocol):
    """One engine's process and the talk with it.

    ``pushed`` gets what it says unasked; ``lost`` is called once, with a sentence, when
    it is gone without having been told to stop.

    ``journal`` is where it keeps what it has accepted ('' for nowhere) and
    ``drain_timeout`` how many seconds its drain may take. ``drain_ends`` is when one that
    is under way is given up, in the loop's time, 0 for none. ``left`` is where its events
    were at the end, None unless it ended in good order. ``refused`` is whether it said
    itself that it can't start, ``overran`` whether it was killed because it did not end.
    """

    def __init__(
        self,
        process: EngineProcess,
        pushed: Callable[[EngineConnection, Push], None],
        lost: Callable[[EngineConnection, str], None],
    ) -> None:
        self.process = process
        self._pushed = pushed
        self._lost = lost
        self._frames = FrameBuffer()
        self._transport: asyncio.WriteTransport | None = None
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._ready: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
        self._gone = asyncio.Event()
        self._stopping = False
        self._limit: asyncio.Timeout | None = None
        self._number = 0
        self.drain_timeout = 0.0
        self.journal = ""
        self.drain_ends = 0.0
        self.left: Counts | None = None
        self.refused = False
        self.overran = False

    async def ready(self) -> None:
        """Wait until the engine is up. Raises LinkError with the reason if it can't be."""
        loop = asyncio.get_running_loop()
        await loop.create_unix_connection(lambda: self, sock=self.process.socket)
        ready = await self._ready
        self.drain_timeout, self.journal = ready.drain_timeout, ready.journal

    async def ask(self, request: AnyRequest) -> bytes:
        """The body of the reply. Raises LinkError for a refusal or a lost engine."""
        if self._transport is None or self._transport.is_closing():
            raise LinkError("the engine is gone")
        # Renumbered, because a request may be asked of one engine and again of the next.
        self._number = number = self._number + 1
        reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[number] = reply
        self._transport.write(frame(msgspec.structs.replace(request, number=number)))
        try:
            return await reply
        finally:
            del self._waiting[number]

    async def hand_over(self) -> dict[str, object]:
        """Everything that is not finished; the engine works no more after that."""
        return _handover.decode(await self.ask(HandOver(0)))

    async def take_over(self, handover: dict[str, object]) -> None:
        """Have it go on with what another engine handed over."""
        await self.ask(TakeOver(0, handover))

    async def refuse_code(self, text: str) -> None:
        """Tell it that changed handler code can't be used."""
        await self.ask(RefuseCode(0, text))

    async def report(self, level: str, text: str) -> None:
        """Put something into its log."""
        await self.ask(Report(0, level, text))

    async def stop(self, *, drain: bool) -> None:
        """Have it end, and make sure that it has. What it leaves behind is removed.

        A second call without ``drain`` cuts the drain of the first one short.
        """
        self._stopping = True
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(frame(Stop(0, drain)))
        if drain and not self.drain_ends:
            self.drain_ends = asyncio.get_running_loop().time() + self.drain_timeout
        try:
            async with asyncio.timeout(_GRACE) as limit:
                if drain:
                    self._limit = limit
                    self._set_limit()
                await self._gone.wait()
        except TimeoutError:
            self.overran = True
            self.process.kill()
        finally:
            self._limit = None
        if not await asyncio.to_thread(self.process.wait, _GRACE):
            self.process.kill()
            await asyncio.to_thread(self.process.wait, _GRACE)
        if self._transport is not None:
            self._transport.close()
        self.process.clean()

    def _set_limit(self) -> None:
        """It says itself how long its drain may take: its configuration may have changed."""
        if self._limit is not None and self.drain_ends:
            self._limit.reschedule(self.drain_ends + _GRACE)

    # -- asyncio's side -------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket was connected before the process began."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Replies find who waits for them, the rest is passed on."""
        try:
            for body in self._frames.feed(data):
                self._take(_messages.decode(body))
        except (FrameError, msgspec.DecodeError) as error:
            self._fail(LinkError(f"the engine speaks another language: {error}"))
            if self._transport is not None:
                self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """The process has ended or is about to."""
        self._gone.set()
        if self._stopping:
            self._fail(LinkError("the engine was stopped"))
            return
        task = asyncio.get_running_loop().create_task(self._post_mortem())
        self._task = task  # kept from the garbage collector

    def _take(self, message: FromEngine) -> None:
        match message:
            case Reply(number=number, body=body):
                waiting = self._waiting.get(number)
                if waiting is not None and not waiting.done():
                    waiting.set_result(bytes(body))
            case Refusal(number=number, message=text):
                waiting = self._waiting.get(number)
                if waiting is not None and not waiting.done():
                    waiting.set_exception(LinkError(text))
            case Ready():
                if not self._ready.done():
                    self._ready.set_result(message)
            case Failed(message=text, problems=problems):
                self.refused = True
                if not self._ready.done():
                    self._ready.set_exception(LinkError(text, problems))
            case Draining(timeout=timeout):
                self.drain_ends = asyncio.get_running_loop().time() + timeout
                self._set_limit()
                self._pushed(self, message)
            case Ended(counts=counts):
                self.left = counts
                self._pushed(self, message)
            case Stuck() | CodeChanged():
                self._pushed(self, message)

    async def _post_mortem(self) -> None:
        """Say how it ended. The socket closes a moment before the process is gone."""
        ended = await asyncio.to_thread(self.process.wait, _GRACE)
        sentence = _TOLD if self.left is not None else self.process.how_it_ended()
        if not ended:  # it lives on without a connection, and may still have the journal
            self.process.kill()
            await asyncio.to_thread(self.process.wait, _GRACE)
        self._fail(LinkError(sentence))
        self._lost(self, sentence)

    def _fail(self, error: LinkError) -> None:
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(error)
        if not self._ready.done():
            self._ready.set_exception(error)

"""EngineConnection: the console's end of the socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from agentflow_console.link.frames import FrameBuffer, FrameError, frame
from agentflow_console.link.messages import (
    AnyRequest,
    CodeChanged,
    Failed,
    FromEngine,
    HandOver,
    Ready,
    Refusal,
    RefuseCode,
    Reply,
    Stop,
    Stuck,
    TakeOver,
)
from agentflow_console.link.process import EngineProcess
from agentflow_console.link.protocol import LinkError

_messages: msgspec.msgpack.Decoder[FromEngine] = msgspec.msgpack.Decoder(FromEngine)
_handover = msgspec.msgpack.Decoder(dict)
_GRACE = 2.0  # seconds beyond the drain's own limit before a child that won't end is killed


class EngineConnection(asyncio.Protocol):
    """One engine's process and the talk with it.

    ``pushed`` gets what it says unasked; ``lost`` is called once, with a sentence, when
    it is gone without having been told to stop.
    """

    def __init__(
        self,
        process: EngineProcess,
        pushed: Callable[[EngineConnection, Stuck | CodeChanged], None],
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
        self._number = 0
        self.drain_timeout = 0.0

    async def ready(self) -> None:
        """Wait until the engine is up. Raises LinkError with the reason if it can't be."""
        loop = asyncio.get_running_loop()
        await loop.create_unix_connection(lambda: self, sock=self.process.socket)
        self.drain_timeout = (await self._ready).drain_timeout

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

    async def stop(self, *, drain: bool) -> None:
        """Have it end, and make sure that it has. What it leaves behind is removed."""
        self._stopping = True
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(frame(Stop(0, drain)))
        seconds = (self.drain_timeout if drain else 0.0) + _GRACE
        try:
            async with asyncio.timeout(seconds):
                await self._gone.wait()
        except TimeoutError:
            self.process.kill()
        if not await asyncio.to_thread(self.process.wait, _GRACE):
            self.process.kill()
            await asyncio.to_thread(self.process.wait, _GRACE)
        if self._transport is not None:
            self._transport.close()
        self.process.clean()

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
                self._ready.set_result(message)
            case Failed(message=text, problems=problems):
                self._ready.set_exception(LinkError(text, problems))
            case Stuck() | CodeChanged():
                self._pushed(self, message)

    async def _post_mortem(self) -> None:
        """Say how it ended. The socket closes a moment before the process is gone."""
        await asyncio.to_thread(self.process.wait, _GRACE)
        sentence = self.process.how_it_ended()
        self.process.kill()  # does nothing unless it lives on without a connection
        self._fail(LinkError(sentence))
        self._lost(self, sentence)

    def _fail(self, error: LinkError) -> None:
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(error)
        if not self._ready.done():
            self._ready.set_exception(error)

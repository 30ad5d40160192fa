"""Server: answers one console, between the events that the engine's loop works on."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, Protocol

import msgspec

from agentflow_console.link.answering import Answers, execute, look_up
from agentflow_console.link.connection import Connection
from agentflow_console.link.cost import Cost
from agentflow_console.link.frames import encode
from agentflow_console.link.messages import (
    AnyRequest,
    Execute,
    HandOver,
    Push,
    Ready,
    Refusal,
    RefuseCode,
    Reply,
    Report,
    Stop,
    TakeOver,
)

_requests = msgspec.msgpack.Decoder(AnyRequest)


class Served(Protocol):
    """What the server needs of an engine (``agentflow_console.host.Host``)."""

    @property
    def control(self) -> Answers: ...
    def refuse_code(self, text: str) -> None: ...
    def report(self, level: str, text: str) -> None: ...
    async def hand_over(self) -> dict[str, Any]: ...
    async def take_over(self, handover: dict[str, Any]) -> None: ...


class Server:
    """Serves the console at the other end of ``sock``.

    Reading is answered at once in the order asked; commands run beside each other.
    ``ended`` is done when the console says stop or is gone (``deserted``): its result is
    whether to drain. ``hastened`` is done when a drain is to be cut short. Answers go on
    until ``close``.
    """

    def __init__(self, sock: socket.socket, engine: Served) -> None:
        self._engine = engine
        self._connection = Connection(sock, self._receive, self._lost)
        self._tasks: set[asyncio.Task[None]] = set()
        self._cost = Cost()
        self.deserted = False
        loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[bool] = loop.create_future()
        self.hastened: asyncio.Future[None] = loop.create_future()

    def send(self, message: Ready | Push) -> None:
        """Say something that was not asked for. May be called from any thread."""
        self._connection.send(message)

    def stop(self, drain: bool) -> None:
        """End as if the console had asked for it; without ``drain``, even while it drains."""
        if not self.ended.done():
            self.ended.set_result(drain)
        if not drain and not self.hastened.done():
            self.hastened.set_result(None)

    def close(self) -> None:
        """Say no more."""
        self._connection.close()

    def _lost(self) -> None:
        self.deserted = True
        self.stop(drain=True)

    def _receive(self, data: bytes) -> None:
        with self._cost:
            self._take(data)

    def _take(self, data: bytes) -> None:
        try:
            request = _requests.decode(data)
        except msgspec.DecodeError:  # no console of ours says that
            self._connection.close()
            self._lost()
            return
        if isinstance(request, Stop):
            self.stop(request.drain)
        elif isinstance(request, (Execute, HandOver, TakeOver)):
            task = asyncio.get_running_loop().create_task(self._work(request))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            try:
                reply = self._read(request)
            except Exception as error:  # a screen that waits for ever is worse than any bug
                self._refuse(request, error)
            else:
                self._reply(request, reply)

    def _read(self, request: AnyRequest) -> Any:
        if isinstance(request, RefuseCode):
            self._engine.refuse_code(request.text)
            return None
        if isinstance(request, Report):
            self._engine.report(request.level, request.text)
            return None
        return look_up(self._engine.control, request, self._cost.share)

    async def _work(self, request: Execute | HandOver | TakeOver) -> None:
        try:
            reply: Any = None
            if isinstance(request, Execute):
                reply = await execute(self._engine.control, request)
            elif isinstance(request, HandOver):
                await self._commands_done()
                reply = await self._engine.hand_over()
            else:
                await self._engine.take_over(request.handover)
        except Exception as error:
            self._refuse(request, error)
        else:
            self._reply(request, reply)

    async def _commands_done(self) -> None:
        others = self._tasks - {asyncio.current_task()}
        if others:
            await asyncio.wait(others)

    def _reply(self, request: AnyRequest, body: Any) -> None:
        try:
            message: Reply | Refusal = Reply(request.number, msgspec.Raw(encode(body)))
        except (TypeError, ValueError, OverflowError) as error:
            self._refuse(request, error)
        else:
            self._connection.send(message)

    def _refuse(self, request: AnyRequest, error: Exception) -> None:
        what = type(request).__name__
        text = f"the engine could not answer {what}: {type(error).__name__}: {error}"
        self._connection.send(Refusal(request.number, text))

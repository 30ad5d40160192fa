"""Engine: a running engine, asked over its control socket."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from agentflow.telemetry.health import Health
from agentflow_console.link.asking import AskingLink
from agentflow_console.link.control_socket import address
from agentflow_console.link.frames import LIMIT, FrameError, frame
from agentflow_console.link.messages import AnyRequest, Ready, Refusal, Reply, ShowHealth
from agentflow_console.link.protocol import LinkError

PATIENCE = 10.0
"""Seconds that an engine may take for an answer: one whose loop is blocked gives none."""

_health: msgspec.msgpack.Decoder[Health | None] = msgspec.msgpack.Decoder(Health | None)
_messages = msgspec.msgpack.Decoder(Ready | Reply | Refusal)


class Engine(AskingLink):
    """The engine that listens at ``path``. An async context manager; calls raise LinkError."""

    def __init__(self, path: str, pid: int) -> None:
        super().__init__()
        self._path = path
        self._who = f"the engine (process {pid})"
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def __aenter__(self) -> Self:
        try:
            with address(Path(self._path)) as short:
                async with asyncio.timeout(PATIENCE):
                    self._reader, self._writer = await asyncio.open_unix_connection(short)
        except OSError as error:
            raise LinkError(self._failure(error)) from error
        try:
            async with asyncio.timeout(PATIENCE):
                message = await self._message()
            if not isinstance(message, Ready):
                raise LinkError(f"{self._who} speaks another language")
        except (OSError, EOFError) as error:
            self._writer.close()
            raise LinkError(self._failure(error)) from error
        except LinkError:
            self._writer.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.close()

    async def health(self) -> Health | None:
        """How it is; None in its first second."""
        return _health.decode(await self._ask(ShowHealth(next(self._numbers))))

    async def _ask(self, request: AnyRequest) -> bytes:
        try:
            async with asyncio.timeout(PATIENCE):
                self._writer.write(frame(request))
                await self._writer.drain()
                message = await self._message()
        except (OSError, EOFError) as error:
            raise LinkError(self._failure(error)) from error
        if isinstance(message, Refusal):
            raise LinkError(message.message)
        assert isinstance(message, Reply)
        return bytes(message.body)

    async def _message(self) -> Any:
        length = int.from_bytes(await self._reader.readexactly(4), "big")
        if length > LIMIT:
            raise LinkError(f"{self._who} speaks another language")
        try:
            return _messages.decode(await self._reader.readexactly(length))
        except (msgspec.DecodeError, FrameError) as error:
            raise LinkError(f"{self._who} speaks another language: {error}") from error

    def _failure(self, error: Exception) -> str:
        if isinstance(error, TimeoutError):
            return (
                f"{self._who} does not answer within {PATIENCE:g} s: something may block its loop"
            )
        if isinstance(error, (EOFError, ConnectionResetError, BrokenPipeError)):
            return f"{self._who} hung up"
        return f"{self._who} can't be reached: {error}"

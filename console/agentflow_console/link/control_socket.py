"""ControlSocket: lets other programs of the same person ask a running engine, and command it.

It speaks the frames and messages of the link. Only the file's owner can connect.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from agentflow_console.link.answering import Answers, execute, look_up
from agentflow_console.link.frames import encode, frame
from agentflow_console.link.messages import (
    AnyRequest,
    Execute,
    ListSessions,
    Page,
    Pull,
    Ready,
    Refusal,
    Reply,
    ShowDeadLetter,
    ShowEvent,
    ShowHealth,
    ShowSession,
    ShowStop,
)

CLIENTS = 32
"""How many may be connected at a time; one more is turned away."""

REQUEST_LIMIT = 16 * 1024 * 1024
"""Bytes of one request: an event with its data is the biggest that there is."""

PATH_LIMIT = 100
"""Bytes of a socket's path: systems take no more than 103 or 107."""

_requests = msgspec.msgpack.Decoder(AnyRequest)
_ALLOWED = (
    Execute, ListSessions, Page, Pull, ShowDeadLetter, ShowEvent, ShowHealth, ShowSession,
    ShowStop,
)  # fmt: skip
"""Everything else is between a console and its own engine."""


class PathTooLong(OSError):
    """This system has no way to a socket at such a path."""


@contextlib.contextmanager
def address(path: Path) -> Iterator[str]:
    """``path`` as short as a socket needs it: Linux can go there by way of its folder.

    Raises PathTooLong.
    """
    if len(os.fsencode(path)) <= PATH_LIMIT:
        yield str(path)
        return
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise PathTooLong(str(error)) from error
    try:
        short = f"/proc/self/fd/{folder}/{path.name}"
        if len(os.fsencode(short)) > PATH_LIMIT or not Path(short).parent.exists():
            raise PathTooLong(str(path))
        yield short
    finally:
        os.close(folder)


class ControlSocket:
    """Serves ``control`` at ``path``, where only this user can connect.

    Where there can't be a socket it is at another path, in a private folder: look at ``path``
    after ``open``. Clients don't wait for each other, and the engine waits for
    none of them; one that speaks another language loses its connection, and that is all.
    """

    def __init__(self, control: Answers, path: Path, *, drain_timeout: float = 0.0) -> None:
        self.path = path
        self._control = control
        self._ready = Ready(os.getpid(), drain_timeout)
        self._folder: Path | None = None
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Begin to listen. Raises OSError."""
        try:
            with address(self.path) as short:
                await self._listen(short)
        except OSError:  # too long, or no place for sockets
            self._folder = Path(tempfile.mkdtemp(prefix="agentflow-"))
            self.path = self._folder / "control.sock"
            try:
                await self._listen(str(self.path))
            except BaseException:
                self._remove()
                raise

    async def _listen(self, short: str) -> None:
        self.path.unlink(missing_ok=True)
        sock = socket.socket(socket.AF_UNIX)
        try:
            with contextlib.suppress(OSError):  # not on every system: there, a moment later
                os.fchmod(sock.fileno(), 0o600)
            sock.bind(short)
            self.path.chmod(0o600)
            self._server = await asyncio.start_unix_server(
                self._connected, sock=sock, backlog=CLIENTS
            )
        except BaseException:
            sock.close()
            raise

    async def close(self) -> None:
        """Hang up on everybody and let go of the path."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        self._remove()
        for client in self._clients:
            client.cancel()
        if self._clients:
            await asyncio.wait(self._clients)

    def _remove(self) -> None:
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._clients) >= CLIENTS:
            writer.transport.abort()
            return
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer), name="control")
        self._clients.add(task)
        task.add_done_callback(self._clients.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one client, request by request, until it hangs up or makes no sense."""
        try:
            writer.write(frame(self._ready))
            while True:
                length = int.from_bytes(await reader.readexactly(4), "big")
                if length > REQUEST_LIMIT:
                    return
                request = _requests.decode(await reader.readexactly(length))
                writer.write(frame(await self._answer(request)))
                await writer.drain()  # who doesn't read gets no more
        except (asyncio.IncompleteReadError, OSError, msgspec.DecodeError, RecursionError):
            return
        finally:
            writer.transport.abort()

    async def _answer(self, request: AnyRequest) -> Reply | Refusal:
        what = type(request).__name__
        if not isinstance(request, _ALLOWED):
            return Refusal(request.number, f"{what} is not for this socket")
        try:
            body: Any
            if isinstance(request, Execute):
                body = await execute(self._control, request)
            else:
                body = look_up(self._control, request)
            return Reply(request.number, msgspec.Raw(encode(body)))
        except Exception as error:  # who asks must get an answer, whatever is wrong
            text = f"the engine could not answer {what}: {type(error).__name__}: {error}"
            return Refusal(request.number, text)

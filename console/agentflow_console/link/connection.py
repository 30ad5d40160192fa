"""Connection: the engine's end of the socket, which never makes the engine wait."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import Any

from agentflow_console.link.frames import FrameBuffer, FrameError, frame

_PIECE = 256 * 1024


class Connection:
    """One console at the other end.

    ``send`` may be called from any thread, so that the watchdog can speak while the
    loop is stuck; what the socket does not take at once is kept and sent when it does.
    ``receive`` gets each message's bytes on the loop, ``lost`` is called once when the
    other end is gone.
    """

    def __init__(
        self,
        sock: socket.socket,
        receive: Callable[[bytes], None],
        lost: Callable[[], None],
    ) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._receive = receive
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._frames = FrameBuffer()
        self._lock = threading.Lock()
        self._outbox = bytearray()
        self._open = True
        self._loop.add_reader(sock, self._readable)

    def send(self, message: Any) -> None:
        """Send, or keep until there is room. Does nothing when the other end is gone."""
        data = frame(message)
        with self._lock:
            if not self._open:
                return
            waiting = bool(self._outbox)
            self._outbox += data
            left = self._write()
        if left and not waiting:
            self._loop.call_soon_threadsafe(self._wait_for_room)

    def close(self) -> None:
        """Send what is left, waiting a second at most, and let go of the socket."""
        with self._lock:
            if not self._open:
                return
            self._open = False
            try:
                self._socket.settimeout(1.0)
                self._socket.sendall(self._outbox)
            except OSError:
                self._outbox.clear()  # nobody is there to read it
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._socket.close()

    def _write(self) -> bool:
        """Whether something is left. The lock is held."""
        try:
            while self._outbox:
                sent = self._socket.send(memoryview(self._outbox)[:_PIECE])
                del self._outbox[:sent]
        except (BlockingIOError, InterruptedError):
            return True
        except OSError:
            self._outbox.clear()  # nobody is there; reading will notice and say so
        return False

    def _wait_for_room(self) -> None:
        if self._open:
            self._loop.add_writer(self._socket, self._writable)

    def _writable(self) -> None:
        with self._lock:
            left = self._write() if self._open else False
        if not left:
            self._loop.remove_writer(self._socket)

    def _readable(self) -> None:
        try:
            data = self._socket.recv(_PIECE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        try:
            for message in self._frames.feed(data):
                self._receive(message)
        except FrameError:
            data = b""
        if not data and self._open:
            self.close()
            self._lost()

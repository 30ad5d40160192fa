"""An HTTP server on a real socket that says exactly the bytes a test wants."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias


class Request:
    """What a client asked."""

    def __init__(self, path: str, headers: dict[str, str], body: bytes) -> None:
        self.path = path
        self.headers = headers
        self.json: Any = json.loads(body)


class Server:
    """What the server has seen: its requests, how many connections, when one was dropped."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[Request] = []
        self.connections = 0
        self.hung_up = asyncio.Event()

    @property
    def request(self) -> Request:
        """The only request."""
        (request,) = self.requests
        return request


Script: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serve(script: Script) -> AsyncIterator[Server]:
    """A server on a free port that reads requests and lets ``script`` answer each."""
    server = Server()
    tasks: set[asyncio.Task[None]] = set()

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        try:
            while (request := await _read(reader)) is not None:
                server.requests.append(request)
                await script(reader, writer)
                if writer.is_closing():
                    break
        except ConnectionError:
            pass
        finally:
            server.hung_up.set()
            writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(connection(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    listening = await asyncio.start_server(accept, "127.0.0.1", 0)
    host, port = listening.sockets[0].getsockname()
    server.url = f"http://{host}:{port}"
    try:
        yield server
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await listening.wait_closed()


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.strip().split("\r\n")
    headers = {}
    for line in lines:
        key, _, value = line.partition(":")
        headers[key.lower()] = value.strip()
    body = await reader.readexactly(int(headers["content-length"]))
    return Request(first.split()[1], headers, body)


def raw(*parts: bytes) -> Script:
    """Say these bytes and hang up."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
        writer.close()

    return script


def status(code: int, body: str | dict[str, Any] = "", **headers: str) -> Script:
    """A whole response with this status; ``retry_after="3"`` is a header."""
    content = body if isinstance(body, str) else json.dumps(body)
    lines = [f"HTTP/1.1 {code} Reason", f"content-length: {len(content.encode())}"]
    lines += [f"{key.replace('_', '-')}: {value}" for key, value in headers.items()]

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write("\r\n".join([*lines, "", content]).encode())
        await writer.drain()

    return script


HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def stream(pieces: Iterable[bytes], *, whole: bool = True) -> Script:
    """A chunked response, a chunk for each piece; ``whole=False`` hangs up before its end."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        for piece in pieces:
            writer.write(chunk(piece))
            await writer.drain()
        if whole:
            writer.write(END)
            await writer.drain()
        else:
            writer.close()

    return script


def stall(*pieces: bytes) -> Script:
    """A chunked response that never goes on after ``pieces``, until the client hangs up."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"".join(map(chunk, pieces)))
        await writer.drain()
        await reader.read()

    return script


def trickle(start: bytes, again: bytes, pause: float = 0.01) -> Script:
    """Say ``start``, then ``again`` for ever, with ``pause`` seconds between."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        while not writer.is_closing():
            writer.write(again)
            await writer.drain()
            await asyncio.sleep(pause)

    return script


def ndjson(*lines: dict[str, Any]) -> list[bytes]:
    """A piece for each line of newline-separated JSON."""
    return [json.dumps(line).encode() + b"\n" for line in lines]


def sse(*chunks: dict[str, Any] | str) -> list[bytes]:
    """A piece for each server-sent event."""
    texts = [chunk if isinstance(chunk, str) else json.dumps(chunk) for chunk in chunks]
    return [f"data: {text}\n\n".encode() for text in texts]

"""One POST and its streamed answer, with every way to fail turned into a typed error.

The only module that imports httpx, which takes a while: it is itself imported only
when a provider that needs a network is made.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from functools import cache
from ipaddress import ip_address
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx
import msgspec

from agentflow.errors import ProviderError
from agentflow.llm.faults import Faults
from agentflow.llm.provider import Completion, OnToken
from agentflow.llm.settings import Settings, without_password

CONNECT_TIMEOUT = 5.0
"""Seconds for making a connection."""
MAX_CONNECTIONS = 100
"""Connections open at once, where the settings name no other number."""
MAX_BYTES = 10 * 1024 * 1024
"""How long an answer may be, as it comes over the wire."""
MAX_ERROR_BYTES = 64 * 1024
"""How much of the body of an error is read."""
DRAIN_TIMEOUT = 0.25
"""Seconds for the end of a stream whose answer is already whole."""


class Reader(Protocol):
    """Understands a provider's stream, line by line, without touching the network.

    Both methods raise a ProviderError for what they cannot understand.
    """

    done: bool
    """True once nothing that matters can follow."""

    def feed(self, line: bytes) -> str:
        """The piece of the answer that ``line`` carries, or ''."""

    def finish(self) -> tuple[str, Completion]:
        """At the end: the piece of the answer not yet handed out, and the whole."""


class Transport:
    """The connections to one provider, shared by everything that asks it."""

    def __init__(
        self, settings: Settings, url: str, headers: Mapping[str, str], faults: Faults
    ) -> None:
        """Raises ProviderUnavailable when ``url`` is no address, ProviderAuthError when
        the key cannot be sent."""
        self._faults = faults
        self._timeout = settings.timeout
        self._url = _checked_url(url, faults)
        self._address = self._url.netloc.decode("ascii")
        for value in headers.values():
            if not (value.isascii() and value.isprintable()):
                raise faults.auth("the api key or organization holds characters that no key has")
        try:
            self._client = httpx.AsyncClient(
                headers={"accept-encoding": "identity", **headers},
                verify=_certificates(),
                timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT),
                limits=httpx.Limits(max_connections=settings.max_connections or MAX_CONNECTIONS),
                # A proxy of the environment cannot reach a model server on this machine.
                trust_env=not _is_local(self._url.host),
            )
        except (OSError, ValueError, ImportError) as error:
            raise faults.unavailable(f"no connection can be set up: {error}") from None

    async def ask(self, payload: Any, reader: Reader, on_token: OnToken | None) -> Completion:
        """Send ``payload`` as JSON, hand each piece of the answer to ``on_token``.

        Raises one of the ProviderError family. A cancelled call closes its connection.
        """
        if self._client.is_closed:
            raise self._faults.unavailable("the provider is closed")
        body = msgspec.json.encode(payload)
        try:
            async with asyncio.timeout(self._timeout) as clock:
                return await self._exchange(body, reader, on_token)
        except TimeoutError:
            if not clock.expired():
                raise
            raise self._faults.timeout(f"no whole answer within {self._timeout:g} s") from None
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise self._fault_of(error) from None

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def _exchange(self, body: bytes, reader: Reader, on_token: OnToken | None) -> Completion:
        async with self._client.stream(
            "POST",
            self._url,
            content=body,
            headers={"content-type": "application/json"},
        ) as response:
            if not response.is_success:
                raise await self._refusal(response)
            async with aclosing(self._lines(response)) as lines:
                async for line in lines:
                    piece = reader.feed(line)
                    if piece and on_token is not None:
                        on_token(piece)
                    if reader.done:
                        await _drain(lines)
                        break
            piece, completion = reader.finish()
            if piece and on_token is not None:
                on_token(piece)
            return completion

    async def _lines(self, response: httpx.Response) -> AsyncGenerator[bytes, None]:
        """The lines of the body, without their ends, empty ones left out."""
        size = 0
        unfinished: list[bytes] = []
        async for chunk in response.aiter_bytes():
            size += len(chunk)
            if size > MAX_BYTES:
                raise self._faults.bad(f"the answer is longer than {MAX_BYTES // 2**20} MB")
            first, *others = chunk.split(b"\n")
            unfinished.append(first)
            for following in others:
                line = b"".join(unfinished).strip()
                unfinished = [following]
                if line:
                    yield line
        line = b"".join(unfinished).strip()
        if line:
            yield line

    async def _refusal(self, response: httpx.Response) -> ProviderError:
        body = b""
        try:
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) >= MAX_ERROR_BYTES:
                    break
        except httpx.HTTPError:
            pass  # the status alone says enough
        return self._faults.of_status(
            response.status_code,
            body[:MAX_ERROR_BYTES] or response.reason_phrase.encode(),
            response.headers.get("retry-after", ""),
        )

    def _fault_of(self, error: httpx.HTTPError | httpx.StreamError) -> ProviderError:
        reason = str(error) or type(error).__name__
        match error:
            case httpx.ConnectTimeout():
                return self._faults.timeout(
                    f"no connection to {self._address} within {CONNECT_TIMEOUT:g} s"
                )
            case httpx.ConnectError():
                return self._faults.unavailable(f"cannot connect to {self._address}: {reason}")
            case httpx.RemoteProtocolError() if not _says_closed(reason):
                return self._faults.bad(f"the answer is not HTTP: {reason}")
            case httpx.DecodingError():
                return self._faults.bad(f"the answer cannot be decompressed: {reason}")
            case _:
                return self._faults.unavailable(
                    f"the connection to {self._address} broke: {reason}"
                )


@cache
def _certificates() -> ssl.SSLContext:
    """Whom to trust. Loading that takes 20 ms, so all providers share it."""
    return httpx.create_ssl_context()


async def _drain(lines: AsyncIterator[bytes]) -> None:
    """Read to the end of a stream, if it is near, so that its connection can be used again."""
    try:
        async with asyncio.timeout(DRAIN_TIMEOUT):
            async for _ in lines:
                pass
    except (TimeoutError, httpx.HTTPError, ProviderError):
        pass  # the answer was whole before


def _says_closed(reason: str) -> bool:
    """Whether the other side hung up; httpx has one error for that and for garbage."""
    return "closed connection" in reason or "disconnected" in reason


def _checked_url(url: str, faults: Faults) -> httpx.URL:
    try:
        parts = urlsplit(url)  # stricter about brackets and ports than httpx
        parsed = httpx.URL(url)
        parsed.host.encode("idna")  # as the resolver will, where it would be no httpx error
        usable = parts.scheme in ("http", "https") and parts.port != 0 and " " not in url
        usable = usable and bool(parts.hostname)
    except (httpx.InvalidURL, ValueError):
        usable = False
    if not usable:
        raise faults.unavailable(f"base_url is no http address: {without_password(url)}")
    return parsed


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

"""Frames: messages on a stream of bytes, each with its length before it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

LIMIT = 64 * 1024 * 1024  # bytes of one message; more can only be a broken peer

_encoder = msgspec.msgpack.Encoder()


class FrameError(ValueError):
    """The bytes are not a message of this protocol."""


def encode(message: Any) -> bytes:
    """The message without its length. Raises TypeError for what is not plain data."""
    return _encoder.encode(message)


def frame(message: Any) -> bytes:
    """The message as it goes over the wire."""
    body = _encoder.encode(message)
    return len(body).to_bytes(4, "big") + body


class FrameBuffer:
    """Cuts what comes in, in pieces of any size, into whole messages."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Add what was read and give every message that is now whole.

        Raises FrameError for a length that no honest peer sends.
        """
        buffer = self._bytes
        buffer += data
        start = 0
        try:
            while len(buffer) - start >= 4:
                length = int.from_bytes(buffer[start : start + 4], "big")
                if length > LIMIT:
                    raise FrameError(f"a message of {length:,} bytes is over the limit")
                end = start + 4 + length
                if len(buffer) < end:
                    return
                body = bytes(buffer[start + 4 : end])
                start = end
                yield body
        finally:
            del buffer[:start]

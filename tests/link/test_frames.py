"""Frames: messages on a stream of bytes."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentflow.telemetry.snapshot import Blocked, Cursor
from agentflow_console.link.frames import LIMIT, FrameBuffer, FrameError, frame
from agentflow_console.link.messages import (
    AnyRequest,
    Execute,
    FromEngine,
    Pull,
    Reply,
    Stuck,
    TakeOver,
)


@given(st.lists(st.binary(max_size=50), max_size=8), st.integers(1, 20))
def test_messages_survive_any_cutting(messages: list[bytes], size: int) -> None:
    """However the stream is cut into pieces, the same messages come out in order."""
    stream = b"".join(frame(message) for message in messages)
    buffer = FrameBuffer()
    found = [
        msgspec.msgpack.decode(body)
        for start in range(0, len(stream), size)
        for body in buffer.feed(stream[start : start + size])
    ]
    assert found == messages


def test_an_absurd_length_is_refused() -> None:
    """A length that no honest peer sends ends the talk instead of filling the memory."""
    with pytest.raises(FrameError, match="over the limit"):
        list(FrameBuffer().feed((LIMIT + 1).to_bytes(4, "big")))


@pytest.mark.parametrize(
    "request_",
    [
        Pull(7, Cursor(event=3, point=1.5, tables=False)),
        Execute(8, "inject", {"event": {"data": {"größe": [1, None, 2.5]}}}, "me"),
        TakeOver(9, {"runner": {"queued": [{"id": "x"}]}, "fed": 3}),
    ],
)
def test_requests_come_out_as_they_went_in(request_: AnyRequest) -> None:
    """A request is the same on the other side, told apart from all others."""
    decoder = msgspec.msgpack.Decoder(AnyRequest)
    assert decoder.decode(msgspec.msgpack.encode(request_)) == request_


def test_what_the_engine_says_comes_out_as_it_went_in() -> None:
    """A push and the end of it, and a reply whose body is read later."""
    decoder = msgspec.msgpack.Decoder(FromEngine)
    blocked = Stuck(Blocked("analyzer", 1000.0, "handlers.py:3 in run", ["line"]))
    assert decoder.decode(msgspec.msgpack.encode(blocked)) == blocked
    assert decoder.decode(msgspec.msgpack.encode(Stuck(None))) == Stuck(None)
    body = msgspec.msgpack.encode({"a": 1})
    reply = decoder.decode(msgspec.msgpack.encode(Reply(5, msgspec.Raw(body))))
    assert (reply.number, bytes(reply.body)) == (5, body)

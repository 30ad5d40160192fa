"""Ollama's chat API, against a server on a socket."""

from __future__ import annotations

import asyncio
import json

from agentflow.llm import Completion, Message

from .conftest import Connect
from .server import ndjson, serve, stream

HELLO = [Message("system", "Be brief."), Message("user", "Hello")]


def piece(text: str) -> dict[str, object]:
    return {"model": "small:1b", "message": {"role": "assistant", "content": text}, "done": False}


DONE = {
    "model": "small:1b",
    "message": {"role": "assistant", "content": ""},
    "done": True,
    "done_reason": "length",
    "prompt_eval_count": 11,
    "eval_count": 3,
}


async def test_answer_is_put_together_with_its_token_counts(connect: Connect) -> None:
    """The pieces of the stream make the text; counts, model and reason are the server's."""
    async with serve(stream(ndjson(piece("Good "), piece("day"), piece("!"), DONE))) as server:
        completion = await connect("ollama", server.url).complete(HELLO)
    assert completion == Completion("Good day!", 11, 3, "small:1b", "length")


async def test_tokens_are_handed_on_in_order(connect: Connect) -> None:
    """on_token sees every piece that is not empty, in the order of the stream."""
    pieces = [f"{number} " for number in range(50)]
    seen: list[str] = []
    async with serve(stream(ndjson(*map(piece, pieces), DONE))) as server:
        await connect("ollama", server.url).complete(HELLO, on_token=seen.append)
    assert seen == pieces


async def test_request_carries_messages_and_options(connect: Connect) -> None:
    """The request goes to /api/chat with the options that were set, and no others."""
    async with serve(stream(ndjson(DONE))) as server:
        provider = connect("ollama", server.url + "/", temperature=0.5, max_tokens=9, top_p=0.9)
        await provider.complete(HELLO)
    assert server.request.path == "/api/chat"
    assert server.request.json == {
        "model": "small",
        "stream": True,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello"},
        ],
        "options": {"temperature": 0.5, "num_predict": 9, "top_p": 0.9},
    }


async def test_lines_may_be_split_anywhere(connect: Connect) -> None:
    """Lines that arrive byte by byte, inside a character even, make the same answer."""
    lines = (piece("Grüße, 世界 "), piece("😀"), DONE)
    body = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines).encode()
    bytewise = [body[at : at + 1] for at in range(len(body))]
    async with serve(stream(bytewise)) as server:
        completion = await connect("ollama", server.url).complete(HELLO)
    assert completion.text == "Grüße, 世界 😀"


async def test_missing_counts_read_as_zero(connect: Connect) -> None:
    """A server that leaves out its counts, as for a cached prompt, is not an error."""
    async with serve(stream(ndjson(piece("Hi"), {"done": True}))) as server:
        completion = await connect("ollama", server.url).complete(HELLO)
    assert completion == Completion("Hi", 0, 0, "small", "stop")


async def test_connection_is_used_again(connect: Connect) -> None:
    """Three answers in a row come over one connection."""
    async with serve(stream(ndjson(piece("Hi"), DONE))) as server:
        provider = connect("ollama", server.url)
        for _ in range(3):
            await provider.complete(HELLO)
        assert len(server.requests) == 3
        assert server.connections == 1


async def test_no_more_connections_than_allowed(connect: Connect) -> None:
    """With max_connections 2, ten calls at once share two connections."""
    async with serve(stream(ndjson(piece("Hi"), DONE))) as server:
        provider = connect("ollama", server.url, max_connections=2)
        await asyncio.gather(*(provider.complete(HELLO) for _ in range(10)))
        assert len(server.requests) == 10
        assert server.connections == 2

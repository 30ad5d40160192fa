"""Every way in which a provider can fail, against a server on a socket."""

from __future__ import annotations

import asyncio
import gzip
import socket
import time
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from agentflow.errors import (
    ProviderAuthError,
    ProviderBadResponse,
    ProviderError,
    ProviderRateLimited,
    ProviderRejected,
    ProviderServerError,
    ProviderTimeout,
    ProviderUnavailable,
)
from agentflow.llm import Message
from agentflow.llm.faults import parse_retry_after

from .conftest import KEY, Connect
from .server import HEAD, chunk, ndjson, raw, serve, sse, stall, status, stream, trickle

HELLO = [Message("user", "Hello")]
FIRST = {
    "ollama": ndjson({"message": {"content": "Hi"}, "done": False})[0],
    "openai": sse({"choices": [{"delta": {"content": "Hi"}}]})[0],
}

both = pytest.mark.parametrize("kind", ["ollama", "openai"])


@both
@pytest.mark.parametrize(
    ("code", "error"),
    [
        (401, ProviderAuthError),
        (403, ProviderAuthError),
        (429, ProviderRateLimited),
        (500, ProviderServerError),
        (503, ProviderServerError),
        (529, ProviderServerError),
        (400, ProviderRejected),
        (404, ProviderRejected),
        (422, ProviderRejected),
        (302, ProviderBadResponse),
    ],
)
async def test_status_is_a_typed_error(
    connect: Connect, kind: str, code: int, error: type[ProviderError]
) -> None:
    """Each HTTP status is its own error, with the server's words in the message."""
    async with serve(status(code, {"error": {"message": "it is\nso"}})) as server:
        with pytest.raises(error, match=f"^local: .*{code}: it is so$") as caught:
            await connect(kind, server.url).complete(HELLO)
    assert type(caught.value) is error
    assert getattr(caught.value, "status", code) == code


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"error": "model \'x\' not found"}', "model 'x' not found"),
        ('{"message": "no such path"}', "no such path"),
        ('{"detail": "not here"}', "not here"),
        ('["odd"]', '["odd"]'),
        ("<h1>Not\x1b[31m Found</h1>", "<h1>Not[31m Found</h1>"),
        ("", "Reason"),
    ],
)
async def test_server_words_are_found_in_any_body(connect: Connect, body: str, words: str) -> None:
    """The usual forms of an error body are understood, others shown, control codes not."""
    async with serve(status(404, body)) as server:
        with pytest.raises(ProviderRejected) as caught:
            await connect("ollama", server.url).complete(HELLO)
    assert str(caught.value) == f"local: 404: {words}"


async def test_long_words_are_shortened(connect: Connect) -> None:
    """A server that answers with a book does not fill the screen."""
    async with serve(status(400, "x" * 200_000)) as server:
        with pytest.raises(ProviderRejected) as caught:
            await connect("openai", server.url).complete(HELLO)
    assert len(str(caught.value)) < 250


async def test_status_counts_even_when_its_body_breaks_off(connect: Connect) -> None:
    """A 500 whose body never comes in full is still a server error."""
    head = b"HTTP/1.1 500 Internal Error\r\ncontent-length: 500\r\n\r\nsorry"
    async with serve(raw(head)) as server:
        with pytest.raises(ProviderServerError, match="500"):
            await connect("openai", server.url).complete(HELLO)


@pytest.mark.parametrize(("header", "seconds"), [("3", 3.0), ("0.5", 0.5), ("soon", None)])
async def test_retry_after_is_read(connect: Connect, header: str, seconds: float | None) -> None:
    """The seconds of Retry-After are on the error, None when they make no sense."""
    async with serve(status(429, "slow down", retry_after=header)) as server:
        with pytest.raises(ProviderRateLimited) as caught:
            await connect("openai", server.url).complete(HELLO)
    assert caught.value.retry_after == seconds


def test_retry_after_may_be_a_date() -> None:
    """A date counts from now, a date in the past is at once."""
    now = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
    later = format_datetime(now + timedelta(seconds=90), usegmt=True)
    assert parse_retry_after(later, now.timestamp()) == 90.0
    assert parse_retry_after(later, now.timestamp() + 500) == 0.0


@pytest.mark.parametrize("text", ["", "-1", "nan", "inf", "1e999", "Wed, 99 Foo", "tomorrow"])
def test_retry_after_nonsense_is_none(text: str) -> None:
    """What is neither seconds nor a date says nothing."""
    assert parse_retry_after(text) is None


@both
async def test_refused_connection_is_unavailable(connect: Connect, kind: str) -> None:
    """A port at which nobody listens is said by its address."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(ProviderUnavailable, match=f"cannot connect to 127.0.0.1:{port}"):
            await connect(kind, f"http://127.0.0.1:{port}").complete(HELLO)


async def test_unknown_host_is_unavailable(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that does not resolve is said by its name."""

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(ProviderUnavailable, match=r"models\.invalid.*not known"):
        await connect("ollama", "http://models.invalid:11434").complete(HELLO)


@pytest.mark.parametrize(
    "url",
    [
        "localhost:11434",
        "ftp://example.org",
        "http://",
        "http://[",
        "http://a b",
        "http://a:b",
        "http://a:99999",
        "http://a:0",
        f"http://{'a' * 70}.invalid",
        "x\0",
    ],
)
def test_wrong_address_is_refused_at_once(connect: Connect, url: str) -> None:
    """What is no http address is refused before anything is asked."""
    with pytest.raises(ProviderUnavailable, match="base_url is no http address"):
        connect("ollama", url)


@both
async def test_broken_stream_is_unavailable(connect: Connect, kind: str) -> None:
    """A connection that is cut in the middle of an answer is no answer."""
    async with serve(stream([FIRST[kind]], whole=False)) as server:
        with pytest.raises(ProviderUnavailable, match="broke"):
            await connect(kind, server.url).complete(HELLO)


@both
async def test_hanging_up_without_a_word_is_unavailable(connect: Connect, kind: str) -> None:
    """A server that closes the connection instead of answering is unavailable."""
    async with serve(raw()) as server:
        with pytest.raises(ProviderUnavailable, match="broke"):
            await connect(kind, server.url).complete(HELLO)


@both
@pytest.mark.parametrize(
    "response",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
        HEAD + b"nonsense\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nxxxx",
    ],
)
async def test_what_is_not_http_is_a_bad_response(
    connect: Connect, kind: str, response: bytes
) -> None:
    """Another protocol, broken headers, chunks or compression are bad responses."""
    async with serve(raw(response)) as server:
        with pytest.raises(ProviderBadResponse):
            await connect(kind, server.url).complete(HELLO)


async def test_endless_headers_end(connect: Connect) -> None:
    """A head that never ends is cut off by its size."""
    head = b"HTTP/1.1 200 OK\r\n" + b"".join(b"x-%d: %b\r\n" % (n, b"y" * 99) for n in range(3000))
    async with serve(raw(head)) as server:
        with pytest.raises(ProviderBadResponse):
            await connect("openai", server.url).complete(HELLO)


@both
@pytest.mark.parametrize(
    "rest", [b"{not json}\n", b"data: {not json}\n\n", b"\xff\xfe\n", b"[1]\n", b"data: 7\n\n"]
)
async def test_malformed_stream_is_a_bad_response(connect: Connect, kind: str, rest: bytes) -> None:
    """A line that cannot be read in the middle of an answer is a bad response."""
    async with serve(stream([FIRST[kind], rest])) as server:
        with pytest.raises(ProviderBadResponse):
            await connect(kind, server.url).complete(HELLO)


@both
@pytest.mark.parametrize("pieces", [0, 1])
async def test_stream_that_ends_early_is_a_bad_response(
    connect: Connect, kind: str, pieces: int
) -> None:
    """A stream that ends in good order but is not done is not taken for an answer."""
    async with serve(stream([FIRST[kind]] * pieces)) as server:
        with pytest.raises(ProviderBadResponse, match="before the answer was done"):
            await connect(kind, server.url).complete(HELLO)


@both
@pytest.mark.parametrize("line", [{"done": False}, {}, {"message": {"content": ["x"]}}])
async def test_missing_fields_are_a_bad_response(
    connect: Connect, kind: str, line: dict[str, object]
) -> None:
    """A line without a message, or with one of the wrong type, is a bad response."""
    pieces = ndjson(line) if kind == "ollama" else sse(line)
    async with serve(stream(pieces)) as server:
        with pytest.raises(ProviderBadResponse):
            await connect(kind, server.url).complete(HELLO)


@both
@pytest.mark.parametrize(
    ("report", "error"),
    [
        ("the model crashed", ProviderBadResponse),
        ({"message": "odd"}, ProviderBadResponse),
        ({"message": "wait", "type": "rate_limit_exceeded"}, ProviderRateLimited),
        ({"message": "paid?", "code": "insufficient_quota"}, ProviderRateLimited),
        ({"message": "busy", "type": "overloaded_error"}, ProviderServerError),
        ({"message": "upstream", "code": 502}, ProviderServerError),
        ({"message": "who?", "code": "invalid_api_key"}, ProviderAuthError),
        ({"message": "too long", "type": "invalid_request_error"}, ProviderRejected),
    ],
)
async def test_error_inside_a_stream_is_typed(
    connect: Connect, kind: str, report: object, error: type[ProviderError]
) -> None:
    """An error object after the answer has begun is the error that it names."""
    line: dict[str, object] = {"error": report}
    rest = ndjson(line) if kind == "ollama" else sse(line)
    words = report if isinstance(report, str) else report["message"]  # type: ignore[index]
    async with serve(stream([FIRST[kind], *rest])) as server:
        with pytest.raises(ProviderError, match=str(words).replace("?", r"\?")) as caught:
            await connect(kind, server.url).complete(HELLO)
    assert type(caught.value) is error


@both
async def test_silence_times_out(connect: Connect, kind: str) -> None:
    """A server that takes the request and never answers is a timeout."""
    async with serve(trickle(b"", b"")) as server:
        with pytest.raises(ProviderTimeout, match=r"within 0\.1 s"):
            await connect(kind, server.url, timeout=0.1).complete(HELLO)


@both
async def test_trickle_times_out(connect: Connect, kind: str) -> None:
    """An answer that goes on for ever ends at the timeout, however lively it is."""
    begun = time.monotonic()
    async with serve(trickle(HEAD, chunk(FIRST[kind]))) as server:
        with pytest.raises(ProviderTimeout):
            await connect(kind, server.url, timeout=0.2).complete(HELLO)
        await asyncio.wait_for(server.hung_up.wait(), 20)
    assert time.monotonic() - begun < 2


async def test_trickling_headers_time_out(connect: Connect) -> None:
    """Headers that drip in one by one do not hold a caller longer than the timeout."""
    async with serve(trickle(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n")) as server:
        with pytest.raises(ProviderTimeout):
            await connect("ollama", server.url, timeout=0.2).complete(HELLO)


async def test_drip_after_done_does_not_spoil_the_answer(connect: Connect) -> None:
    """Once the answer is whole, a stream that does not end is left alone."""
    done = ndjson({"message": {"content": "!"}, "done": True})[0]
    async with serve(stall(FIRST["ollama"], done)) as server:
        completion = await connect("ollama", server.url).complete(HELLO)
    assert completion.text == "Hi!"


async def test_size_is_bounded(connect: Connect) -> None:
    """An answer of more than 10 MB is given up, though each line of it is fine."""
    line = ndjson({"message": {"content": "x" * 60_000}, "done": False})[0]
    async with serve(trickle(HEAD, chunk(line), pause=0)) as server:
        with pytest.raises(ProviderBadResponse, match="longer than 10 MB"):
            await connect("ollama", server.url).complete(HELLO)


async def test_compressed_answers_are_read(connect: Connect) -> None:
    """A server that compresses although it was asked not to is understood."""
    lines = ndjson({"message": {"content": "packed"}, "done": True})
    body = gzip.compress(b"".join(lines))
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(body)
    async with serve(raw(head + body)) as server:
        completion = await connect("ollama", server.url).complete(HELLO)
    assert completion.text == "packed"


@both
async def test_cancelling_closes_the_connection(connect: Connect, kind: str) -> None:
    """A call that is cancelled in the middle of its answer hangs up."""
    begun = asyncio.Event()
    async with serve(stall(FIRST[kind])) as server:
        provider = connect(kind, server.url)
        call = asyncio.create_task(provider.complete(HELLO, on_token=lambda _: begun.set()))
        await asyncio.wait_for(begun.wait(), 20)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.wait_for(server.hung_up.wait(), 20)


async def test_other_calls_survive_a_cancelled_one(connect: Connect) -> None:
    """A provider answers on after one of its calls was cancelled."""
    scripts = [
        stall(FIRST["ollama"]),
        stream(ndjson({"message": {"content": "fine"}, "done": True})),
    ]

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await scripts.pop(0)(reader, writer)

    begun = asyncio.Event()
    async with serve(script) as server:
        provider = connect("ollama", server.url)
        call = asyncio.create_task(provider.complete(HELLO, on_token=lambda _: begun.set()))
        await asyncio.wait_for(begun.wait(), 20)
        call.cancel()
        assert (await provider.complete(HELLO)).text == "fine"
        with pytest.raises(asyncio.CancelledError):
            await call


@both
@pytest.mark.parametrize("error", [TimeoutError, UnicodeError, ConnectionError])
async def test_listener_that_raises_is_not_a_provider_error(
    connect: Connect, kind: str, error: type[Exception]
) -> None:
    """What on_token raises comes out as it is, even when it looks like a failure of the network."""

    def listener(token: str) -> None:
        raise error(f"mine: {token}")

    async with serve(stall(FIRST[kind])) as server:
        with pytest.raises(error, match="mine: Hi") as caught:
            await connect(kind, server.url).complete(HELLO, on_token=listener)
    assert not isinstance(caught.value, ProviderError)


@both
async def test_key_never_shows(connect: Connect, kind: str) -> None:
    """A server that repeats the key in its error does not get it onto a screen."""
    async with serve(status(401, {"error": f"bad key {KEY}"})) as server:
        with pytest.raises(ProviderAuthError, match=r"bad key \[key\]") as caught:
            await connect(kind, server.url).complete(HELLO)
    assert KEY not in "".join(traceback.format_exception(caught.value))


@both
@pytest.mark.parametrize("key", ["sk-secret\nx: y", "sk-sécret", "sk-\0secret"])
def test_key_that_cannot_be_sent_is_refused(connect: Connect, kind: str, key: str) -> None:
    """A key with a line end or the like is refused at once, without being shown."""
    with pytest.raises(ProviderAuthError) as caught:
        connect(kind, "http://127.0.0.1:1", api_key=key)
    assert key not in str(caught.value)


async def test_password_in_the_address_never_shows(connect: Connect) -> None:
    """The user and password of an address stay out of errors."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(ProviderUnavailable) as caught:
            await connect("ollama", f"http://me:hunter2@127.0.0.1:{port}").complete(HELLO)
    assert "hunter2" not in str(caught.value)


@both
async def test_closed_provider_is_unavailable(connect: Connect, kind: str) -> None:
    """Asking after aclose is a typed error, closing twice is none."""
    provider = connect(kind, "http://127.0.0.1:1")
    await provider.aclose()
    await provider.aclose()
    with pytest.raises(ProviderUnavailable, match="closed"):
        await provider.complete(HELLO)
